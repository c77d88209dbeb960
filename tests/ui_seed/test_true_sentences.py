"""The cockpit's page of a request, in stories in which a sentence could claim what is not, or no longer, so."""

import pytest

from .desk import Desk

pytestmark = [pytest.mark.asyncio(loop_scope="session")]


def check(shown: str, said: tuple[str, ...], unsaid: tuple[str, ...]) -> None:
    """Assert that a page has these texts, and none of those."""
    assert [text for text in said if text not in shown] == []
    assert [text for text in unsaid if text in shown] == []


async def test_nothing_promises_a_retry_after_the_time_out(desk: Desk) -> None:
    """The last retry before the time-out is the last one."""
    await desk.servicenow("POST", "/faults", {"kind": "status", "status": 503, "method": "POST", "times": None})
    asked = await desk.ask()
    await desk.advance(950)
    shown = await desk.page(asked["request_id"])
    check(shown, ("Nothing sends it again by itself", "times out, unless a decision arrives"), ("sends it again due",))
    assert "Send approval request" not in await desk.fakes.look(desk.fakes.console, "/clock")
    await desk.advance(300)
    check(await desk.page(asked["request_id"]), ("timed out at",), ("It is sent again", "sends it again due"))
