"""Play scenarios in this process or in several, with the same outcomes in the same order."""

import gc
import os
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import DefaultContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, TypeVar, cast

from privman_core import interrupts
from privman_core.clock import Clock, RealClock
from privman_core.operating_system import TERMINATION_SIGNALS, let_through, process_start, signals_held_back
from privman_scenarios.errors import WorkerLostError
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.engine import Engine, Worlds
from privman_scenarios.playing.events import Event, Listener, RunEnded, RunStarted, ScenarioEnded
from privman_scenarios.playing.verbs import vocabulary

_OBJECTS = 50_000  # made between two collections; a scenario makes about half of them, which are small


def tune_gc() -> None:
    """Collect garbage seldom from now on, and never look through what is there already, which stays.

    Both fakes and their libraries are some hundred thousand objects: looking through them costs a sixth of a scenario.
    """
    gc.set_threshold(_OBJECTS)
    gc.freeze()


@contextmanager
def tuned_gc() -> Iterator[None]:
    """Collect garbage seldom while the body runs."""
    before = gc.get_threshold()
    tune_gc()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


Item = TypeVar("Item")
Result = TypeVar("Result")
# A process is worth its start when it has that much to do, and gets that many items at a time.
ITEMS_A_PROCESS, ITEMS_AT_A_TIME = 16, 4
_WORK = "work"


def worthwhile(jobs: int, items: int) -> int:
    """Return how many processes of that many so many items are worth."""
    return min(jobs, items // ITEMS_A_PROCESS)


def spread(work: Callable[[Item], Result], items: Sequence[Item], jobs: int) -> Iterator[Result]:
    """Yield the result for each item, in the order of the items however many processes there are.

    Args:
        work: a function that can be pickled, unless one process is enough.
        items: what it is called with; they can be pickled too.
        jobs: how many processes there are at most; a few items are done in this one.

    Raises WorkerLostError where one of the processes was ended from outside.
    """
    jobs = worthwhile(jobs, len(items))
    if jobs <= 1:
        yield from map(work, items)
        return
    with TemporaryDirectory() as folder:
        yield from _spread(Path(folder), work, items, jobs)


def _spread(folder: Path, work: Callable[[Item], Result], items: Sequence[Item], jobs: int) -> Iterator[Result]:
    """Yield the results; they and the items are files, so that no pipe is ever full when a process is killed."""
    (folder / _WORK).write_bytes(pickle.dumps((work, items)))
    batches = iter([range(len(items))[at : at + ITEMS_AT_A_TIME] for at in range(0, len(items), ITEMS_AT_A_TIME)])
    workers: dict[Connection, BaseProcess] = {}
    done: set[int] = set()
    number = 0
    try:
        for _ in range(jobs):
            workers.update([_started(folder)])
        for worker in workers:
            _send(worker, next(batches, range(0)))
        while number < len(items):
            ready = wait(list(workers))
            for worker in [each for each in workers if each in ready]:
                done.update(_received(worker))
                _send(worker, next(batches, range(0)))
            while number in done:
                yield _taken(folder / str(number))
                number += 1
    finally:
        for process in workers.values():
            process.terminate()
            process.join()


def _started(folder: Path) -> tuple[Connection, BaseProcess]:
    context = cast("DefaultContext", get_context(process_start()))
    pipe: tuple[Any, Any] = context.Pipe()  # of a class of its own on Windows
    here, there = pipe
    process = context.Process(target=_work, args=(folder, there), daemon=True)
    # It never hears of Ctrl-C, which a terminal sends to all processes and which is left to this one: a process that is
    # still being loaded would end with a traceback. `TERMINATION_SIGNALS` end it once `_work` has begun.
    with signals_held_back():
        process.start()
    there.close()  # so that the end of the process is the end of the pipe
    return here, process


def _send(worker: Connection, numbers: range) -> None:
    with _lost():
        worker.send(numbers)


def _received(worker: Connection) -> range:
    """Return the numbers of the items that are done; raises what went wrong with one of them."""
    with _lost():
        answer = worker.recv()
    if isinstance(answer, Exception):
        raise answer
    numbers: range = answer
    return numbers


def _work(folder: Path, given: Connection) -> None:
    """Leave the results for items in the folder until nobody asks any more."""
    # A forked process has the handlers of the command; nohup lets both outlive their terminal.
    for each in [each for each in TERMINATION_SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]:
        signal.signal(each, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it was not held back
    let_through(*TERMINATION_SIGNALS)
    work, items = pickle.loads((folder / _WORK).read_bytes())  # noqa: S301 - ours
    tune_gc()
    parent = cast("BaseProcess", parent_process())
    with suppress(EOFError):
        while given in wait([given, parent.sentinel]):  # a forked process has both ends of its pipe
            numbers = given.recv()
            if numbers:
                given.send(_done(folder, numbers, work, items))


def _end(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)  # as shells show it; nothing needs cleaning up


def _done(folder: Path, numbers: range, work: Callable[[Any], object], items: Sequence[Any]) -> range | Exception:
    try:
        for number in numbers:
            (folder / str(number)).write_bytes(pickle.dumps(work(items[number])))
    except Exception as error:  # noqa: BLE001 - raised again by whoever gave the items
        return error
    return numbers


def _taken(file: Path) -> Any:  # noqa: ANN401 - any result
    result = pickle.loads(file.read_bytes())  # noqa: S301 - ours
    file.unlink()
    return result


@contextmanager
def _lost() -> Iterator[None]:
    """Raise WorkerLostError where a pipe has no other end any more."""
    try:
        yield
    except (EOFError, OSError):
        raise WorkerLostError(
            "a process that played scenarios was ended from outside; --jobs 1 plays in one process"
        ) from None


@dataclass(frozen=True, slots=True)
class Player:
    """Plays one scenario; can be sent to another process.

    Attributes:
        strict: whether what ServiceNow swallowed fails a scenario.
        journals: whether a listener wants the exchanges of each scenario.
    """

    worlds: Worlds
    strict: bool = False
    journals: bool = False

    def __call__(self, scenario: Scenario) -> list[Event]:
        """Return what happened."""
        told: list[Event] = []
        interrupts.run(self.engine([told.append]).play(scenario))
        return told

    def engine(self, listeners: Sequence[Listener]) -> Engine:
        """Return an engine that plays as this player does."""
        return Engine(vocabulary(), self.worlds, listeners, RealClock(), strict=self.strict, journals=self.journals)


class ParallelRun:
    """Plays scenarios in several processes.

    Args:
        clock: real time, for how long the run took.
        jobs: how many processes there are at most.
    """

    def __init__(self, player: Player, listeners: Sequence[Listener], clock: Clock, jobs: int) -> None:
        self._player = player
        self._listeners = listeners
        self._clock = clock
        self._jobs = jobs

    def play(self, scenarios: Sequence[Scenario], seed: int, *, to_failure: bool = False) -> RunEnded:
        """Play them all, or up to the first failure, tell of each in order, and return how it ended.

        Raises TargetUnreachableError.
        """
        began = self._clock.now()
        self._tell(RunStarted(len(scenarios), seed))
        ended: list[ScenarioEnded] = []
        for events in spread(self._player, scenarios, self._jobs):
            for event in events:
                self._tell(event)
            ended.extend(event for event in events if isinstance(event, ScenarioEnded))
            if to_failure and ended[-1].failure:
                break
        end = RunEnded.of(ended, (self._clock.now() - began).total_seconds())
        self._tell(end)
        return end

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)
