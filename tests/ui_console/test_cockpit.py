import re

import pytest

from console_sim.settings import Settings

from .conftest import DECIDE, ENDPOINT, TASKS, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


def cells(html: str, table: int = 0) -> list[list[str]]:
    """Return the text of the cells of a table, counted from the top."""
    body = html.split("<tbody>")[table + 1].split("</tbody>", 1)[0]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in re.split(r"<tr[^>]*>", body)[1:]]
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in rows]


async def test_cockpit_is_separate_from_the_product(site: Site) -> None:
    """Every page of the console links to the cockpit, which names itself and has none of the console's modules."""
    assert '<a class="cockpit" href="/__cockpit">' in (await site.person.get(TASKS)).html
    shown = await site.person.get("/__cockpit")
    tabs = "Journal Approvals Deliveries Sequence Faults Clock"
    assert f"Tester's cockpit Console 2026-01-05 09:00:00 UTC Connecting Pause {tabs}" in shown.text
    assert "Manage Approvals" not in shown.text


async def test_journal_names_the_other_party(site: Site) -> None:
    """Each exchange shows the other party and its contract."""
    await site.set_up()
    await site.person.http.get(f"{site.url}/Tms/services/api/v1/version/Current")
    await site.person.http.get(f"{site.url}/Tms/nothing")
    await site.person.submit("/endpoint", {"PolicyName": ""})
    rows = [" ".join(row) for row in cells((await site.person.get("/__cockpit")).html)]
    assert [word for word in ("Browser", "API client", "ServiceNow") if word in " ".join(rows)] == [
        "Browser",
        "API client",
        "ServiceNow",
    ]
    assert "x_thyti_thycotic_p_integration_configuration" in rows[-1]
    assert "ServiceNow" in rows[-1]


async def test_approvals_link_to_their_diagram(site: Site) -> None:
    """Each approval request has its state and a diagram of the exchanges about it."""
    assert "No requests" in (await site.person.get("/__cockpit/approvals")).text
    unsent = await site.ask()
    await site.set_up()
    request_id = await site.ask()
    shown = await site.person.get("/__cockpit/approvals")
    assert [row[:3] for row in cells(shown.html)] == [
        [request_id, "2026-01-05 09:00:00 UTC", f"Pending in Console: {request_id}"],
        [unsent, "2026-01-05 09:00:00 UTC", f"Pending in Console: {unsent}"],
    ]
    history = (await site.person.get("/manage-approvals/history")).html
    assert f'href="/__cockpit?find=request:{request_id}">Exchanges in the cockpit</a>' in history


async def test_deliveries_show_past_and_next_attempts(site: Site) -> None:
    """A server task is one row with its attempts and the time of the next; a decision is a task of another name."""
    assert cells((await site.person.get("/__cockpit/deliveries")).html) == [["No deliveries"]]
    await site.set_up(servicenow_url="http://127.0.0.1:9")
    task = "Register webhook of &#39;ServiceNow&#39; with ServiceNow App"
    await site.admin("POST", "/clock/advance", {"seconds": 60})
    ((*_, state, attempts, coming),) = cells((await site.person.get("/__cockpit/deliveries")).html)
    assert (state.split(" ")[:2], coming) == (["waiting", "GET"], "09:03:00 (2 min)")
    assert attempts == "09:00:00 failed 09:01:00 failed"
    await site.set_up()
    attempts += " 09:01:00 completed 09:01:00 nothing to do"
    done = cells((await site.person.get("/__cockpit/deliveries")).html)
    assert done == [["Console", task, "", "nothing to do", attempts, ""]]
    request_id = await site.ask()
    await site.admin("POST", f"/approval-requests/{request_id}/decide", {"response": "Deny"})
    names = [row[1] for row in cells((await site.person.get("/__cockpit/deliveries")).html)]
    assert names[:2] == [f"Send decision on approval request {request_id}", f"Send approval request {request_id}"]


async def test_fault_is_armed_by_a_form(site: Site) -> None:
    """The form carries its token, and the fault strikes the console's API."""
    page = await site.person.get("/__cockpit/faults")
    await site.person.post("/__cockpit/faults", page.hidden() | {"kind": "status", "path": "*", "times": "1"})
    assert len((await site.admin("GET", "/faults"))["faults"]) == 1


@pytest.mark.parametrize("settings", [Settings(control_plane=False)])
async def test_console_without_a_control_plane_has_no_cockpit(site: Site) -> None:
    """Like a real console, it answers 404."""
    assert (await site.person.get("/__cockpit")).status == 404


async def test_forms_belong_to_their_requests(site: Site) -> None:
    """Asking on the endpoint, and deciding in the console, are steps of the request's time line."""
    await site.set_up()
    await site.person.submit(ENDPOINT, {"PolicyName": "Elevate installers", "UserReason": "work"})
    (asked,) = await site.records("request")
    values = {"response": "Deny", "comment": "", "duration": ""}
    await site.person.submit(f"{DECIDE}?request={asked['request_id']}", values)
    text = (await site.person.get(f"/__cockpit/requests/{asked['request_id']}")).text
    for step in (f"Browser → Console POST {ENDPOINT} 303", f"Browser → Console POST {DECIDE} 303"):
        assert step in text
    assert "It was denied in the console" in text


async def test_request_that_only_the_console_decides(site: Site) -> None:
    """Without a ServiceNow server it waits for people, and no sentence speaks of ServiceNow's decision."""
    request_id = await site.ask()
    text = (await site.person.get(f"/__cockpit/requests/{request_id}")).text
    assert "waits for a decision in Manage Approvals" in text
    assert "It never times out: its approval process was manual" in text
    await site.admin("POST", f"/approval-requests/{request_id}/decide", {"response": "Approve", "duration": "01:00:00"})
    text = (await site.person.get(f"/__cockpit/requests/{request_id}")).text
    assert "no ServiceNow has the request" in text
    assert "The approval lasts until 2026-01-05 10:00:00 UTC" in text
