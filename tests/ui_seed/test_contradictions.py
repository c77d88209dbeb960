"""The cockpit's page of a request: whatever fails, no sentence of a party contradicts what the other one knows."""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from html import unescape
from itertools import count
from typing import Any

import pytest
from aiohttp import encode_basic_auth

from .desk import APPROVE, METADATA, TABLE, Desk

pytestmark = pytest.mark.asyncio(loop_scope="session")
_CARD = re.compile(r'<section class="card" aria-labelledby="party\d">(.*?)</section>', re.DOTALL)
_DECIDED = {"Approve": "approved", "Deny": "denied", "Approved": "approved", "Denied": "denied", "Expired": "approved"}
_ARRIVED = re.compile(r"→ Console Deliver an approver's decision[^→]*?Exchange (?:SN \d+ )?C \d+")
_users = count()


class Card:
    """What the page says of a party: its state, and its sentences."""

    def __init__(self, html: str) -> None:
        self.text = " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())
        found = re.search(r"<h2[^>]*>(?:\w+): (\w+)</h2>", html)
        self.state = found[1] if found else ""
        self.decided = _DECIDED.get(self.state, "")

    def says(self, pattern: str) -> bool:
        """Return whether a sentence has that."""
        return re.search(pattern, self.text) is not None


Pair = tuple[str, Callable[[Card, str], bool], str]
PAIRS: list[Pair] = [
    (r"does not have|not delivered|lacks it", lambda other, _: bool(other.state), ""),
    ("has not acknowledged the request", lambda other, _: bool(other.state), "Yet .* has the request"),
    ("has not acknowledged the decision", lambda other, _: bool(other.decided), "Yet .* has that decision"),
    ("The decision was not sent, because", lambda other, _: bool(other.decided), "Yet .* has that decision"),
    (
        "no decision has been accepted|No decision was accepted",
        lambda _, page: _ARRIVED.search(page) is not None,
        "arrived at",
    ),
    ("o decision .*has arrived|No decision arrived", lambda _, page: _ARRIVED.search(page) is not None, ""),
    ("Nobody decided|nobody has decided", lambda other, _: bool(other.decided), ""),
    ("The console acknowledged the decision", lambda other, _: not other.decided, "caused this"),
    ("ServiceNow has acknowledged that", lambda other, _: not other.decided, "caused this"),
    ("approved it in ServiceNow", lambda other, _: other.decided != "approved", ""),
]
"""A sentence of one party, whether the other one's state or the time line makes it misleading, and what mends that."""


async def contradictions(desk: Desk, request_id: str) -> list[str]:
    """Return the sentences of either party that what the other knows contradicts."""
    html = await desk.fakes.look(desk.fakes.servicenow, f"/requests/{request_id}")
    page, cards = await desk.page(request_id), [Card(each) for each in _CARD.findall(html)]
    assert len(cards) == 2
    return [
        f"{card.text!r} says {said!r} while the other says {other.text!r}"
        for card, other in (cards, cards[::-1])
        for said, is_wrong, mended in PAIRS
        if card.says(said) and is_wrong(other, page) and not (mended and card.says(mended))
    ]


async def asked(desk: Desk, arm: Callable[[], Awaitable[Any]]) -> str:
    """The fault strikes the request."""
    await arm()
    return str((await _ask(desk))["request_id"])


async def approved(desk: Desk, arm: Callable[[], Awaitable[Any]]) -> str:
    """The fault strikes the decision of an approver."""
    request = await _ask(desk)
    await arm()
    headers = {"Authorization": encode_basic_auth("privman.approver", "admin")}
    url = f"{desk.fakes.servicenow}/api/now/table/{TABLE}/{request['sys_id']}"
    async with desk.fakes.http.patch(url, json={"status": "Approve"}, headers=headers):
        await desk.advance(0)  # whatever it was answered with
    return str(request["request_id"])


async def denied_here(desk: Desk, arm: Callable[[], Awaitable[Any]]) -> str:
    """The fault strikes the decision of the console."""
    request = await _ask(desk)
    await arm()
    await desk.console("POST", f"/approval-requests/{request['request_id']}/decide", {"response": "Deny"})
    return str(request["request_id"])


async def _ask(desk: Desk) -> Any:
    metadata = METADATA | {"UserName": f"user-{next(_users)}"}
    return await desk.console("POST", "/approval-requests", {"metadata": metadata})


async def _recipes(desk: Desk) -> list[tuple[str, dict[str, Any]]]:
    """Return every recipe of both parties as a fault, and where it is armed."""
    found = []
    for url in (desk.fakes.servicenow, desk.fakes.console):
        recipes = (await desk.fakes.control(url, "GET", "/cockpit/faults"))["recipes"]
        party = "ServiceNow" if url == desk.fakes.servicenow else "Console"
        found += [(url, {"party": party, "recipe": each["name"], **each["blanks"]}) for each in recipes]
    return found


@pytest.mark.long
@pytest.mark.parametrize("story", [asked, approved, denied_here])
async def test_no_recipe_makes_a_party_say_what_the_other_contradicts(desk: Desk, story: Any) -> None:
    """Neither at once, nor when everything that falls due has been done."""
    for url, recipe in await _recipes(desk):
        request_id = await story(desk, partial(desk.fakes.post, desk.fakes.servicenow, "/faults", recipe))
        for wait in (0, 60, 1_800):
            await desk.advance(wait)
            assert await contradictions(desk, request_id) == [], recipe
        await desk.fakes.control(url, "DELETE", "/faults")


async def test_what_the_tester_replays_is_known(desk: Desk) -> None:
    """The console, which did not send it, lacks an answer; ServiceNow has the request."""
    refused = {"kind": "status", "status": 403, "method": "POST"}
    request_id = await asked(desk, lambda: desk.servicenow("POST", "/faults", refused))
    console = desk.fakes.console
    await desk.fakes.post(console, f"{await desk.path(console, 'to:servicenow')}/replay", {})
    shown = await desk.page(request_id)
    assert "and the answer was 201. Yet ServiceNow has the request: it says Pending." in shown
    assert await contradictions(desk, request_id) == []


async def test_what_arrived_is_not_said_to_be_lacking(desk: Desk) -> None:
    """An answer that got lost, a decision that was refused: the page says what the other party has of it."""
    lost = {"kind": "answer-lost", "method": "POST"}
    request_id = await asked(desk, lambda: desk.servicenow("POST", "/faults", lost))
    assert "Yet ServiceNow has the request: it says Pending." in await desk.page(request_id)
    assert await contradictions(desk, request_id) == []
    request_id = await approved(desk, lambda: desk.console("POST", "/faults", lost | {"path": APPROVE}))
    assert "Yet Console has that decision: it says Approved." in await desk.page(request_id)
    assert await contradictions(desk, request_id) == []
    request_id = await approved(desk, lambda: desk.console("POST", "/api-user", {"roles": []}))
    arrived = (
        "arrived at 09:00:00, and was answered with 403: the API user has no role with 'Approve Approval Requests'."
    )
    assert await desk.exchanges(desk.fakes.console, f"request:{request_id}+status:403") == ["POST approve"]
    for wait, said in ((0, "no decision has been accepted"), (1_800, "No decision was accepted within 20 min")):
        await desk.advance(wait)
        shown = await desk.page(request_id)
        assert (said in shown, arrived in shown, "has arrived" in shown) == (True, True, False)
