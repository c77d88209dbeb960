"""Work spread over processes."""

import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from privman_scenarios.errors import WorkerLostError
from privman_scenarios.garbage import collect_seldom

Item = TypeVar("Item")
Result = TypeVar("Result")
# A process is worth its start when it has that much to do, and is told of that many items at a time.
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
    workers: dict[Connection, SpawnProcess] = {}
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


def _started(folder: Path) -> tuple[Connection, SpawnProcess]:
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(folder, there), daemon=True)
    with _unheard():
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
    collect_seldom()
    work, items = pickle.loads((folder / _WORK).read_bytes())  # noqa: S301 - ours
    with suppress(EOFError):
        while True:
            numbers = given.recv()
            if numbers:
                given.send(_done(folder, numbers, work, items))


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


@contextmanager
def _unheard() -> Iterator[None]:
    """Keep Ctrl-C back while processes are started, which never hear of it: it is left to the one that started them.

    A terminal sends it to all of them, and whoever is still being loaded would end with a traceback.
    """
    resource_tracker.ensure_running()  # which would be started with the first of them, and lets Ctrl-C through again
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
