"""What a console keeps in memory is bounded."""

from datetime import timedelta

import pytest

from console_sim.approval_request import ApprovalRequest
from console_sim.decision import Decision, Response
from console_sim.errors import StoreError
from console_sim.shelf import MemoryShelves, Shelf
from console_sim.store import Store
from privman_testbench.virtual_clock import VirtualClock

KIB = 1024


@pytest.fixture
def clock() -> VirtualClock:
    """The time, which a test advances."""
    return VirtualClock()


@pytest.fixture
def shelf(clock: VirtualClock) -> Shelf[ApprovalRequest]:
    """A shelf for five approval requests."""
    return Store(MemoryShelves(15 * KIB), clock).approval_requests


def asked(clock: VirtualClock, number: int, *, sent: bool = True) -> ApprovalRequest:
    """Return a request that takes 3 KiB, with the task that sends it."""
    now = clock.now()
    text = "x" * (3 * KIB - (1_000 if sent else 2_500))
    return ApprovalRequest(str(number), text, now, now + timedelta(hours=16), sent=sent)


def approved(request: ApprovalRequest) -> ApprovalRequest:
    """Return the request as ServiceNow's decision leaves it."""
    return request.decided(Decision(Response.APPROVE, "", None, "ada"), request.asked_at).delivered()


def test_oldest_decided_requests_make_room(clock: VirtualClock, shelf: Shelf[ApprovalRequest]) -> None:
    """Past the bound the oldest decided request goes, and no undecided one."""
    for number in range(5):
        shelf.put(asked(clock, number))
    for number in (3, 1):
        shelf.put(approved(asked(clock, number)))
    shelf.put(asked(clock, 5))
    assert [request.request_id for request in shelf] == ["0", "2", "3", "4", "5"]
    shelf.put(asked(clock, 6))
    assert [request.request_id for request in shelf.newest(0, 9)] == ["6", "5", "4", "2", "0"]


def test_undecided_requests_are_never_dropped(clock: VirtualClock, shelf: Shelf[ApprovalRequest]) -> None:
    """While all are undecided a new one is refused, and everything stays as it is."""
    for number in range(5):
        shelf.put(asked(clock, number))
    with pytest.raises(StoreError, match=r"^5 undecided approval requests fill the 15 KiB that a"):
        shelf.put(asked(clock, 5))
    assert len(shelf) == 5


async def test_timed_out_requests_make_room(clock: VirtualClock, shelf: Shelf[ApprovalRequest]) -> None:
    """A request that nobody has decided in time goes, too, whether or not it was ever sent."""
    for number in range(5):
        shelf.put(asked(clock, number, sent=number % 2 == 0))
    await clock.advance(16 * 3600)
    for number in range(5, 10):
        shelf.put(asked(clock, number))
    assert [request.request_id for request in shelf] == ["5", "6", "7", "8", "9"]


def test_change_spares_its_own_request(clock: VirtualClock, shelf: Shelf[ApprovalRequest]) -> None:
    """A request that grows, as by a comment, pushes another one out and not itself; one that is gone stays gone."""
    for number in range(5):
        shelf.put(approved(asked(clock, number)))
    changed = shelf.change("0", lambda now: now.failed("x" * KIB, refused=True))
    assert changed is not None
    assert [request.request_id for request in shelf] == ["0", "2", "3", "4"]
    assert shelf.change("1", lambda now: now.failed("", refused=False)) is None
