"""Order of what happened within one second, where virtual time stands still."""

import re
from html import unescape

import pytest

from privman_core.virtual_clock import VirtualClock

from .both_fakes import BothFakes, both_fakes

WHAT = {"PolicyName": "Elevate installers", "UserName": "kim", "AgentName": "PC-1", "FilePath": "C:\\Setup.exe"}


async def test_a_run_follows_the_decision_that_allows_it() -> None:
    """The page of the endpoint asks, and later runs: neither is the decision."""
    clock = VirtualClock()
    async with both_fakes(clock, clock) as fakes:
        await fakes.set_up()
        await _run(fakes)
        await fakes.approve()
        await _run(fakes)
        [asked] = (await fakes.control(fakes.console, "GET", "/approval-requests"))["approval_requests"]
        shown = await _time_line(fakes, asked["request_id"])
    steps = ("has answered Approve", "Deliver an approver's decision", "the request is approved", "POST /endpoint 303")
    places = [shown.rindex(step) for step in steps]
    assert places == sorted(places)


@pytest.mark.parametrize("kind", ["answer-lost", "truncated"])
async def test_decision_follows_the_call_that_made_it(kind: str) -> None:
    """Also if a fault drops the answer to that call."""
    clock = VirtualClock()
    async with both_fakes(clock, clock) as fakes:
        await fakes.set_up()
        request_id = await fakes.ask()
        await fakes.control(fakes.servicenow, "POST", "/faults", {"kind": kind, "method": "PATCH"})
        decide = f"/approval-requests/{request_id}/decide"
        await fakes.control(fakes.console, "POST", decide, {"response": "Deny"})
        shown = await _time_line(fakes, request_id)
    assert shown.index("Approve or deny a request") < shown.index("has answered Deny")


async def test_both_arrivals_of_a_repeated_request_follow_the_event_that_made_it() -> None:
    """One of them is in the journal of the party alone that received both."""
    clock = VirtualClock()
    async with both_fakes(clock, clock) as fakes:
        await fakes.set_up()
        await fakes.control(fakes.servicenow, "POST", "/faults", {"kind": "duplicated", "method": "POST"})
        shown = await _time_line(fakes, await fakes.ask())
    assert shown.count("Send an approval request") == 2
    assert shown.index("asks for approval") < shown.index("Send an approval request")
    assert shown.index("Send an approval request") < shown.index("fault: duplicated")


async def _time_line(fakes: BothFakes, request_id: str) -> str:
    """Return the text of the time line on the page of a request."""
    html = await fakes.look(fakes.servicenow, f"/requests/{request_id}")
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", html.split('class="steps"')[1].split("<svg")[0]).split()))


async def _run(fakes: BothFakes) -> None:
    """Run the application on the endpoint."""
    url = f"{fakes.console}/endpoint"
    async with fakes.http.get(url) as answer:
        name, token = re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', await answer.text())[0]
    async with fakes.http.post(url, data={name: token, "UserReason": "work", **WHAT}) as answer:
        assert answer.status == 200


async def test_newest_request_is_first_though_one_party_lacks_it() -> None:
    """Three are made within a second; the last one did not reach the instance, and its page says so."""
    clock = VirtualClock()
    async with both_fakes(clock, clock) as fakes:
        await fakes.set_up()
        asked = [await fakes.ask(user) for user in ("ann", "ben")]
        await fakes.control(fakes.servicenow, "POST", "/faults", {"kind": "status", "status": 503, "method": "POST"})
        asked.append(await fakes.ask("cid"))
        html = await fakes.look(fakes.servicenow, "/approvals")
        assert list(dict.fromkeys(re.findall(r"/requests/([0-9a-f-]{36})", html))) == asked[::-1]
        page = await fakes.look(fakes.servicenow, f"/requests/{asked[2]}")
        assert "The parties differ: ServiceNow does not have it and Console says Pending." in page
