import logging
from collections.abc import AsyncIterator

import pytest

from privman_core.seldom_log import MOST_LINES, SeldomLog
from privman_core.virtual_clock import VirtualClock


@pytest.fixture
async def clock() -> AsyncIterator[VirtualClock]:
    """A virtual clock."""
    clock = VirtualClock()
    yield clock
    await clock.aclose()


async def test_an_outage_is_logged_once_a_minute(clock: VirtualClock, caplog: pytest.LogCaptureFixture) -> None:
    """However many calls fail, and for however many reasons, some lines say so, and how many were left out."""
    log = SeldomLog(logging.getLogger("outage"), clock)
    for _ in range(3):
        log.write("database: gone")
    for number in range(20):
        log.write(f"database: value {number}")
    assert len(caplog.messages) == MOST_LINES
    await clock.advance(59)
    log.write("database: gone")
    assert len(caplog.messages) == MOST_LINES
    await clock.advance(1)
    log.write("database: gone")
    assert caplog.messages[MOST_LINES:] == ["14 more errors like these were not logged", "database: gone"]
