import json
from dataclasses import replace

import pytest
from aiohttp import ClientSession

from mock_servicenow.app import Blueprint, create_app
from mock_servicenow.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

from .conftest import REQUEST, SECRET, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
async def test_form_without_its_token_is_refused(site: Site, token: str) -> None:
    """A forged form changes nothing."""
    sys_id = await site.ask()
    person = await site.person("privman.approver")
    values = {"sys_action": "decide:Approve", "sys_mod_count": "0", "sysparm_ck": token}
    for path in (f"/{REQUEST}.do?sys_id={sys_id}", "/login.do", "/logout.do"):
        shown = await person.post(path, values)
        assert (shown.status, "This form has expired. Nothing was changed." in shown.html) == (403, True)
    assert (await site.read(REQUEST, sys_id))["status"] == "Pending"
    assert (await person.get("/")).url == f"{site.url}/"


async def test_post_without_a_session_leads_to_the_log_in(site: Site) -> None:
    """A visitor changes nothing, not even with their own token."""
    sys_id = await site.ask()
    nobody = await site.person("")
    nobody.token = (await nobody.get("/login.do")).token
    shown = await nobody.post(f"/{REQUEST}.do?sys_id={sys_id}", {"sys_action": "decide:Approve"})
    assert "/login.do?sysparm_goto=/" in shown.url
    assert (await site.read(REQUEST, sys_id))["status"] == "Pending"


async def test_journal_has_posted_forms_without_their_fields(site: Site) -> None:
    """Looking at a page is not journaled; posting a form is, with its status, findings and no body."""
    person = await site.person("privman.admin")
    sys_id = await site.insert("u_toy", {"u_name": "bear"})
    values = {"sys_action": "update", "sys_mod_count": "0", "u_toy.u_key": SECRET}
    await person.post(f"/u_toy.do?sys_id={sys_id}", values)
    found = (await site.call("GET", "/__admin/requests"))["requests"]
    pages = [each for each in found if not each["url"].startswith("/api/")]
    assert [(each["method"], each["url"], each["status"]) for each in pages] == [
        ("POST", "/login.do", 303),
        ("POST", f"/u_toy.do?sys_id={sys_id}", 303),
    ]
    assert [each["request"]["body"] for each in pages] == ["", ""]


async def test_pages_use_up_no_faults(site: Site) -> None:
    """A fault that waits for the next request is not used up by an open browser."""
    await site.call("POST", "/__admin/faults", json={"kind": "status"})
    assert (await (await site.person()).get("/")).status == 200
    assert len((await site.call("GET", "/__admin/faults"))["faults"]) == 1


async def test_only_packaged_files_are_served(site: Site) -> None:
    """The path of a static file cannot reach other files."""
    person = await site.person("")
    for path in ("/ui/none.css", "/ui/..%2fstatic%2fstyle.css", "/ui/instance_pages.py", "/ui/templates"):
        assert (await person.get(path)).status == 404


@pytest.mark.parametrize("content_type", ["multipart/form-data", "application/x-www-form-urlencoded; charset=klingon"])
async def test_unreadable_form_is_refused(site: Site, content_type: str) -> None:
    """It lacks its token."""
    person = await site.person()
    async with person.http.post(f"{site.url}/logout.do", data=b"x", headers={"Content-Type": content_type}) as answer:
        assert answer.status == 403
    assert (await person.get("/")).url == f"{site.url}/"


async def test_pages_link_to_the_cockpit(site: Site, blueprint: Blueprint, settings: Settings) -> None:
    """The banner has a link to the tester's cockpit if there is one."""
    assert 'href="/__cockpit"' in (await (await site.person("")).get("/login.do")).html
    app = create_app(replace(settings, control_plane=False), clock=VirtualClock(), ids=Ids(1), blueprint=blueprint)
    async with serving(app, "127.0.0.1", 0) as url, ClientSession() as http, http.get(f"{url}/login.do") as answer:
        assert "cockpit" not in await answer.text()


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}], ids=str
)
async def test_form_of_another_site_is_refused(site: Site, headers: dict[str, str]) -> None:
    """Even with the token of this session; one of the own site is not."""
    person = await site.person()
    form = {"sysparm_ck": person.token}
    refused = await person.post("/logout.do", form, headers=headers)
    assert (refused.status, "A page of another site sent it." in refused.html) == (403, True)
    own = {"Origin": site.url, "Sec-Fetch-Site": "same-origin"}
    assert (await person.post("/logout.do", form, headers=own)).status == 200


async def test_expired_form_shows_what_was_typed(site: Site) -> None:
    """It says why nothing was changed, repeats no secret, and leads to the log-in and back, or to the form."""
    sys_id = await site.insert("u_toy", {"u_name": "bear"})
    person, path = await site.person(), f"/u_toy.do?sys_id={sys_id}"
    pairs = {"u_toy.u_pairs.name": "Password", "u_toy.u_pairs.value": SECRET}
    typed = {
        "u_toy.u_name": "a long text",
        "u_toy.active": ["false", "true"],
        "u_toy.u_key": SECRET,
        "unseen": "u_toy.u_key",
        **pairs,
    }
    old = {"sysparm_ck": person.token, "sys_action": "update", **typed}
    await person.post("/logout.do", {})
    out = await person.post(path, old)
    assert "You are logged out." in out.html
    assert f'<a href="/login.do?sysparm_goto=%2Fu_toy.do%3Fsys_id%3D{sys_id}">Log in</a>' in out.html
    await person.log_in("admin")
    again = await person.post(path, old)
    assert "It was opened in another session" in again.html
    assert f'<a href="{path}">Open the page again</a>' in again.html
    for shown in (out, again):
        assert (shown.status, "<dd>a long text</dd>" in shown.html, SECRET in shown.html) == (403, True, False)
        assert shown.html.count("<dt>Active</dt>") == 1
    foreign = await person.post(path, old, headers={"Sec-Fetch-Site": "cross-site"})
    assert ("A page of another site sent it." in foreign.html, "a long text" in foreign.html) == (True, False)


async def test_no_text_turns_its_direction(site: Site) -> None:
    """Lists, previews, details, titles and read-only fields show the control; a field that is edited keeps it."""
    turned, shown = "evil\u202egpj.exe", "evil\\u202egpj.exe"
    request = await site.ask()
    await site.change(REQUEST, request, {"metadata": json.dumps({"FileName": turned, "UserReason": "a\nb"})})
    incident = await site.insert("incident", {"short_description": turned, "description": "a\r\nb"})
    person = await site.person()
    for path in (f"/{REQUEST}_list.do", f"/{REQUEST}.do?sys_id={request}", "/incident_list.do"):
        html = (await person.get(path)).html
        assert (path, shown in html, "\u202e" in html, "\\r" in html) == (path, True, False, False)
    form = (await person.get(f"/incident.do?sys_id={incident}")).html
    assert f'value="{turned}"' in form
