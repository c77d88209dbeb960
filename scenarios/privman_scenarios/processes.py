"""Work spread over processes."""

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

from privman_scenarios.errors import WorkerLostError
from privman_scenarios.garbage import collect_seldom

Item = TypeVar("Item")
Result = TypeVar("Result")
# A process is worth its start when it has that much to do, and is told of that many items at a time.
ITEMS_A_PROCESS, ITEMS_AT_A_TIME = 16, 4


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
    with ProcessPoolExecutor(jobs, get_context("spawn"), collect_seldom) as pool:
        try:
            with _unheard():
                results = pool.map(work, items, chunksize=ITEMS_AT_A_TIME)
            yield from results
        except BrokenProcessPool:
            raise WorkerLostError(
                "a process that played scenarios was ended from outside; --jobs 1 plays in one process"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _unheard() -> Iterator[None]:
    """Keep Ctrl-C back while processes are started, which never hear of it: it is left to the one that started them.

    A terminal sends it to all of them, and whoever is still being loaded would end with a traceback.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
