"""What a console keeps in memory is bounded, with a file, too."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from console_sim.accounts import Credential
from console_sim.approval_decision import ApprovalDecision, Response
from console_sim.approval_request import ApprovalRequest
from console_sim.console_store import ConsoleStore
from console_sim.errors import BadRequestError, NotStoredError
from console_sim.file_shelves import FileShelves
from console_sim.memory_shelves import MemoryShelves
from console_sim.shelf import LongShelf, ShelfKind
from console_sim.small_shelf import SmallShelf
from privman_core.virtual_clock import VirtualClock

KIB = 1024


@pytest.fixture
def clock() -> VirtualClock:
    """The time, which a test advances."""
    return VirtualClock()


@pytest.fixture
def shelf(clock: VirtualClock) -> LongShelf[ApprovalRequest]:
    """A shelf for five approval requests."""
    return ConsoleStore(MemoryShelves(clock, 20 * KIB)).approval_requests


@pytest.fixture
def database(tmp_path: Path, clock: VirtualClock) -> Iterator[FileShelves]:
    """A file in whose memory five approval requests fit that are still to be sent."""
    opened = FileShelves(f"sqlite:///{tmp_path / 'console.db'}", clock, 20 * KIB)
    yield opened
    opened.close()


def asked(clock: VirtualClock, number: int, *, sent: bool = True) -> ApprovalRequest:
    """Return a request that takes 4 KiB, with the task that sends it."""
    now = clock.now()
    text = "x" * (4 * KIB - (2_000 if sent else 3_500))
    return ApprovalRequest(str(number), text, now, now + timedelta(hours=16), server_id="1", sent=sent)


def approved(request: ApprovalRequest) -> ApprovalRequest:
    """Return the request as ServiceNow's decision leaves it."""
    return request.decided(ApprovalDecision(Response.APPROVE, "", None, "ada"), request.asked_at).delivered()


def test_oldest_decided_requests_make_room(clock: VirtualClock, shelf: LongShelf[ApprovalRequest]) -> None:
    """Past the bound the oldest decided request goes, and no undecided one."""
    for number in range(5):
        shelf.put(asked(clock, number))
    for number in (3, 1):
        shelf.put(approved(asked(clock, number)))
    shelf.put(asked(clock, 5))
    assert [request.request_id for request in shelf] == ["0", "2", "3", "4", "5"]
    shelf.put(asked(clock, 6))
    assert [request.request_id for request in shelf.newest(0, 9)] == ["6", "5", "4", "2", "0"]


def test_undecided_requests_are_never_dropped(clock: VirtualClock, shelf: LongShelf[ApprovalRequest]) -> None:
    """While all are undecided a new one is refused, and everything stays as it is."""
    for number in range(5):
        shelf.put(asked(clock, number))
    with pytest.raises(NotStoredError, match=r"^no room for this approval request: 5 unfinished ones fill the 20 KiB"):
        shelf.put(asked(clock, 5))
    assert len(shelf) == 5


def test_a_full_memory_is_told_in_kib(clock: VirtualClock) -> None:
    """The message names what a console keeps."""
    shelf = ConsoleStore(MemoryShelves(clock, 2 * KIB * KIB)).approval_requests
    now = clock.now()
    first, second = (ApprovalRequest(key, "x" * KIB * KIB, now, now + timedelta(hours=1)) for key in "ab")
    shelf.put(first)
    with pytest.raises(NotStoredError, match=": 1 unfinished ones fill the 2,048 KiB of memory"):
        shelf.put(second)


async def test_timed_out_requests_make_room(clock: VirtualClock, shelf: LongShelf[ApprovalRequest]) -> None:
    """A request that nobody has decided in time goes, too, whether or not it was ever sent."""
    for number in range(5):
        shelf.put(asked(clock, number, sent=number % 2 == 0))
    await clock.advance(16 * 3600)
    for number in range(5, 10):
        shelf.put(asked(clock, number))
    assert [request.request_id for request in shelf] == ["5", "6", "7", "8", "9"]


def test_change_spares_its_own_request(clock: VirtualClock, shelf: LongShelf[ApprovalRequest]) -> None:
    """A request that grows, as by a comment, pushes another one out and not itself; one that is gone stays gone."""
    for number in range(5):
        shelf.put(approved(asked(clock, number)))
    changed = shelf.change("0", lambda now: now.failed("x" * KIB, refused=True))
    assert changed is not None
    assert [request.request_id for request in shelf] == ["0", "2", "3", "4"]
    assert shelf.change("1", lambda now: now.failed("", refused=False)) is None


def test_unsent_requests_on_a_file_are_bounded(clock: VirtualClock, database: FileShelves) -> None:
    """They are worked on in memory; any number that ServiceNow has is kept, and sending one makes room."""
    shelf = ConsoleStore(database).approval_requests
    for number in range(5):
        shelf.put(asked(clock, number, sent=False))
        shelf.put(asked(clock, 100 + number))
    with pytest.raises(
        NotStoredError, match=r": 5 unfinished ones fill the 20 KiB .* once some of these have been sent"
    ):
        shelf.put(asked(clock, 5, sent=False))
    assert len(shelf) == 10
    shelf.put(asked(clock, 3))
    shelf.put(asked(clock, 5, sent=False))
    shelf.put(replace(asked(clock, 5, sent=False), last_error="503"))
    with pytest.raises(NotStoredError):
        ConsoleStore(database).approval_requests.put(asked(clock, 6, sent=False))
    shelf.remove("5")
    shelf.put(asked(clock, 6, sent=False))


