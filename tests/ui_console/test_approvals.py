import json
import re

import pytest

from .conftest import APPROVALS, ENDPOINT, POLICY, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
DECIDE = f"{APPROVALS}/decide"


async def test_endpoint_form_asks_for_an_approval(site: Site) -> None:
    """The form's fields reach ServiceNow under the metadata's keys (integration 3)."""
    await site.set_up()
    assert "No approval requests yet" in (await site.person.get(APPROVALS)).text
    values = {"PolicyName": "Elevate <installers>", "UserName": "", "UserReason": "Für's Büro\r\nheute"}
    shown = await site.person.submit(ENDPOINT, values)
    assert "Approval requested" in shown.text
    assert "Policy Elevate <installers> User unknown Reason Für's Büro heute Requested 2026-01-05" in shown.text
    (request,) = await site.records("request")
    metadata = json.loads(request["metadata"])
    assert sorted(metadata) == ["PolicyId", "PolicyName", "UserReason"]
    assert metadata["UserReason"] == "Für's Büro\nheute"


async def test_invalid_endpoint_form_is_refused(site: Site) -> None:
    """A missing policy and an invalid id have an error beside their field."""
    shown = await site.person.submit(ENDPOINT, {"PolicyName": "", "PolicyId": "{140}", "UserReason": "typed"})
    assert shown.status == 422
    assert shown.error("PolicyName") == "Policy is empty; expected text"
    assert shown.error("PolicyId") == "Policy Id '{140}' is invalid; expected a GUID"
    assert "typed" in shown.html


async def test_policy_id_is_taken_with_and_without_braces(site: Site) -> None:
    """The id is sent in braces; without a name, the list shows it."""
    guid = "85d71683-7dac-4762-8120-76a9a564fdc1"
    await site.person.submit(ENDPOINT, {"PolicyName": "x", "PolicyId": guid})
    assert (await site.person.get(APPROVALS)).detail("PolicyId") == f"{{{guid}}}"
    await site.admin("POST", "/approval-requests", {"metadata": {"PolicyId": guid}})
    assert f"Policy {{{guid}}} User unknown" in (await site.person.get(APPROVALS)).text


async def test_the_list_shows_the_account_before_the_display_name(site: Site) -> None:
    r"""As printed, such as 0433-vm-catalina\russellfinn; a display name can change (integration 8)."""
    account = "0433-vm-catalina\\russellfinn"
    await site.person.submit(ENDPOINT, {"PolicyName": "x", "UserName": "Russell Finn", "InitiatorUserName": account})
    shown = await site.person.get(APPROVALS)
    assert f"User {account} Reason" in shown.text
    assert (shown.detail("UserName"), shown.detail("InitiatorUserName")) == ("Russell Finn", account)
    await site.person.submit(ENDPOINT, {"PolicyName": "x", "UserName": "Russell Finn"})
    assert "User Russell Finn Reason" in (await site.person.get(APPROVALS)).text


async def test_unsent_request_shows_the_reason(site: Site) -> None:
    """Before the set-up a request waits, and its page gives the reason."""
    await site.ask()
    shown = await site.person.get(APPROVALS)
    assert shown.detail("In ServiceNow") == "not sent"
    assert shown.detail("Last error") == "not sent: no webhook is enabled"


async def test_approval_in_the_console_is_recorded_in_servicenow(site: Site) -> None:
    """A decision outside the normal flow is recorded in ServiceNow too (integration 4, release notes 11.1)."""
    await site.set_up()
    request_id = await site.ask()
    values = {"comment": "Fine", "duration": "02:00:00", "response": "Approve"}
    shown = await site.person.submit(APPROVALS, values, action=DECIDE)
    assert shown.url.endswith(f"{APPROVALS}?page=1&done=decided")
    assert shown.detail("Decided by") == "Privilege Manager Console, 2026-01-05 09:00:00 UTC"
    assert shown.detail("Comment") == "Fine"
    assert shown.detail("Approved until") == "2026-01-05 11:00:00 UTC"
    assert shown.detail("In ServiceNow").startswith("decision recorded, sys_id ")
    (record,) = await site.records("request")
    assert (record["request_id"], record["status"], record["comment"]) == (request_id, "Approve", "Fine")
    await site.admin("POST", "/clock/advance", {"seconds": 7_200})
    assert '<span class="badge expired">Expired</span>' in (await site.person.get(APPROVALS)).html


async def test_denial_is_recorded_in_servicenow(site: Site) -> None:
    """A denial needs neither comment nor duration."""
    await site.set_up()
    await site.ask()
    shown = await site.person.submit(APPROVALS, {"comment": "", "duration": "", "response": "Deny"}, action=DECIDE)
    assert '<span class="badge denied">Denied</span>' in shown.html
    assert shown.detail("Comment") == "none"
    (record,) = await site.records("request")
    assert record["status"] == "Deny"


