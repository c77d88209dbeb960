"""Background jobs, and what each waits for, followed through its requests to servers of the same process."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from operator import attrgetter
from weakref import WeakValueDictionary

from multidict import CIMultiDict

Job = Callable[[], Awaitable[None]]
Headers = Mapping[str, str]
ERRAND = "x-privman-errand"
"""The header that names an errand to a server of this process."""
_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
_numbers = count(1)
_sent: "WeakValueDictionary[str, Errand]" = WeakValueDictionary()


class Errand:
    """A background job, or a request that is sent on its behalf.

    Attributes:
        changed: set whenever something starts or stops waiting.
        name: identifies a request to the server that receives it; empty for a job.
        requests: those in progress.
    """

    def __init__(self, changed: asyncio.Event, name: str = "") -> None:
        self.changed = changed
        self.name = name
        self.requests: set[Errand] = set()
        self._pauses = 0

    @property
    def waits(self) -> bool:
        """Whether it, or one of its requests, waits for a later moment of the clock."""
        return self._pauses > 0 or any(map(_WAITS, self.requests))

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Wait on its behalf during the body."""
        self.count(1)
        try:
            yield
        finally:
            self.count(-1)

    def count(self, pauses: int) -> None:
        """Add to the number of waits on its behalf."""
        self._pauses += pauses
        self.changed.set()

    @contextmanager
    def request(self) -> Iterator[Callable[[], None]]:
        """Send a request on its behalf; yields a function that abandons the request."""
        request = Errand(self.changed, f"{os.getpid()}.{next(_numbers)}")
        _sent[request.name] = request
        self.requests.add(request)
        before = _current.set(request)

        def abandon() -> None:
            self.requests.discard(request)
            self.changed.set()

        try:
            yield abandon
        finally:
            _current.reset(before)
            abandon()


_WAITS = attrgetter("waits")
_current: ContextVar[Errand | None] = ContextVar("errand", default=None)


def current_errand() -> Errand | None:
    """Return the errand that this task works for; None if no background job waits for it."""
    return _current.get()


def errand_header(host: str | None) -> dict[str, str]:
    """Return the header that names the current errand to a server of this process, perhaps behind a proxy."""
    errand = current_errand()
    return {ERRAND: errand.name} if errand and errand.name and host in _THIS_MACHINE else {}


def take_errand(headers: Headers) -> Headers:
    """Let this task, which serves one request, work for the errand that its headers name; return them without it."""
    _current.set(_sent.get(headers[ERRAND]))
    others = CIMultiDict(headers)
    del others[ERRAND]
    return others


class Jobs:
    """The running jobs; ``changed`` is set whenever one ends, or starts or stops waiting on the clock."""

    def __init__(self) -> None:
        self.tasks: dict[asyncio.Task[None], Errand] = {}
        self.changed = asyncio.Event()

    async def settle(self) -> None:
        """Wait until each of them has ended or waits for a later moment."""
        while not all(map(_WAITS, self.tasks.values())):
            self.changed.clear()
            await self.changed.wait()

    def spawn(self, job: Job) -> None:
        """Start the job in the background."""
        errand = Errand(self.changed)
        task = asyncio.ensure_future(_run(job, errand))
        self.tasks[task] = errand
        task.add_done_callback(self._done)

    async def aclose(self) -> None:
        """Cancel every job and wait until all have ended."""
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        del self.tasks[task]
        self.changed.set()


async def _run(job: Job, errand: Errand) -> None:
    _current.set(errand)
    await job()
