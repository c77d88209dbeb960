"""The cockpit's page of one approval request, at both fakes: no sentence claims what did not happen."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import encode_basic_auth

from .desk import APPROVE, METADATA, TABLE, Desk

pytestmark = pytest.mark.asyncio(loop_scope="session")
UNKNOWN = "0f3c1b52-9d7e-4a16-8b58-52c9b6a5d001"
Story = Callable[[Desk], Awaitable[str]]


async def delivered(desk: Desk) -> str:
    """Nothing fails."""
    return await desk.approve(await desk.ask())


async def token_refused(desk: Desk) -> str:
    """The Secret was reset, so the console gives no token."""
    await desk.console("DELETE", "/tokens")
    await desk.console("POST", "/api-user/reset-secret", {})
    return await desk.approve(await desk.ask())


async def console_down(desk: Desk) -> str:
    """The console refuses the first attempt."""
    await desk.console("POST", "/faults", {"kind": "status", "status": 503, "path": APPROVE})
    return await desk.approve(await desk.ask())


async def console_down_throughout(desk: Desk) -> str:
    """The console refuses every attempt."""
    await desk.console("POST", "/faults", {"kind": "status", "status": 503, "path": APPROVE, "times": None})
    request_id = await desk.approve(await desk.ask())
    await desk.advance(300)
    return request_id


async def answer_lost(desk: Desk) -> str:
    """The connection breaks off before the answer to the first attempt."""
    await desk.console("POST", "/faults", {"kind": "reset", "path": APPROVE})
    return await desk.approve(await desk.ask())


async def never_sent(desk: Desk) -> str:
    """Somebody else has made a request in the console's name, which the console does not know."""
    asked = await desk.ask()
    [origin] = [each for each in await desk.record("GET", "", {}) if each["sys_id"] == asked["sys_id"]]
    copied = {key: origin[key] for key in ("instance_id", "activity_type_id")} | {"metadata": "{}"}
    made = await desk.record("POST", "", {**copied, "request_id": UNKNOWN}, "privman.integration")
    await desk.approve({"sys_id": made["sys_id"], "request_id": UNKNOWN})
    return UNKNOWN


async def decided_too_late(desk: Desk) -> str:
    """The console's process times out before the decision."""
    asked = await desk.ask()
    await desk.advance(1_200)
    return await desk.approve(asked)


async def nobody_decides(desk: Desk) -> str:
    """Both parties let it time out."""
    asked = await desk.ask()
    await desk.advance(60_000)
    return str(asked["request_id"])


async def not_recorded(desk: Desk) -> str:
    """ServiceNow refuses the decision of the console."""
    asked = await desk.ask()
    await desk.servicenow("POST", "/faults", {"kind": "status", "status": 403, "method": "PATCH"})
    await desk.console("POST", f"/approval-requests/{asked['request_id']}/decide", {"response": "Deny"})
    return str(asked["request_id"])


async def not_sent(desk: Desk) -> str:
    """ServiceNow is down when the console sends the request."""
    await desk.servicenow("POST", "/faults", {"kind": "status", "status": 503, "method": "POST"})
    return str((await desk.ask())["request_id"])


async def used_up(desk: Desk) -> str:
    """The approval allows one run, which is made."""
    asked = await desk.ask()
    request_id = await desk.approve(asked)
    await desk.console("POST", "/run", {"metadata": METADATA})
    return request_id


async def token_lost(desk: Desk) -> str:
    """The connection breaks off before the token."""
    await desk.console("DELETE", "/tokens")
    await desk.console("POST", "/faults", {"kind": "reset", "path": "*/logon/token"})
    return await desk.approve(await desk.ask())


async def teapot(desk: Desk) -> str:
    """The console answers with a status that no rule explains."""
    await desk.console("POST", "/faults", {"kind": "status", "status": 418, "path": APPROVE})
    return await desk.approve(await desk.ask())


async def error_in_envelope(desk: Desk) -> str:
    """The console answers 200, and its envelope says error."""
    body = '{"Status": "error", "Messages": ["no"]}'
    await desk.console("POST", "/faults", {"kind": "status", "status": 200, "body": body, "path": APPROVE})
    return await desk.approve(await desk.ask())


async def registration_deleted(desk: Desk) -> str:
    """The registration is deleted while the decision waits for its next attempt."""
    request_id = await console_down(desk)
    [record] = await desk.rows("integration_configuration")
    await desk.call("DELETE", f"integration_configuration/{record['sys_id']}")
    return request_id


