from privman_core.pages.browser_sessions import SessionOwners, idle_person
from privman_core.virtual_clock import VirtualClock


class MachineClock(VirtualClock):
    """A clock that nobody but the machine moves, as far as a session knows."""

    virtual = False


async def test_unused_session_ends() -> None:
    """A session ends after 30 minutes without a page."""
    clock = MachineClock()
    owners = SessionOwners(clock, 2)
    owners.open("session", "person", idle_person(clock))
    for _ in range(3):
        await clock.advance(1_799)
        assert owners.owner("session") == "person"
    await clock.advance(1_800)
    assert owners.owner("session") is None
    await clock.aclose()
