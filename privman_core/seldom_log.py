"""A log that callers cannot flood."""

import logging
from datetime import datetime, timedelta
from threading import Lock

from privman_core.clock import Clock

INTERVAL = timedelta(seconds=60)
MOST_LINES = 10
"""Different lines that are written in one interval."""


class SeldomLog:
    """Writes each error once per `INTERVAL`, then how many were left out; thread-safe."""

    def __init__(self, log: logging.Logger, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._lock = Lock()
        self._until: datetime | None = None
        self._written: set[str] = set()
        self._left_out = 0

    def write(self, line: str) -> None:
        """Write an error unless it, or `MOST_LINES` others, were written in this interval."""
        with self._lock:
            self._begin()
            if line in self._written or len(self._written) >= MOST_LINES:
                self._left_out += 1
                return
            self._written.add(line)
        self._log.error("%s", line)

    def _begin(self) -> None:
        now = self._clock.now()
        if self._until is not None and self._until - INTERVAL <= now < self._until:
            return
        if self._left_out:
            self._log.error("%d more errors like these were not logged", self._left_out)
        self._until, self._left_out = now + INTERVAL, 0
        self._written.clear()