@pytest.mark.parametrize(
    ("response", "duration", "complaint"),
    [
        ("Approve", "two hours", "'two hours' is invalid; expected hours, minutes and seconds such as 16:30:00"),
        ("Deny", "02:00:00", "must be empty, because the response denies"),
    ],
)
async def test_invalid_duration_is_refused(site: Site, response: str, duration: str, complaint: str) -> None:
    """An invalid duration, or one of a denial, has an error beside its field; the form stays filled in and unfolded."""
    request_id = await site.ask()
    await site.ask()
    older = (await site.person.get(APPROVALS)).hidden(1)
    assert older["request_id"] == request_id
    values = {"comment": "typed", "duration": duration, "response": response}
    shown = await site.person.post(DECIDE, older | values)
    assert (shown.status, shown.error(f"duration-{request_id}")) == (422, f"Duration {complaint}")
    assert shown.value(f"duration-{request_id}") == duration
    assert re.findall(r'<details open>\s*<summary id="([^"]*)"', shown.html) == [request_id]
    assert shown.html.count("typed") == 1


async def test_decision_without_a_response_is_refused(site: Site) -> None:
    """A form without one of the two buttons decides nothing."""
    request_id = await site.ask()
    shown = await site.person.submit(APPROVALS, {"response": "Maybe"}, action=DECIDE)
    assert shown.status == 422
    assert (await site.admin("GET", f"/approval-requests/{request_id}"))["state"] == "Pending"


async def test_stale_decision_is_refused(site: Site) -> None:
    """A request that was decided or timed out after the page was opened is not decided again."""
    request_id = await site.ask()
    hidden = (await site.person.get(APPROVALS)).hidden()
    await site.admin("POST", f"/approval-requests/{request_id}/decide", {"response": "Deny"})
    shown = await site.person.post(DECIDE, hidden | {"response": "Approve"})
    assert (shown.status, "The values changed after you opened this page" in shown.text) == (409, True)
    assert (await site.admin("GET", f"/approval-requests/{request_id}"))["state"] == "Denied"


async def test_decision_about_an_unknown_request_gets_404(site: Site) -> None:
    """Nothing is decided."""
    await site.ask()
    shown = await site.person.submit(APPROVALS, {"request_id": "none", "response": "Approve"}, action=DECIDE)
    assert (shown.status, "Unknown approval request 'none'." in shown.text) == (404, True)


async def test_timed_out_request_cannot_be_decided(site: Site) -> None:
    """After the max timeout the page offers no decision."""
    await site.ask()
    await site.admin("POST", "/clock/advance", {"seconds": 16.5 * 3_600})
    shown = await site.person.get(APPROVALS)
    assert '<span class="badge timedout">TimedOut</span>' in shown.html
    assert "Approve</button>" not in shown.html


async def test_list_is_paged(site: Site) -> None:
    """Each page has 25 requests, newest first; an invalid page number shows the first page."""
    for number in range(27):
        await site.ask(PolicyName=f"P{number:02}")
    first = await site.person.get(APPROVALS)
    assert "1 to 25 of 27, newest first" in first.text
    assert (first.html.index("P26"), "P01" in first.html) < (first.html.index("P02"), True)
    assert "Older" in first.text
    assert "Newer" not in first.text
    second = await site.person.get(f"{APPROVALS}?page=2")
    assert "26 to 27 of 27" in second.text
    assert "Older" not in second.text
    assert "No approval requests on this page" in (await site.person.get(f"{APPROVALS}?page={'9' * 40}")).text
    for wrong in ("0", "-1", "x", "²"):
        assert (await site.person.get(APPROVALS, params={"page": wrong})).text == first.text


async def test_long_texts_are_shortened(site: Site) -> None:
    """Comments and metadata of any size leave the page readable."""
    await site.set_up()
    facts = {f"Fact{number}": "x" for number in range(1_000)} | {"UserReason": "y" * 50_000}
    asked = await site.admin("POST", "/approval-requests", {"metadata": facts})
    decision = {"response": "Approve", "comment": "z" * 200_000}
    await site.admin("POST", f"/approval-requests/{asked['request_id']}/decide", decision)
    shown = await site.person.get(APPROVALS)
    assert shown.detail("Comment") == f"{'z' * 2_000}…"
    assert len(shown.html) < 40_000


@pytest.mark.parametrize(("length", "end"), [(2_000, ""), (2_001, "…")])
async def test_texts_of_two_thousand_characters_are_shown(site: Site, length: int, end: str) -> None:
    """A longer text ends in an ellipsis."""
    await site.ask(UserReason="y" * length)
    assert f"{'y' * 2_000}{end} " in (await site.person.get(APPROVALS)).text


async def test_policy_is_shown_as_text(site: Site) -> None:
    """Markup in the name of a policy is escaped."""
    await site.ask()
    shown = await site.person.get(APPROVALS)
    assert POLICY not in shown.html
    assert f"Policy {POLICY.split('<', maxsplit=1)[0]}" in shown.text


async def test_reset_forgets_the_server_tasks(site: Site) -> None:
    """After a reset no page shows earlier requests or tasks."""
    await site.set_up()
    await site.ask()
    await site.admin("POST", "/reset")
    assert "No server tasks yet" in (await site.person.get("/admin/server-tasks")).text
    assert "No approval requests yet" in (await site.person.get(APPROVALS)).text
