import pytest

from console_sim.settings import Settings
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

from .conftest import TASKS, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
PUBLIC = "/login"
NEEDS_A_NAME = ("/edit", "/webhook", "/process", "/type", "/action", "/policy", "/duplicate", "/decide")
ELSEWHERE = {"Host": "elsewhere.example"}


async def test_walk_finds_the_pages(site: Site) -> None:
    """The walk covers the console's pages and both cockpit tabs of the product."""
    shown = shown_pages(site.app)
    assert {"/", PUBLIC, TASKS, "/ui/base.css"} <= set(shown)
    assert {"/__cockpit", "/__cockpit/approvals", "/__cockpit/deliveries"} <= set(of_cockpit(shown))


async def test_this_machine_sees_every_page(site: Site) -> None:
    """Without a token, browsers on this machine see every page except the log-in page."""
    await site.set_up()
    for path in of_product(shown_pages(site.app)):
        shown = await site.person.get(path)
        expected = 403 if path == PUBLIC else 404 if path.endswith(NEEDS_A_NAME) else 200
        assert (path, shown.status, PUBLIC in shown.url) == (path, expected, path == PUBLIC)


@pytest.mark.long
async def test_links_lead_to_every_page(site: Site) -> None:
    """From the first page, before and after the set-up, each row of the tables of pages, unless it says why not."""

    async def get(path: str) -> tuple[str, str]:
        shown = await site.person.get(path)
        return shown.url, shown.html

    found = await linked(site.app, get)
    await site.set_up()
    await site.ask()
    found |= await linked(site.app, get)
    assert {path for path, reason in rows(site.app).items() if not reason} == found & rows(site.app).keys()


@pytest.mark.long
@pytest.mark.parametrize("settings", [Settings(admin_token="open-sesame")])
async def test_visitors_see_the_log_in_page_alone(site: Site) -> None:
    """Every other page redirects them there, and so does a form with a visitor's token."""
    for path in of_product(shown_pages(site.app)):
        shown = await site.person.get(path, headers=ELSEWHERE)
        assert (path, shown.status, shown.url.partition("?")[0]) == (path, 200, f"{site.url}{PUBLIC}")
    hidden = (await site.person.get(PUBLIC)).hidden()
    for path in of_product(posted_pages(site.app)):
        shown = await site.person.post(path, hidden, headers=ELSEWHERE)
        assert (path, shown.status, shown.url) == (path, 422 if path == PUBLIC else 200, f"{site.url}{PUBLIC}")


@pytest.mark.parametrize("settings", [Settings(admin_token="open-sesame")])
async def test_log_in_opens_every_page(site: Site) -> None:
    """If there is a token, browsers on this machine must log in too."""
    for path in of_product(shown_pages(site.app)):
        assert (path, (await site.person.get(path)).url.partition("?")[0]) == (path, f"{site.url}{PUBLIC}")
    form = (await site.person.get(PUBLIC)).hidden() | {"key": "open-sesame"}
    assert (await site.person.post(PUBLIC, form)).url == f"{site.url}/"
    for path in of_product(shown_pages(site.app)):
        shown = await site.person.get(path)
        assert (path, shown.url == f"{site.url}{PUBLIC}") == (path, path == PUBLIC)


async def test_cockpit_is_closed_to_other_machines(site: Site) -> None:
    """Each of its pages is open to this machine and locked to a browser that calls it by another name."""
    await site.person.http.get(f"{site.url}/Tms/services/api/v1/version/Current")
    for path in of_cockpit(shown_pages(site.app)):
        assert (path, (await site.person.get(path)).status) == (path, 404 if path.endswith(NOBODYS) else 200)
        shown = await site.person.get(path, headers=ELSEWHERE)
        assert (path, shown.status, "Control plane token" in shown.html) == (path, 403, True)


@pytest.mark.long
async def test_every_page_keeps_the_policy(site: Site) -> None:
    """Pages and their files forbid inline scripts and other hosts, and have neither."""
    await site.set_up()
    await site.ask()
    for path in (*shown_pages(site.app), "/ui/live.js", "/ui/style.css", "/ui/icon.svg"):
        shown = await site.person.get(path)
        assert (path, breaches(shown.headers, shown.html)) == (path, [])


@pytest.mark.long
async def test_no_page_loads_much_script(site: Site) -> None:
    """All scripts of a page, with the modules that they import, have at most 30 kB."""

    async def get(path: str) -> tuple[str, str]:
        shown = await site.person.get(path)
        return shown.url, shown.html

    await site.set_up()
    await site.ask()
    for path in (*of_product(pages := shown_pages(site.app)), *of_cockpit(pages)):
        sizes = await script_sizes(path, get)
        assert (path, len(sizes) >= 3, sum(sizes.values()) <= MOST_SCRIPT) == (path, True, True), sizes


async def test_every_form_needs_its_token(site: Site) -> None:
    """Without the session's token no page takes a form."""
    for path in posted_pages(site.app):
        for token in ("", "0" * 64, "é"):
            shown = await site.person.post(path, {"__RequestVerificationToken": token, "cockpit_token": token})
            assert (path, shown.status, EXPIRED in shown.text) == (path, 403, True)


@pytest.mark.long
async def test_every_form_has_its_token(site: Site) -> None:
    """Each form on each page carries the token that its post requires."""
    await site.set_up()
    await site.ask()
    for path in shown_pages(site.app):
        assert (path, forms_without_token((await site.person.get(path)).html)) == (path, [])


async def test_no_page_is_journaled_or_meets_a_fault(site: Site) -> None:
    """Looking at a page leaves no trace; of a posted form, the product's journal keeps the address and status."""
    await site.admin("POST", "/faults", {"kind": "status", "status": 503, "times": None})
    for path in shown_pages(site.app):
        for method in ("GET", "HEAD"):
            assert (path, (await site.person.call(method, path)).status == 503) == (path, False)
    assert (await site.admin("GET", "/requests"))["requests"] == []
    for path in posted_pages(site.app):
        assert (path, (await site.person.post(path, {})).status) == (path, 403)
    found = (await site.admin("GET", "/requests"))["requests"]
    posted = [(each["method"], each["url"], each["status"], each["request"]["body"]) for each in found]
    assert posted == [("POST", path, 403, "") for path in of_product(posted_pages(site.app))]
    [fault] = (await site.admin("GET", "/faults"))["faults"]
    assert fault["struck"] == 0
