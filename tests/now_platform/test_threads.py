"""Threads answer the calls of an instance on PostgreSQL, and share what it remembers outside its tables."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from threading import Barrier

import pytest

from privman_core.pages.browser_sessions import SessionOwners
from privman_core.virtual_clock import VirtualClock

THREADS, TURNS = 8, 300


@pytest.mark.usefixtures("often_switching")
def test_threads_share_sessions() -> None:
    """No thread fails because older sessions of the same user end while another one opens and uses some."""
    owners, begin, numbers = SessionOwners(VirtualClock(), 1_000), Barrier(THREADS), count()

    def repeat() -> None:
        begin.wait()
        for number in islice(numbers, TURNS):
            owners.open(str(number), "user")
            assert owners.owner(str(number)) in {"user", None}  # it may have ended, if others were quick

    with ThreadPoolExecutor(THREADS) as threads:
        for each in [threads.submit(repeat) for _ in range(THREADS)]:
            each.result()
