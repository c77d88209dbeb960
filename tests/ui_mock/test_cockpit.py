import re
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientSession, encode_basic_auth

from mock_servicenow.app import Blueprint, create_app
from mock_servicenow.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

from .conftest import GUID, REQUEST, SECRET, Person, Shown, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


def _cells(html: str) -> list[list[str]]:
    """Return the text of the cells of a page's first table."""
    body = html.split("<tbody>", 1)[1].split("</tbody>", 1)[0]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in re.split(r"<tr[^>]*>", body)[1:]]
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in cells]


async def _looking(site: Site, path: str) -> Shown:
    return await (await site.person("")).get(f"/__cockpit{path}")


async def _decide(site: Site, sys_id: str, **values: str) -> Person:
    person = await site.person("privman.approver")
    form = {"sys_mod_count": "0", "sys_action": "decide:Approve"} | values
    await person.post(f"/{REQUEST}.do?sys_id={sys_id}", form)
    await site.clock.settle()
    return person


@pytest.mark.long
async def test_deliveries_show_past_and_next_attempts(site: Site) -> None:
    """A decision that the console refused is pending, with the time of the next attempt, and later delivered."""
    sys_id = await site.ask()
    site.statuses = [503]
    await _decide(site, sys_id)
    path = "/deliveries"
    assert _cells((await _looking(site, path)).html) == [
        ["ServiceNow", "Approve", f"{GUID[:8]}…", "pending", "09:00:00 503", "09:00:50 (50 s)"]
    ]
    await site.clock.advance(50)
    assert _cells((await _looking(site, path)).html) == [
        ["ServiceNow", "Approve", f"{GUID[:8]}…", "delivered", "09:00:00 503 09:00:50 200", ""]
    ]


async def test_impossible_delivery_shows_its_error(site: Site) -> None:
    """An unusable registration is named as the reason."""
    sys_id = await site.ask()
    instance_id = (await site.read(REQUEST, sys_id))["instance_id"]
    table = "x_thyti_thycotic_p_integration_configuration"
    await site.change(table, instance_id, {"instance_metadata": '{"Token Url": "nowhere"}'})
    await _decide(site, sys_id)
    row = _cells((await _looking(site, "/deliveries")).html)[0]
    assert row[3].startswith("failed ")
    assert row[4:] == ["", ""]
    assert (
        "The decision was not sent: &#39;instance_metadata&#39; has no text for"
        in (await _looking(site, f"/requests/{GUID}")).html
    )
    table = "integration_configuration"
    await site.call("DELETE", f"/api/now/table/x_thyti_thycotic_p_{table}/{instance_id}")
    assert (await _looking(site, f"/requests/{GUID}")).status == 200


async def test_form_of_a_decision_belongs_to_its_request(site: Site) -> None:
    """A posted form is a step of the time line, also one that is refused; that of another record is not."""
    sys_id = await site.ask()
    person = await _decide(site, sys_id)
    await person.post(f"/{REQUEST}.do?sys_id={sys_id}", {"sys_mod_count": "0", "sys_action": "decide:Deny"})
    await person.post("/incident.do?sys_id=-1", {"sys_action": "insert"})
    text = " ".join(re.sub(r"<[^>]+>", " ", (await _looking(site, f"/requests/{GUID}")).html).split())
    assert f"Browser → ServiceNow POST /{REQUEST}.do 303 Exchange" in text
    assert f"Browser → ServiceNow POST /{REQUEST}.do 409" in text
    assert "incident" not in text
    told = "ServiceNow: privman.approver has answered Approve"
    assert text.index(told) < text.index("Deliver an approver") < text.index(".do 409")


async def test_empty_lists_say_so(site: Site) -> None:
    """Before the first request, both lists contain one line."""
    assert "No deliveries" in (await _looking(site, "/deliveries")).html
    assert "No requests" in (await _looking(site, "/approvals")).html


async def test_approvals_link_to_their_diagram(site: Site) -> None:
    """The newest request is first, and its diagram names the parties of each exchange about it."""
    first = await site.ask()
    other = "0a1b2c3d-0000-4000-8000-000000000001"
    await site.ask(other)
    await _decide(site, first)
    html = (await _looking(site, "/approvals")).html
    assert [(row[0], row[2].split()[0]) for row in _cells(html)] == [(other, "Pending"), (GUID, "Approve")]
    html = (await _looking(site, "/sequence?find=POST")).html
    assert re.findall(r'class="name"[^>]*>([^<]*)<', html)[:2] == ["admin", "ServiceNow"]
    assert [(row[2], row[3], row[4]) for row in _cells(html)][-2:] == [
        ("ServiceNow → Console", "200", "kept"),
        ("ServiceNow → Console", "200", "broken (3)"),
    ]