@pytest.mark.parametrize("kept", ["memory", "file"])
def test_a_full_memory_has_room_for_errors(clock: VirtualClock, database: FileShelves, kept: str) -> None:
    """And for short comments, but not for long ones."""
    shelf = ConsoleStore(database if kept == "file" else MemoryShelves(clock, 20 * KIB)).approval_requests
    for number in range(5):
        shelf.put(asked(clock, number, sent=False))
    shelf.change("0", lambda request: request.failed("x" * 1_000, refused=False))
    with pytest.raises(NotStoredError, match=r"^no room for this approval request: 5 "):
        shelf.change("1", lambda request: request.failed("x" * 1_001, refused=False))
    assert [len(request.last_error) for request in shelf] == [1_000, 0, 0, 0, 0]


async def test_unsent_requests_on_a_file_that_time_out_make_room(clock: VirtualClock, database: FileShelves) -> None:
    """Nothing is done about them any more; the file keeps them."""
    shelf = ConsoleStore(database).approval_requests
    for number in range(5):
        shelf.put(asked(clock, number, sent=False))
    await clock.advance(16 * 3600)
    for number in range(5, 10):
        shelf.put(asked(clock, number, sent=False))
    assert (len(shelf), len(shelf.unfinished())) == (10, 5)


def test_requests_that_were_not_kept_take_no_room(clock: VirtualClock, database: FileShelves) -> None:
    """Neither do those of a transaction that failed, nor those that were cleared."""
    store = ConsoleStore(database)
    shelf = store.approval_requests
    for round_ in range(3):
        with suppress(ValueError), store.transaction():
            for number in range(5):
                shelf.put(asked(clock, number, sent=False))
            raise ValueError(round_)
    for number in range(5):
        shelf.put(asked(clock, number, sent=False))
    store.clear()
    shelf.put(asked(clock, 9, sent=False))
    assert len(shelf) == 1


def test_a_transaction_that_fails_puts_back_what_it_dropped(clock: VirtualClock) -> None:
    """Dropped, changed and new requests are as before, each in its place."""
    store = ConsoleStore(MemoryShelves(clock, 20 * KIB))
    shelf = store.approval_requests
    for number in range(5):
        shelf.put(asked(clock, number) if number % 2 else approved(asked(clock, number)))
    before = list(shelf)
    with suppress(NotStoredError), store.transaction():
        shelf.put(asked(clock, 3).failed("x", refused=False))
        for number in range(5, 9):
            shelf.put(asked(clock, number))
    assert list(shelf) == before
    shelf.put(asked(clock, 9))
    assert [request.request_id for request in shelf] == ["1", "2", "3", "4", "9"]


@pytest.mark.parametrize("kept", ["memory", "file"])
def test_a_transaction_that_fails_forgets_no_configuration(
    clock: VirtualClock, database: FileShelves, kept: str
) -> None:
    """What was removed is there again, in its place, and what was added is gone, here and where it is stored."""
    shelves = database if kept == "file" else MemoryShelves(clock)
    store = ConsoleStore(shelves)
    for name in "abc":
        store.credentials.put(Credential(name, name, name))
    with suppress(ValueError), store.transaction():
        store.credentials.remove("c")
        store.credentials.remove("a")
        store.credentials.put(Credential("d", "d", "d"))
        assert [each.name for each in store.credentials] == ["b", "d"]
        raise ValueError
    for each in (store, ConsoleStore(shelves)) if kept == "file" else (store,):
        assert [credential.name for credential in each.credentials] == ["a", "b", "c"]


def test_pages_of_a_file_after_removals(clock: VirtualClock, database: FileShelves) -> None:
    """The number of requests, and the place of each, follow what is put and removed, also in a failed transaction."""
    store = ConsoleStore(database)
    shelf = store.approval_requests
    for number in range(9):
        shelf.put(asked(clock, number))
        store.credentials.put(Credential(str(number), "", ""))
    with suppress(ValueError), store.transaction():
        shelf.remove("8")
        shelf.put(asked(clock, 9))
        shelf.remove("4")
        raise ValueError
    shelf.remove("4")
    assert len(shelf) == 8
    assert [[each.request_id for each in shelf.newest(first, 3)] for first in (0, 3, 6, 9)] == [
        ["8", "7", "6"],
        ["5", "3", "2"],
        ["1", "0"],
        [],
    ]
    assert len(ConsoleStore(database).approval_requests) == 8


def test_configuration_is_bounded(database: FileShelves) -> None:
    """In number and in weight; what is there may be changed, but not made longer."""
    shelf = SmallShelf(ShelfKind("credential", Credential, lambda each: each.name), database, most=2, most_bytes=KIB)
    for name in "ab":
        shelf.put(Credential(name, "", "", "x" * 300))
    with pytest.raises(
        BadRequestError, match=r"^no room for another credential: there are 2, which is the limit; change one "
    ):
        shelf.put(Credential("c", "", ""))
    told = (
        r"^no room for this credential: with it, all of this kind would have 2 KiB; the limit is 1 KiB; shorten this "
    )
    with pytest.raises(BadRequestError, match=told):
        shelf.put(Credential("b", "", "", "x" * 1_000))
    shelf.put(Credential("b", "", "", "y" * 300))
    reopened = SmallShelf(ShelfKind("credential", Credential, lambda each: each.name), database, most_bytes=500)
    reopened.put(Credential("a", "", "", "z" * 300))
    assert [each.description[0] for each in reopened] == ["z", "y"]
