"""Transactions, nested in any way: one that fails undoes what it and those in it have changed, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from console_sim.accounts import Credential
from console_sim.approval_request import ApprovalRequest
from console_sim.console_store import ConsoleStore
from console_sim.errors import NotStoredError
from console_sim.file_shelves import FileShelves
from console_sim.memory_shelves import MemoryShelves
from console_sim.shelf import Shelves
from privman_core.virtual_clock import VirtualClock

CLOCK = VirtualClock()
Put = int
"""The number of a credential and a request that are put, or removed if they are there."""


@dataclass
class Nested:
    """A transaction, with what is done in it in order."""

    fails: bool
    steps: "list[Put | Nested]" = field(default_factory=list)


def nested(steps: st.SearchStrategy[Put | Nested]) -> st.SearchStrategy[Nested]:
    """Return transactions with such steps in them."""
    return st.builds(Nested, st.booleans(), st.lists(steps, max_size=3))


STEPS = st.lists(st.recursive(st.integers(0, 4), nested, max_leaves=12), max_size=6)
FAILING_IN_FAILING = [Nested(fails=False, steps=[Nested(fails=True, steps=[1, Nested(fails=True, steps=[2])])])]


@pytest.mark.long
@pytest.mark.parametrize("kind", ["memory", "file"])
@given(steps=STEPS)
@example(steps=FAILING_IN_FAILING)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nested_transactions(kind: str, steps: list[Put | Nested]) -> None:
    """Entries that are read from the store, from its memory, and after a restart are those of a model."""
    with shelves_of(kind) as shelves:
        store = ConsoleStore(shelves)
        model = taken(store, steps, [])
        for each in (store, ConsoleStore(shelves)) if kind == "file" else (store,):
            assert [int(credential.name) for credential in each.credentials] == model
            assert [int(request.request_id) for request in each.approval_requests] == model
            assert [int(request.request_id) for request in each.approval_requests.newest(0, 9)] == model[::-1]
            assert len(each.approval_requests) == len(model)


def taken(store: ConsoleStore, steps: list[Put | Nested], model: list[int]) -> list[int]:
    """Take the steps and return which numbers are there afterwards."""
    for step in steps:
        if isinstance(step, Nested):
            model = transacted(store, step, model)
        elif step in model:
            store.credentials.remove(str(step))
            store.approval_requests.remove(str(step))
            model = [number for number in model if number != step]
        else:
            put(store, step)
            model = [*model, step]
    return model


def transacted(store: ConsoleStore, transaction: Nested, model: list[int]) -> list[int]:
    """Take the steps of a transaction and return which numbers are there afterwards."""
    after = model
    with suppress(ZeroDivisionError), store.transaction():
        after = taken(store, transaction.steps, model)
        if transaction.fails:
            raise ZeroDivisionError
    return model if transaction.fails else after


@contextmanager
def shelves_of(kind: str) -> Iterator[Shelves]:
    """Give a store in memory or in a file."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder, 'console.db')}"
        shelves = MemoryShelves(CLOCK) if kind == "memory" else FileShelves(url, CLOCK)
        yield shelves
        shelves.close()


def test_a_transaction_that_sqlite_has_rolled_back() -> None:
    """As a full disk makes it do: nothing that follows in the transaction is kept either."""
    with shelves_of("file") as shelves:
        assert isinstance(shelves, FileShelves)
        store = ConsoleStore(shelves)
        failing = "BEFORE INSERT ON document WHEN NEW.key = '2' BEGIN SELECT RAISE(ROLLBACK, 'disk is full'); END"
        shelves.run(sa.text(f"CREATE TRIGGER fail {failing}"))
        with suppress(NotStoredError), store.transaction():
            put(store, 1)
            with suppress(NotStoredError):
                put(store, 2)
            put(store, 3)
        put(store, 4)
        for each in (store, ConsoleStore(shelves)):
            assert [credential.name for credential in each.credentials] == ["4"]


def put(store: ConsoleStore, number: Put) -> None:
    """Put a credential and a request of that number."""
    store.credentials.put(Credential(str(number), "", ""))
    store.approval_requests.put(ApprovalRequest(str(number), "{}", CLOCK.now()))