async def decision_under_way(desk: Desk) -> str:
    """The console has not answered the first attempt yet."""
    await desk.console("POST", "/faults", {"kind": "slow", "seconds": 30, "path": APPROVE})
    asked = await desk.ask()
    await desk.record("PATCH", f"/{asked['sys_id']}", {"status": "Approve"})
    while not await desk.exchanges(desk.fakes.console, "path:approval/approve"):
        continue  # each look lets the servers work
    return str(asked["request_id"])


async def request_under_way(desk: Desk) -> str:
    """ServiceNow has not answered the console yet."""
    await desk.servicenow("POST", "/faults", {"kind": "slow", "seconds": 30, "method": "POST"})
    asking = asyncio.create_task(desk.ask())
    while not await desk.exchanges(desk.fakes.servicenow, "method:POST+path:_request"):
        continue  # each look lets the servers work
    [asked] = (await desk.console("GET", "/approval-requests"))["approval_requests"]
    desk.waiting.append(asking)
    return str(asked["request_id"])


async def type_deleted(desk: Desk) -> str:
    """The activity type is deleted while the request is pending."""
    asked = await desk.ask()
    [record] = await desk.rows("request")
    await desk.call("DELETE", f"activity_type/{record['activity_type_id']}")
    return str(asked["request_id"])


async def without_limit(desk: Desk) -> str:
    """The activity type has no Max timeout."""
    [kind] = await desk.rows("activity_type")
    await desk.call("PATCH", f"activity_type/{kind['sys_id']}", {"max_timeout": ""})
    return str((await desk.ask())["request_id"])


async def unbounded_limit(desk: Desk) -> str:
    """The Max timeout of the activity type is longer than any that is counted."""
    [kind] = await desk.rows("activity_type")
    await desk.call("PATCH", f"activity_type/{kind['sys_id']}", {"max_timeout": "9999-12-31 23:59:59"})
    return str((await desk.ask())["request_id"])


async def response_deleted(desk: Desk) -> str:
    """The record of the response is gone."""
    request_id = await desk.approve(await desk.ask())
    [response] = await desk.rows("response")
    await desk.call("DELETE", f"response/{response['sys_id']}")
    return request_id


async def timed_approval(desk: Desk) -> str:
    """The approval has a duration, which is over, and a comment."""
    asked = await desk.ask()
    values = {"status": "Approve", "duration": "01:00:00", "comment": "For an hour"}
    await desk.record("PATCH", f"/{asked['sys_id']}", values)
    await desk.advance(7_200)
    return str(asked["request_id"])


async def over_soap(desk: Desk) -> str:
    """The request goes to the scripted services, and waits for its decision."""
    user = {"servicenow_url": desk.fakes.servicenow, "servicenow_user": "admin", "servicenow_password": "admin"}
    names = {"name": "Soap", "approval_type": "Soap type", "policy": "Soap policy"}
    await desk.console("POST", "/setup", {**user, **names, "use_webhook": False, "process_timeout": 600})
    await desk.console("POST", "/request-items", {"foreign_system": "Soap"})
    asked = await desk.ask("Soap policy")
    await desk.advance(70)
    return str(asked["request_id"])


async def decided_over_soap(desk: Desk) -> str:
    """The console learns of the decision when it asks."""
    request_id = await over_soap(desk)
    [item] = await desk.rows("", "sc_req_item?sysparm_query=cat_item.name=Execute Application Request")
    await desk.call("PATCH", f"sc_req_item/{item['sys_id']}", {"approval": "rejected"}, app="")
    await desk.advance(30)
    return request_id


