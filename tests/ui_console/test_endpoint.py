import json

import pytest

from .conftest import APPROVALS, ENDPOINT, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
POLICY = "Elevate installers"
WHAT = {
    "PolicyName": POLICY,
    "UserName": "Russell Finn",
    "InitiatorUserName": "0433-vm-catalina\\russellfinn",
    "AgentName": "0433-vm-catalina",
    "FilePath": "/usr/local/bin/rg",
    "UserReason": "Testing rg command",
}


async def test_endpoint_form_asks_for_an_approval(site: Site) -> None:
    """The form's fields reach ServiceNow under the metadata's keys."""
    await site.set_up()
    reason = {"UserReason": "Für's Büro\r\nheute", "CompanyName": ""}
    shown = await site.person.submit(ENDPOINT, WHAT | reason)
    assert "Approval requested." in shown.text
    (request,) = await site.records("request")
    metadata = json.loads(request["metadata"])
    assert metadata == WHAT | {"UserReason": "Für's Büro\nheute", "PolicyId": metadata["PolicyId"]}
    assert f"Request {request['request_id']} is Pending: the application waits for a decision." in shown.text


async def test_policies_are_offered_and_any_name_is_taken(site: Site) -> None:
    """Active policies are suggested; an unknown policy's request takes the default action's way."""
    await site.set_up()
    await site.admin("POST", "/policies", {"name": "Off", "enabled": False})
    assert (
        f'<datalist id="policies"><option value="{POLICY}"></option></datalist>'
        in (await site.person.get(ENDPOINT)).html
    )
    shown = await site.person.submit(ENDPOINT, {"PolicyName": "No policy of ours", "UserReason": "work"})
    assert "Approval requested" in shown.text
    assert "No policy of ours" in (await site.person.get(APPROVALS)).text


async def test_starting_again_while_it_waits_sends_nothing(site: Site) -> None:
    """The page says status pending; once approved it says allowed, one time."""
    await site.set_up()
    first = await site.person.submit(ENDPOINT, WHAT)
    again = await site.person.fill(first, WHAT)
    assert "Status pending: a request waited for a decision already, so nothing new was sent" in again.text
    assert again.value("FilePath") == WHAT["FilePath"]
    (record,) = await site.records("request")
    await site.admin("POST", f"/approval-requests/{record['request_id']}/decide", {"response": "Approve"})
    assert "Allowed: an approval let the application run" in (await site.person.fill(again, WHAT)).text
    assert "Approval requested" in (await site.person.fill(again, WHAT)).text


@pytest.mark.long
async def test_reloading_starts_nothing(site: Site) -> None:
    """What happened is shown once, at the address of the request; a value of more than 4,000 characters is not kept."""
    await site.set_up()
    first = await site.person.submit(ENDPOINT, WHAT | {"CompanyName": "x" * 4_001})
    assert (first.address.partition("=")[0], first.value("CompanyName")) == (f"{ENDPOINT}?request", "")
    again = await site.person.get(first.address)
    assert ("Approval requested" in again.text, again.value("FilePath")) == (False, "")
    assert len(await site.records("request")) == 1


@pytest.mark.parametrize(("by_denial", "what_became"), [(True, "was denied"), (False, "timed out")])
async def test_user_is_told_of_the_last_refusal(site: Site, *, by_denial: bool, what_became: str) -> None:
    """Users receive an approval or a denial (approval/helpdesk.md); a time-out is told likewise, once."""
    await site.set_up()
    first = await site.person.submit(ENDPOINT, WHAT)
    (record,) = await site.records("request")
    if by_denial:
        await site.admin("POST", f"/approval-requests/{record['request_id']}/decide", {"response": "Deny"})
    else:
        await site.admin("POST", "/clock/advance", {"seconds": 20 * 60})
    again = await site.person.fill(first, WHAT)
    assert f"Approval requested. The request before it {what_became}." in again.text
    waiting = await site.person.fill(again, WHAT)
    assert ("Status pending" in waiting.text, "The request before it" in waiting.text) == (True, False)


async def test_reason_is_required(site: Site) -> None:
    """Users enter their reason in the field Reason (required), says approval/helpdesk.md."""
    await site.set_up()
    shown = await site.person.submit(ENDPOINT, WHAT | {"UserReason": " "})
    assert (shown.status, shown.error("UserReason")) == (422, "Reason is empty; expected text")
    assert await site.records("request") == []


async def test_invalid_endpoint_form_is_refused(site: Site) -> None:
    """A missing policy and an invalid id have an error beside their field."""
    shown = await site.person.submit(ENDPOINT, {"PolicyName": "", "PolicyId": "{140}", "UserReason": "typed"})
    assert shown.status == 422
    assert shown.error("PolicyName") == "Policy is empty; expected text"
    assert shown.error("PolicyId") == "Policy Id '{140}' is invalid; expected a GUID"
    assert "typed" in shown.html


async def test_policy_that_asks_nobody_is_refused(site: Site) -> None:
    """An inactive policy, and one without an approval action, have the reason beside the field."""
    await site.admin("POST", "/policies", {"name": "Off", "enabled": False})
    await site.admin("POST", "/policies", {"name": "Silent", "approval_type": None})
    for name, reason in (("Off", "is not active"), ("Silent", "has no action with an approval type")):
        shown = await site.person.submit(ENDPOINT, {"PolicyName": name, "UserReason": "work"})
        assert shown.status == 422
        assert shown.error("PolicyName").startswith(f"Policy is refused: policy '{name}' {reason}")


async def test_policy_id_is_taken_with_and_without_braces(site: Site) -> None:
    """The id is sent in braces."""
    guid = "85d71683-7dac-4762-8120-76a9a564fdc1"
    for written in (guid, f"{{{guid}}}"):
        await site.person.submit(ENDPOINT, {"PolicyName": "x", "PolicyId": written, "UserReason": "work"})
    listed = (await site.admin("GET", "/approval-requests"))["approval_requests"]
    assert [json.loads(each["metadata"])["PolicyId"] for each in listed] == [f"{{{guid}}}"] * 2
