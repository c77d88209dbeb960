"""No page claims what did not happen: its sentences come from the event itself."""

import re
from typing import Any

import pytest

from .conftest import ADVANCED, APPROVALS, CREDENTIALS, ENDPOINT, MESSAGING, SERVER, TASKS, USERS, WEBHOOK, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
REGISTER = "Register webhook of 'ServiceNow' with ServiceNow App"
HOOK = "New Webhook for ServiceNow setting"
WHAT = {"PolicyName": "Elevate installers", "UserName": "A", "AgentName": "B", "FilePath": "/rg", "UserReason": "c"}


async def newest_task(site: Site) -> list[str]:
    """Return name, outcome and sent requests of the newest row of Server Tasks."""
    name, _, outcome, sent = (await site.person.get(TASKS)).cells[0]
    return [name, outcome, sent]


async def save_password(site: Site) -> None:
    """Save another password of the ServiceNow user."""
    login = {"name": "ServiceNow user", "account_name": "privman.integration", "password": "other"}
    await site.person.submit(f"{CREDENTIALS}/edit?name=ServiceNow+user", login)


async def test_server_task_says_what_it_did(site: Site) -> None:
    """It registered nothing without a webhook, with a disabled one, and if ServiceNow has both records already."""
    await site.set_up(use_webhook=False)
    await save_password(site)
    idle = "Nothing to do nothing was registered, because"
    assert await newest_task(site) == [REGISTER, f"{idle} Use Webhook is not ticked", "none"]
    await site.set_up()
    rows = [
        (name, outcome, sent) for name, _, outcome, sent in (await site.person.get(TASKS)).cells if name == REGISTER
    ]
    assert rows[0][1].startswith("Nothing to do nothing was sent, because ServiceNow has acknowledged both records")
    assert rows[1][1] == "Completed ServiceNow acknowledged the webhook's registration and the activity type"
    posts = re.findall(r"POST /api/now/table/(\w+) : (\d+)", rows[1][2])
    app = "x_thyti_thycotic_p_"
    assert posts == [(f"{app}integration_configuration", "201"), (f"{app}activity_type", "201")]
    assert "ticked" not in (await site.person.get(SERVER)).detail("Instance Id")
    await site.set_up(use_webhook=False)
    assert (await site.person.get(SERVER)).detail("Instance Id").endswith(", from when Use Webhook was ticked")
    await site.set_up()
    await site.admin("POST", "/webhook", {"webhook": HOOK, "enabled": False})
    assert await newest_task(site) == [REGISTER, f"{idle} the webhook is disabled", "none"]


async def test_sent_request_links_to_its_exchange(site: Site) -> None:
    """Until the journal has dropped it: then the number may be that of another exchange."""
    await site.set_up()
    posted = "POST /api/now/table/x_thyti_thycotic_p_activity_type"
    exchange = (await site.person.get((await site.person.get(TASKS)).links[posted])).text
    assert "x_thyti_thycotic_p_activity_type" in exchange
    await site.admin("DELETE", "/requests")
    shown = await site.person.get(TASKS)
    assert (posted in shown.text, posted in shown.links) == (True, False)


async def test_denied_request_shows_no_success(site: Site) -> None:
    """The page of the endpoint shows the state that the request has now, not that of the form."""
    await site.set_up()
    asked = await site.person.submit(ENDPOINT, WHAT)
    assert ("Approval requested." in asked.text, "notice good" in asked.html) == (True, False)
    (record,) = await site.records("request")
    await site.admin("POST", f"/approval-requests/{record['request_id']}/decide", {"response": "Deny"})
    shown = await site.person.get(asked.address)
    assert f"Request {record['request_id']} is Denied by" in shown.text
    assert ("notice bad" in shown.html, "Approval requested" in shown.text) == (True, False)
    assert (await site.person.get(f"{ENDPOINT}?request=none")).status == 404


@pytest.mark.parametrize(("approval", "told"), [({}, "may run once."), ({"duration": "01:00:00"}, "may run until ")])
async def test_approval_shows_what_it_allows(site: Site, approval: dict[str, Any], told: str) -> None:
    """And afterwards that it was used up, or has ended."""
    await site.set_up()
    asked = await site.person.submit(ENDPOINT, WHAT)
    (record,) = await site.records("request")
    await site.admin("POST", f"/approval-requests/{record['request_id']}/decide", {"response": "Approve"} | approval)
    assert told in (await site.person.get(asked.address)).text
    await site.person.submit(ENDPOINT, WHAT)
    await site.admin("POST", "/clock/advance", {"seconds": 3_600})
    over = (await site.person.get(asked.address)).text
    assert "is Expired by " in over
    assert ("the approval ended at" if approval else "the approval was used up at") in over


