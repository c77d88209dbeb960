"""The background tasks of a clock; each has an owner until it ends."""

import asyncio

from privman_core import errands
from privman_core.clock import Job
from privman_core.errands import Errand


class Jobs:
    """The running jobs; ``changed`` is set whenever one ends, or begins or ends to wait on the clock."""

    def __init__(self) -> None:
        self.tasks: dict[asyncio.Task[None], Errand] = {}
        self.changed = asyncio.Event()

    @property
    def are_busy(self) -> bool:
        """Whether one of them does something else than to wait for a later moment."""
        return not all(errand.waits for errand in self.tasks.values())

    def spawn(self, job: Job) -> None:
        """Start the job in the background."""
        errand = Errand(self.changed)
        task = asyncio.ensure_future(_run(job, errand))
        self.tasks[task] = errand
        task.add_done_callback(self._done)

    async def aclose(self) -> None:
        """Cancel every job and wait until it is gone."""
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        del self.tasks[task]
        self.changed.set()


async def _run(job: Job, errand: Errand) -> None:
    errands.begin(errand)
    await job()