DIFFER, DUE, ACCEPTED = "The parties differ", "due in", "The console acknowledged the decision"
STORIES: dict[Story, tuple[tuple[str, ...], tuple[str, ...]]] = {
    delivered: (
        (
            "privman.approver answered Approve at 2026-01-05 09:00:00 UTC",
            f"{ACCEPTED} at the first attempt",
            "The console accepted a delivered decision at 2026-01-05 09:00:00 UTC: Approve by privman.approver",
            "The approval allows one run, which is still to come",
            "ServiceNow: privman.approver has answered Approve",
            "1 call before it ServiceNow → Console Get a token for an API Client User 200",
            "Nothing falls due",
        ),
        (DIFFER, DUE, "has not acknowledged", "401", "50 s"),
    ),
    token_refused: (
        (
            DIFFER,
            "The decision was not sent, because the token call before it was answered with 401",
            "No attempt follows: 401 is not tried again",
            "authentication/index.md",
            "ServiceNow → Console Get a token for an API Client User 401",
            '"Messages":["UserName or Password is wrong"]',
            "ServiceNow to Console: POST /Tms/services/api/logon/token, answer 401",
            "It has been pending since",
        ),
        (ACCEPTED, "Deliver an approver's decision", "is due at", "accepted a delivered decision"),
    ),
    console_down: (
        (
            DIFFER,
            "attempt 1 was answered with 503, which is tried again. The next attempt is due at 2026-01-05 09:00:50 UTC",
            "Rule rules.retried_statuses : 0, 408, 429, 5xx. I inferred; no source documents it",
            "503 fault: status",
            "ServiceNow: sends the decision again due in 50 s",
        ),
        (ACCEPTED, "no more", "accepted a delivered decision"),
    ),
    console_down_throughout: (
        ("attempt 4 was answered with 503, and the registration allows no more", "50 s later", DIFFER),
        (ACCEPTED, "is due at", "sends the decision again"),
    ),
    answer_lost: (
        ("attempt 1 got no answer, which is tried again", "the connection broke off"),
        (ACCEPTED, "answered with"),
    ),
    never_sent: (
        (
            "Console has no approval request with this RequestId",
            "it answered 404, which is not tried again",
            "Rule rules.unknown_request_status : 404.",
            "unknown approval request",
            f"{DIFFER}: ServiceNow says Approve and Console does not have it.",
        ),
        (ACCEPTED, "an endpoint user asks"),
    ),
    decided_too_late: (
        (
            DIFFER,
            "A delivered decision was refused: Approve by 'privman.approver'",
            "it answered 409, which is not tried again",
            "Console: times out: no decision has been accepted",
            "the time-out that the approval process",
        ),
        (ACCEPTED, "accepted a delivered decision", DUE),
    ),
    nobody_decides: (
        (
            "ServiceNow recorded no decision within the Max timeout of its activity type (16 h 30 min), so it timed",
            "ServiceNow: times out: no decision was recorded",
            "Nothing falls due",
        ),
        (DIFFER, ACCEPTED, "answered"),
    ),
    not_recorded: (
        (
            DIFFER,
            "ServiceNow has not acknowledged the decision: 403",
            "It was denied in the console at 2026-01-05 09:00:00 UTC; ServiceNow has not yet acknowledged that",
            "Console: the request is denied in the console",
            "It has waited since 2026-01-05 09:00:00 UTC for a user with the role",
        ),
        (ACCEPTED, "answered Deny", "has acknowledged that"),
    ),
    not_sent: (
        (
            "ServiceNow has no approval request with this RequestId",
            "ServiceNow has not acknowledged the request yet: 503",
            "Console: sends it again due in 1 min",
            f"{DIFFER}: ServiceNow does not have it and Console says Pending.",
        ),
        ("waits for the decision of", "answered"),
    ),
    used_up: (
        ("The approval allowed one run, which was made at", "Console: a run on the endpoint uses the approval up"),
        ("still to come", DIFFER),
    ),
}


STORIES |= {
    token_lost: (
        ("the token call before it got no usable answer", "attempt 1 got no token, which is tried again"),
        ("401",),
    ),
    teapot: (("it answered 418, which is not tried again", "rules.retried_statuses"), ("answers like this if",)),
    error_in_envelope: (("The console answered 200 with Status 'error'", "rules.error_envelope_delivery"), (ACCEPTED,)),
    registration_deleted: (("attempt 1 was answered with 503, which is tried again",), ("the registration allows",)),
    decision_under_way: (("The decision is being sent", "Deliver an approver's decision …"), (ACCEPTED, "is due at")),
    request_under_way: (("The request is being sent to ServiceNow", "Send an approval request …"), ("answered",)),
    type_deleted: (
        ("Its activity type does not exist any more; it can be decided with the terms",),
        ("never times out",),
    ),
    without_limit: (("It never times out: its activity type has no Max timeout",), ("It times out at 2026-01-06",)),
    unbounded_limit: (("longer than any that is counted", "rules.longest_timeout"), ("has no Max timeout",)),
    response_deleted: (("ServiceNow has no response to deliver",), (ACCEPTED,)),
    timed_approval: (
        (
            "The approval ended at 2026-01-05 10:00:00 UTC, 1 h after the decision",
            "Console: Expired",
            "Console: the approval ends",
            "For an hour",
            "Nothing falls due",
        ),
        (DIFFER, "holds until"),
    ),
    over_soap: (
        (
            "It is the requested item RITM",
            "its status is pending",
            "no decision has been accepted. The console asks ",
            "Integration soap",
            "2 more times, until 09:01:00 09:00:40 200 Exchange",
            "due in 8 min 50 s",
        ),
        ("posts to the console", DIFFER, "rules.process_timeout"),
    ),
    decided_over_soap: (
        ("ServiceNow denied it; the console learned that at", "its status is rejected"),
        ("delivered that", DIFFER),
    ),
}
SHORT = (delivered, token_refused, decided_too_late, not_recorded)