async def test_timed_out_request_says_since_when(site: Site) -> None:
    """The request's time-out is its end."""
    await site.set_up()
    asked = await site.person.submit(ENDPOINT, WHAT)
    await site.admin("POST", "/clock/advance", {"seconds": 20 * 60})
    assert "is TimedOut since Jan 5, 2026, 9:20:00 AM UTC" in (await site.person.get(asked.address)).text


async def test_message_is_shown_once(site: Site) -> None:
    """Neither an address nor a reload repeats it, and a form that changes nothing does not say "saved"."""
    saved = await site.person.submit(ADVANCED, {"api_enabled": "yes"})
    assert "Changes saved." in saved.text
    again = await site.person.submit(ADVANCED, {"api_enabled": "yes"})
    assert "Nothing was changed, because everything was saved already." in again.text
    for address in (saved.address, f"{ADVANCED}?done=saved", f"{USERS}?done=created"):
        assert (address, 'role="status"' in (await site.person.get(address)).html) == (address, False)
    hidden = (await site.person.get(ADVANCED)).hidden()
    await site.person.post(ADVANCED, hidden, allow_redirects=False)
    for headers in ({"Sec-Fetch-Dest": "empty"}, {"Sec-Fetch-Dest": "document"}):
        shown = await site.person.get(ADVANCED, headers=headers)
        assert ("Changes saved." in shown.text) == (headers["Sec-Fetch-Dest"] == "document")


async def test_decision_that_was_taken_before_is_not_taken_again(site: Site) -> None:
    """The page of a list that is no longer current says so."""
    await site.set_up()
    asked = await site.ask()
    hidden = (await site.person.get(APPROVALS)).hidden()
    await site.admin("POST", f"/approval-requests/{asked}/decide", {"response": "Deny"})
    shown = await site.person.post(APPROVALS, hidden | {"decide": f"Deny {asked}"})
    assert "Nothing was decided. The same decision had been taken before about 1 request." in shown.text
    assert "notice good" not in shown.html


async def test_decision_that_servicenow_lacks_is_not_called_acknowledged(site: Site) -> None:
    """The page names why."""
    await site.set_up()
    asked = await site.ask()
    await site.set_up(servicenow_url="http://127.0.0.1:9")
    hidden = (await site.person.get(APPROVALS)).hidden()
    shown = await site.person.post(APPROVALS, hidden | {"decide": f"Deny {asked}"})
    assert (
        "ServiceNow has acknowledged 0 of 1. It has not acknowledged that of an unknown user under policy R&D <"
        in shown.text
    )
    assert "notice good" not in shown.html


async def test_save_that_servicenow_lacks_says_so(site: Site) -> None:
    """The message of the save has the reason, on the page of the server and of the webhook."""
    await site.set_up()
    await site.set_up(servicenow_url="http://127.0.0.1:9")
    refused = "ServiceNow has not acknowledged the registration: GET http://127.0.0.1:9/"
    for path, values in ((SERVER, {"description": "x"}), (WEBHOOK, {"description": "x"})):
        page = await site.person.get(path) if path == SERVER else await site.person.open(MESSAGING, HOOK)
        fields = re.findall(r'<input id="(\w+)" name="\w+" type="text"[^>]* value="([^"]*)"', page.html)
        chosen = re.findall(r'<select id="(\w+)"', page.html)
        form = dict(fields) | {each: page.chosen(each) for each in chosen} | values
        ticks = ("use_webhook", "enabled")
        shown = await site.person.fill(page, form | {each: "yes" for each in ticks if page.is_ticked(each)})
        assert (path, f"Changes saved. {refused}" in shown.text, shown.text.count(refused)) == (path, True, 1)


async def test_set_up_claims_only_what_it_asked(site: Site) -> None:
    """If no step asks ServiceNow, nobody knows whether it can be reached; a disabled webhook sends nothing."""
    order = {"servicenow_url": "http://127.0.0.1:9", "servicenow_user": "a", "servicenow_password": "b"}
    report = await site.admin("POST", "/setup", order | {"use_webhook": False})
    assert report["servicenow_reached"] is None
    assert (await site.admin("POST", "/setup", order))["servicenow_reached"] is False
    order = {"servicenow_url": site.servicenow, "servicenow_user": "privman.integration"}
    order |= {"servicenow_password": "admin"}
    assert (await site.admin("POST", "/setup", order))["servicenow_reached"] is True
    await site.admin("POST", "/webhook", {"webhook": HOOK, "enabled": False})
    details = {each["step"]: each["detail"] for each in (await site.admin("POST", "/setup", order))["steps"]}
    assert details["verify-webhook"].endswith(", and is disabled, so it sends nothing")
