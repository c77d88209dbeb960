"""Work spread over processes."""

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

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
    """
    jobs = worthwhile(jobs, len(items))
    if jobs <= 1:
        yield from map(work, items)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), _begin) as pool:
        try:
            yield from pool.map(work, items, chunksize=ITEMS_AT_A_TIME)
        finally:
            pool.shutdown(cancel_futures=True)


def _begin() -> None:
    # Ctrl-C reaches every process of a terminal; the others leave it to the one that started them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collect_seldom()
