"""The control plane of either party: its health, its clock and its reset."""

from datetime import timedelta
from importlib.metadata import version

import pytest

from privman_core.virtual_clock import START

from .conftest import Party


async def test_health(party: Party) -> None:
    """The health call answers 200 when the party serves."""
    assert await party.call("GET", "/__admin/health") == (200, {"status": "ok", "version": version("mock-servicenow")})


async def test_clock_jumps(party: Party) -> None:
    """Advancing answers the new time; reading it changes nothing."""
    nothing_waits = {"now": "2026-01-05T09:00:00+00:00", "next": None, "virtual": True}
    assert (await party.call("GET", "/__admin/clock"))[1] == nothing_waits
    answer = await party.call("POST", "/__admin/clock/advance", json={"seconds": 90})
    assert answer == (200, {"now": "2026-01-05T09:01:30+00:00"})
    assert (await party.call("GET", "/__admin/clock"))[1] == nothing_waits | {"now": "2026-01-05T09:01:30+00:00"}


async def test_what_falls_due_next_is_told(party: Party, real_party: Party) -> None:
    """The time of the next deadline, for who keeps two virtual clocks together; where time is real nobody does."""

    async def job() -> None:
        """Do nothing."""

    party.clock.call_at(START + timedelta(seconds=20), job).cancel()
    party.clock.call_at(START + timedelta(seconds=50), job)
    assert (await party.call("GET", "/__admin/clock"))[1]["next"] == "2026-01-05T09:00:50+00:00"
    await party.clock.advance(50)
    assert (await party.call("GET", "/__admin/clock"))[1]["next"] is None
    assert (await real_party.call("GET", "/__admin/clock"))[1]["next"] is None


async def test_real_clock_does_not_jump(real_party: Party) -> None:
    """Advancing a real clock is refused, and the answer says how to get a virtual one."""
    status, body = await real_party.call("POST", "/__admin/clock/advance", json={"seconds": 5})
    assert (status, body["error"]) == (400, "the clock cannot jump by 5 s: it is real (start with --clock virtual)")


@pytest.mark.parametrize("seconds", [-1, "5", True, None, 10**12])
async def test_clock_wants_seconds(party: Party, seconds: object) -> None:
    """Anything but a sensible number of seconds is refused with its value."""
    status, body = await party.call("POST", "/__admin/clock/advance", json={"seconds": seconds})
    assert status == 400
    assert body["error"] == f"'seconds' is {seconds!r}; expected a number from 0 to 316224000"


@pytest.mark.parametrize(("data", "wanted"), [("{", "the body is not JSON"), ("[]", "the body is list; expected")])
async def test_control_wants_json_objects(party: Party, data: str, wanted: str) -> None:
    """A body that is no JSON object is refused in one line."""
    status, body = await party.call("POST", "/__admin/clock/advance", data=data)
    assert status == 400
    assert body["error"].startswith(wanted)


async def test_reset(party: Party) -> None:
    """Reset calls what the party does to go back to its start."""
    assert (await party.call("POST", "/__admin/reset"))[0] == 204
    assert party.resets == 1
