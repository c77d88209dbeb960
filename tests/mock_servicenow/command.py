"""The command in a process of its own."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.preloaded import Process, run, start


async def start_command(*arguments: str, **environment: str) -> Process:
    """Start the command."""
    return await start("mock-servicenow", *arguments, environment=environment)


async def run_command(*arguments: str, **environment: str) -> tuple[int | None, str, str]:
    """Run the command to its end and return exit code, output and errors."""
    return await run("mock-servicenow", *arguments, environment=environment)


async def started(process: Process) -> str:
    """Return the address that a starting instance serves."""
    banner = await process.line()
    assert banner.startswith("mock-servicenow serves http"), (await process.communicate())[1].decode()
    return banner.split()[2]


@asynccontextmanager
async def serving_command(*arguments: str, **environment: str) -> AsyncIterator[str]:
    """Serve until the body ends, give the address, and see that it ends well."""
    process = await start_command("serve", "--port", "0", *arguments, **environment)
    try:
        yield await started(process)
        process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()
    finally:
        process.kill()  # where the body, or the end, failed
    assert (process.returncode, err) == (0, b""), f"exit code {process.returncode}: {err.decode()}"
