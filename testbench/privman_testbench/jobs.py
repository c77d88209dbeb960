"""The background tasks of a clock; each has an owner until it ends."""

import asyncio

from privman_testbench.clock import Job


class Jobs:
    """A set of running jobs; ``changed`` is set whenever one ends."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()
        self.changed = asyncio.Event()

    def spawn(self, job: Job) -> None:
        """Start the job in the background."""
        task = asyncio.ensure_future(_run(job))
        self.tasks.add(task)
        task.add_done_callback(self._done)

    async def aclose(self) -> None:
        """Cancel every job and wait until it is gone."""
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self.changed.set()


async def _run(job: Job) -> None:
    await job()
