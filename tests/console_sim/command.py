"""The installed command, and a console that it serves."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests import preloaded
from tests.preloaded import Process


async def start(*arguments: str, **environment: str) -> Process:
    """Start the installed command."""
    return await preloaded.start("console-sim", *arguments, environment=environment)


async def run(*arguments: str, **environment: str) -> tuple[int | None, str, str]:
    """Run the installed command and return its exit code, output and complaints."""
    return await preloaded.run("console-sim", *arguments, environment=environment)


@dataclass
class Served:
    """A console that is served by a process of its own."""

    process: Process
    url: str

    async def kill(self) -> None:
        """Kill the process as kill -9 does."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> str:
        """Ask the process to stop, which must succeed, and return what it has complained about."""
        self.process.send_signal(signal.SIGTERM)
        _, err = await self.process.communicate()
        assert self.process.returncode == 0, err
        return err.decode()


async def serve(*arguments: str, **environment: str) -> Served:
    """Serve on a free port."""
    process = await start("serve", "--port", "0", *arguments, **environment)
    banner = await process.line()
    assert banner.startswith("console-sim serves http"), (await process.communicate())[1].decode()
    return Served(process, banner.split()[2])


@asynccontextmanager
async def serving(*arguments: str, **environment: str) -> AsyncIterator[str]:
    """Serve on a free port as long as the body runs, without complaints, and give the address."""
    served = await serve(*arguments, **environment)
    yield served.url
    assert await served.stop() == ""
