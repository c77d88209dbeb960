"""Work spread over processes."""

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
# A process is worth its start when it has that much to do, and is told of that many items at a time.
ITEMS_A_PROCESS, ITEMS_AT_A_TIME = 16, 4


def spread(work: Callable[[Item], Result], items: Sequence[Item], processes: int) -> Iterator[Result]:
    """Yield the result for each item, in the order of the items however many processes there are.

    Args:
        work: a function that can be pickled, unless one process is enough.
        items: what it is called with; they can be pickled too.
        processes: at most that many; a few items are done in this one.
    """
    processes = min(processes, len(items) // ITEMS_A_PROCESS)
    if processes <= 1:
        yield from map(work, items)
        return
    # Ctrl-C reaches every process of a terminal; the others leave it to this one.
    ignoring = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(processes, get_context("spawn"), signal.signal, ignoring) as pool:
        try:
            yield from pool.map(work, items, chunksize=ITEMS_AT_A_TIME)
        finally:
            pool.shutdown(cancel_futures=True)
