"""Whatever happens to approval requests, a full memory evicts the oldest that have ended, and no others."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console_sim.approval_decision import ApprovalDecision, Response
from console_sim.approval_request import ApprovalRequest, LatestRequest
from console_sim.console_store import ConsoleStore
from console_sim.errors import NotStoredError
from console_sim.file_shelves import FileShelves
from console_sim.memory_shelves import MemoryShelves
from console_sim.shelf import LongShelf, Shelves
from privman_core.virtual_clock import VirtualClock

ROOM = 40_000
DENIED = ApprovalDecision(Response.DENY, "", None, "ada")


@contextmanager
def shelves_of(kind: str, clock: VirtualClock) -> Iterator[Shelves]:
    """Give a store in memory or in a file, with memory for ten to sixteen requests."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder, 'console.db')}"
        shelves = MemoryShelves(clock, ROOM) if kind == "memory" else FileShelves(url, clock, ROOM)
        yield shelves
        shelves.close()


class Model:
    """The requests in memory, found by a look at every one of them."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.kept: dict[str, ApprovalRequest] = {}

    def put(self, request: ApprovalRequest) -> bool:
        """Keep a request in place of those that must go; return whether there is room."""
        kept = {**self.kept, request.request_id: request}
        ended = [key for key, each in kept.items() if each is not request and self.has_ended(each)]
        while sum(map(weight, kept.values())) > ROOM:
            if not ended:
                return False
            del kept[ended.pop(0)]
        self.kept = kept
        return True

    def has_ended(self, request: ApprovalRequest) -> bool:
        """Return whether it is decided or has timed out."""
        times_out_at = request.times_out_at
        return request.decision is not None or (times_out_at is not None and times_out_at <= self.clock.now())

    def after(self, step: str, number: int, size: int) -> ApprovalRequest | None:
        """Return the request that is put in that step; None if none is."""
        now = self.clock.now()
        if step == "ask":
            end = now + timedelta(hours=size) if size % 4 else None
            return ApprovalRequest(str(number), "x" * size * 40, now, end, server_id="1")
        if not self.kept or step not in {"decide", "grow"}:
            return None
        request = list(self.kept.values())[size % len(self.kept)]
        if step == "grow":
            return request.failed("y" * size * 40, refused=False)
        return None if self.has_ended(request) else request.decided(DENIED, now)


def weight(request: ApprovalRequest) -> int:
    """Return the bytes that an unsent request takes."""
    return 2_500 + max(request.characters, len(request.metadata) + 1_000)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "decide", "wait", "grow", "remove"]),
        st.integers(0, 40),
        st.sampled_from([False] * 3 + [True]),
    ),
    max_size=30,
)
FILLING = [("ask", size % 5, False) for size in range(1, 16)]


@pytest.mark.long
@pytest.mark.parametrize("kind", ["memory", "file"])
@given(steps=STEPS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_oldest_that_have_ended_are_evicted(kind: str, steps: list[tuple[str, int, bool]]) -> None:
    """Also after transactions that fail, which leave everything as it was."""
    clock = VirtualClock()
    model = Model(clock)
    with shelves_of(kind, clock) as shelves:
        shelf = ConsoleStore(shelves).approval_requests
        for number, (step, size, fails) in enumerate(FILLING + steps):
            before = dict(model.kept)
            with suppress(ZeroDivisionError), shelves.transaction():
                take(model, shelf, step, number, size)
                if fails:
                    raise ZeroDivisionError
            if fails:
                model.kept = before
            assert shelf.unfinished() == list(model.kept.values())


def take(model: Model, shelf: LongShelf[ApprovalRequest], step: str, number: int, size: int) -> None:
    """Do the same to the model and to the shelf."""
    request = model.after(step, number, size)
    if request is not None:
        with nullcontext() if model.put(request) else pytest.raises(NotStoredError):
            shelf.put(request)
    elif step == "wait":
        asyncio.run(model.clock.advance(size * 1800))
    elif step == "remove" and model.kept:
        key = list(model.kept)[size % len(model.kept)]
        del model.kept[key]
        shelf.remove(key)
    else:
        shelf.remove("unknown")


def test_a_latest_request_that_was_replaced_is_evicted_last() -> None:
    """So the newest request for something is known although many others were made since the first."""
    latest = ConsoleStore(MemoryShelves(VirtualClock(), 1_500)).latest_requests
    for fingerprint in "ABCAD":
        latest.put(LatestRequest(fingerprint, "1"))
    assert [each.fingerprint for each in latest] == ["C", "A", "D"]


def test_a_failed_insert_evicts_nothing() -> None:
    """Requests that would have gone are still worked on."""
    clock = VirtualClock()
    with shelves_of("file", clock) as shelves:
        shelf = ConsoleStore(shelves).approval_requests
        now = clock.now()
        shelf.put(ApprovalRequest("1", "x" * (ROOM - 4_000), now, now + timedelta(hours=1), server_id="1"))
        asyncio.run(clock.advance(3_600))
        assert isinstance(shelves, FileShelves)
        shelves.run(sa.text("CREATE TRIGGER fail BEFORE INSERT ON document BEGIN SELECT RAISE(FAIL, 'disk'); END"))
        with pytest.raises(NotStoredError):
            shelf.put(ApprovalRequest("2", "x" * (ROOM - 4_000), now, server_id="1"))
        assert [each.request_id for each in shelf.unfinished()] == ["1"]


def test_a_full_memory_counts_what_must_stay() -> None:
    """Not those that would be evicted."""
    clock = VirtualClock()
    with shelves_of("memory", clock) as shelves:
        shelf = ConsoleStore(shelves).approval_requests
        pending = [ApprovalRequest(str(number), "x" * 9_000, clock.now(), server_id="1") for number in range(3)]
        for request in pending:
            shelf.put(request)
        shelf.put(pending[0].decided(DENIED, clock.now()))
        with pytest.raises(NotStoredError, match=": 2 unfinished ones fill the 39 KiB"):
            shelf.put(ApprovalRequest("3", "x" * 20_000, clock.now(), server_id="1"))
