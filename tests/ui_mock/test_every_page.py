import pytest

from tests.page_walk import (
    EXPIRED,
    MOST_SCRIPT,
    NOBODYS,
    breaches,
    forms_without_token,
    linked,
    of_cockpit,
    of_product,
    posted_pages,
    rows,
    script_sizes,
    shown_pages,
)

from .conftest import REQUEST, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
PUBLIC = "/login.do"


async def test_walk_finds_the_pages(site: Site) -> None:
    """The walk covers lists, forms and both cockpit tabs of the product."""
    shown = shown_pages(site.app)
    assert {"/", "/nav_to.do", PUBLIC, "/incident_list.do", "/incident.do", "/ui/base.css"} <= set(shown)
    assert {"/__cockpit", "/__cockpit/approvals", "/__cockpit/deliveries"} <= set(of_cockpit(shown))


async def test_users_see_every_page(site: Site) -> None:
    """Whoever has logged in sees every page."""
    person = await site.person()
    for path in of_product(shown_pages(site.app)):
        shown = await person.get(path)
        assert (path, shown.status, shown.headers["Content-Type"]) == (path, 200, "text/html; charset=utf-8")
        assert (path, "/login.do" in shown.url) == (path, path == PUBLIC)


@pytest.mark.long
async def test_links_lead_to_every_page(site: Site) -> None:
    """From the navigator, a user reaches each row of the tables of pages, unless the row says why not."""
    await site.ask()
    person = await site.person("privman.approver")

    async def get(path: str) -> tuple[str, str]:
        shown = await person.get(path)
        return shown.url, shown.html

    found = await linked(site.app, get)
    assert {path for path, reason in rows(site.app).items() if not reason} == found & rows(site.app).keys()


async def test_visitors_see_the_log_in_page_alone(site: Site) -> None:
    """Every other page redirects them there, and so does a form with a visitor's token."""
    nobody = await site.person("")
    for path in of_product(shown_pages(site.app)):
        shown = await nobody.get(path)
        assert (path, shown.status, shown.url.partition("?")[0]) == (path, 200, f"{site.url}{PUBLIC}")
    nobody.token = (await nobody.get(PUBLIC)).token
    for path in of_product(posted_pages(site.app)):
        shown = await nobody.post(path, {})
        assert (path, shown.status, shown.url.partition("?")[0]) == (path, 200, f"{site.url}{PUBLIC}")


async def test_cockpit_is_closed_to_other_machines(site: Site) -> None:
    """Each of its pages is open to this machine and locked to a browser that calls it by another name."""
    nobody = await site.person("")
    await site.call("GET", "/api/now/table/incident")
    for path in of_cockpit(shown_pages(site.app)):
        assert (path, (await nobody.get(path)).status) == (path, 404 if path.endswith(NOBODYS) else 200)
        shown = await nobody.get(path, headers={"Host": "elsewhere.example"})
        assert (path, shown.status, "Control plane token" in shown.html) == (path, 403, True)


async def test_every_page_keeps_the_policy(site: Site) -> None:
    """Pages and their files forbid inline scripts and other hosts, and have neither."""
    sys_id = await site.ask()
    person = await site.person()
    more = (f"/{REQUEST}.do?sys_id={sys_id}", "/no.do", "/ui/live.js", "/ui/style.css", "/ui/icon.svg")
    for path in (*shown_pages(site.app), *more):
        shown = await person.get(path)
        assert (path, breaches(shown.headers, shown.html)) == (path, [])


@pytest.mark.long
async def test_no_page_loads_much_script(site: Site) -> None:
    """All scripts of a page, with the modules that they import, have at most 30 kB."""
    sys_id = await site.ask()
    person = await site.person()

    async def get(path: str) -> tuple[str, str]:
        shown = await person.get(path)
        return shown.url, shown.html

    for path in (*of_product(pages := shown_pages(site.app)), *of_cockpit(pages), f"/{REQUEST}.do?sys_id={sys_id}"):
        sizes = await script_sizes(path, get)
        assert (path, len(sizes) >= 3, sum(sizes.values()) <= MOST_SCRIPT) == (path, True, True), sizes


async def test_every_form_needs_its_token(site: Site) -> None:
    """Without the session's token no page takes a form."""
    person = await site.person()
    for path in posted_pages(site.app):
        for token in ("", "0" * 64, "é"):
            shown = await person.post(path, {"sysparm_ck": token, "cockpit_token": token})
            assert (path, shown.status, EXPIRED in shown.html) == (path, 403, True)


async def test_every_form_has_its_token(site: Site) -> None:
    """Each form on each page, and on a record with a decision, carries the token that its post requires."""
    sys_id = await site.ask()
    person = await site.person("privman.approver")
    for path in (*shown_pages(site.app), f"/{REQUEST}.do?sys_id={sys_id}"):
        assert (path, forms_without_token((await person.get(path)).html)) == (path, [])


async def test_no_page_is_journaled_or_meets_a_fault(site: Site) -> None:
    """Looking at a page leaves no trace; of a posted form, the product's journal keeps the address and status."""
    person = await site.person()
    await site.call("DELETE", "/__admin/requests")
    await site.call("POST", "/__admin/faults", json={"kind": "status", "times": None})
    for path in shown_pages(site.app):
        for method in ("GET", "HEAD"):
            shown = await person.call(method, path)
            is_kept = not path.startswith("/__cockpit/exchanges/servicenow/1") and not path.endswith(NOBODYS)
            assert (path, shown.status) == (path, 200 if is_kept else 404)
    assert (await site.call("GET", "/__admin/requests"))["requests"] == []
    for path in posted_pages(site.app):
        assert (path, (await person.post(path, {"sysparm_ck": ""})).status) == (path, 403)
    found = (await site.call("GET", "/__admin/requests"))["requests"]
    posted = [(each["method"], each["url"], each["status"], each["request"]["body"]) for each in found]
    assert posted == [("POST", path, 403, "") for path in of_product(posted_pages(site.app))]
    [fault] = (await site.call("GET", "/__admin/faults"))["faults"]
    assert fault["struck"] == 0