@pytest.mark.parametrize(
    "story",
    [pytest.param(story, marks=() if story in SHORT else pytest.mark.long, id=story.__name__) for story in STORIES],
)
async def test_page_says_why_and_claims_nothing_else(desk: Desk, story: Story) -> None:
    """Each event, broken in another way, has its sentences, and none of those of the others."""
    said, unsaid = STORIES[story]
    shown = await desk.page(await story(desk))
    assert [text for text in said if text not in shown] == []
    assert [text for text in unsaid if text in shown] == []


@pytest.mark.long
async def test_both_cockpits_say_the_same(desk: Desk) -> None:
    """Each reads the other party; only the order of the parties differs."""
    request_id = await console_down(desk)
    pages = [await desk.page(request_id, url) for url in (desk.fakes.servicenow, desk.fakes.console)]
    assert sorted(re.findall(r"\w+", pages[0])) == sorted(re.findall(r"\w+", pages[1]))


async def test_exchanges_know_their_request(desk: Desk) -> None:
    """Both parties find what belongs to a request, token calls included, and no list that somebody reads."""
    other = await desk.approve(await desk.ask("Elevate updaters"))
    await desk.console("DELETE", "/tokens")
    asked = await desk.ask()
    request_id = await desk.approve(asked)
    await desk.rows("request")
    sn, console = desk.fakes.servicenow, desk.fakes.console
    decision = f"PATCH {asked['sys_id']}"
    attempts = ["POST approve", "POST token", "POST approve"]
    assert await desk.exchanges(sn, f"request:{request_id}") == [f"POST {TABLE}", decision, *attempts]
    assert await desk.exchanges(console, f"request:{request_id[:8]}") == [f"POST {TABLE}", "POST approve"]
    assert len(await desk.exchanges(sn, f"request:{other}")) == 4
    shown = await desk.page(request_id)
    assert "Deliver an approver's decision 401" in shown
    assert "Registration used No. Time (UTC) From → to Answer Contract Request C 1 in the journal" in shown


@pytest.mark.long
async def test_soap_calls_know_their_request(desk: Desk) -> None:
    """ServiceNow reads the RequestId in the call that makes the item; of later calls only the console knows it."""
    request_id = await over_soap(desk)
    made, asked = "POST CreateExecuteAppApprovalRequest.do", "POST GetExecuteAppApprovalRequestStatus.do"
    assert await desk.exchanges(desk.fakes.servicenow, f"request:{request_id}") == [made]
    assert await desk.exchanges(desk.fakes.console, f"request:{request_id}") == [made, asked, asked, asked]


async def test_unknown_request_is_not_found(desk: Desk) -> None:
    """There is no page without a trace of the request."""
    assert f"Request {UNKNOWN} not found" in await desk.page(UNKNOWN)
    assert "Expected a whole RequestId" in await desk.page(UNKNOWN[:8])


@pytest.mark.long
async def test_deleted_request_still_has_its_exchanges(desk: Desk) -> None:
    """What happened stays in the journal, and the page says that the party has no record any more."""
    asked = await desk.ask()
    headers = {"Authorization": encode_basic_auth("admin", "admin")}
    url = f"{desk.fakes.servicenow}/api/now/table/{TABLE}/{asked['sys_id']}"
    async with desk.fakes.http.delete(url, headers=headers) as answer:
        assert answer.status == 204
    shown = await desk.page(asked["request_id"])
    assert "ServiceNow has no approval request with this RequestId" in shown
    assert "Delete an approval request 204" in shown