async def test_callers_are_recognized_by_who_logs_in(site: Site) -> None:
    """Not by what they do: an administrator has a name, and whoever did not log in, or has a party's name, has none."""
    await site.add_user("console", "x_thyti_thycotic_p.pm_user")
    callers = {
        "admin": "admin",
        "privman.approver": "Approver",
        "privman.integration": "Console",
        "console": "API client",
        "nobody": "API client",
    }
    for user in callers:
        headers = {"Authorization": encode_basic_auth(user, "admin")}
        async with site.http.get(f"{site.url}/api/now/table/{REQUEST}?sysparm_limit=1", headers=headers):
            pass
    rows = _cells((await _looking(site, "?find=sysparm_limit")).html)
    assert [row[3].split(" →")[0] for row in reversed(rows)] == list(callers.values())


async def test_cockpit_shows_no_secrets(site: Site) -> None:
    """No page shows a registration's Secret, a token or a form's fields."""
    await _decide(site, await site.ask())
    pages = [await _looking(site, f"/exchanges/servicenow/{number}") for number in range(1, 8)]
    pages += [await _looking(site, path) for path in ("", f"/sequence?find=request:{GUID}", "/deliveries")]
    for shown in pages:
        assert (shown.status, SECRET in shown.html, "a-token" in shown.html) == (200, False, False)


@pytest.mark.parametrize("condition", ["hibernating", "rate-limited"])
async def test_conditions_can_be_armed(site: Site, condition: str) -> None:
    """The instance's own fault kinds are offered beside the common ones."""
    html = (await _looking(site, "/faults")).html
    assert f'<option value="{condition}">{condition}</option>' in html


async def test_instance_without_a_control_plane_has_no_cockpit(blueprint: Blueprint, settings: Settings) -> None:
    """Like a real instance, it answers 404."""
    app = create_app(replace(settings, control_plane=False), clock=VirtualClock(), ids=Ids(1), blueprint=blueprint)
    async with serving(app, "127.0.0.1", 0) as url, ClientSession() as http, http.get(f"{url}/__cockpit") as answer:
        assert answer.status == 404


async def test_records_and_exchanges_lead_to_each_other(site: Site) -> None:
    """The form of a request to its exchanges, the page of an exchange that made or changed it to the form."""
    sys_id = await site.ask()
    await site.change(REQUEST, sys_id, {"status": "Deny"})
    form = await (await site.person()).get(f"/{REQUEST}.do?sys_id={sys_id}")
    link = f"/__cockpit?find=request%3A{GUID}"
    assert f'href="{link}">Exchanges in the cockpit</a>' in form.html.replace("request:", "request%3A")
    html = (await _looking(site, link.removeprefix("/__cockpit"))).html
    numbers = re.findall(r"/exchanges/servicenow/(\d+)", html)
    pages = [(await _looking(site, f"/exchanges/servicenow/{number}")).html for number in numbers]
    leads = [f'href="/{REQUEST}.do?sys_id={sys_id}">Form in ServiceNow</a>' in page for page in pages]
    assert leads == [False, False, True, True]  # the token call and the delivery are the console's


async def test_unknown_address_of_the_cockpit_gets_its_page(site: Site) -> None:
    """It says so and leads to the journal; a program gets no page."""
    shown = await (await site.person("")).get("/__cockpit/nothing", headers={"Accept": "text/html"})
    assert (shown.status, "No page has the address" in shown.html, 'href="/__cockpit">Journal' in shown.html) == (
        404,
        True,
        True,
    )
    assert "<html" not in (await _looking(site, "/nothing")).html


async def test_refused_form_is_no_call_about_the_registration(site: Site) -> None:
    """It changed nothing; one that is saved is listed."""
    instance_id = (await site.read(REQUEST, await site.ask()))["instance_id"]
    person, path = await site.person(), f"/x_thyti_thycotic_p_integration_configuration.do?sys_id={instance_id}"
    for count, listed in (("7", 0), ("0", 1)):
        await person.post(path, {"sys_mod_count": count, "sys_action": "update", "active": "true"})
        used = (await _looking(site, f"/requests/{GUID}")).html.partition('id="registration"')[2]
        assert re.findall(r"<b>(\w+)</b> [^<]*configuration[.]do", used).count("POST") == listed


async def test_a_request_without_a_time_is_shown(tmp_path: Path) -> None:
    """Clients may empty its time; it is listed last."""
    file, later = tmp_path / "rows.yaml", GUID.replace("8", "9")
    old = f"{{request_id: {GUID}, status: Pending, sys_created_on: ''}}"
    file.write_text(f"{REQUEST}: [{old}, {{request_id: {later}, status: Deny}}]", encoding="utf-8")
    app = create_app(Settings(data=(file,)), clock=VirtualClock(), ids=Ids(1))
    async with serving(app) as url, ClientSession() as http:
        async with http.get(f"{url}/__cockpit/approvals") as answer:
            rows = _cells(await answer.text())
        assert [row[1] for row in rows] == ["2026-01-05 09:00:00 UTC", "unknown"]
        async with http.get(f"{url}/__cockpit/requests/{GUID}") as answer:
            assert "Received" not in await answer.text()
