"""The fakes under load: those that settings name, or two in processes of their own."""

import argparse
import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from tempfile import TemporaryFile
from typing import IO

from privman_core.command_line import Exit, UsageError
from privman_scenarios.errors import TargetUnreachableError
from privman_scenarios.output import complain
from privman_scenarios.playing.log_in import Credentials
from privman_scenarios.playing.mock_options import MockOptions, mock_options
from privman_scenarios.playing.named_targets import console_target, servicenow_target
from privman_scenarios.playing.target import Target

_BANNER = re.compile(r" serves (http://\S+)")
_SERVER_VARIABLES = ("MOCK_SERVICENOW_", "CONSOLE_SIM_")


async def load_targets(options: argparse.Namespace, stack: AsyncExitStack) -> tuple[Target, Target]:
    """Return the fakes that settings name, or two new ones that obey the settings of the mock.

    Raises UsageError and TargetUnreachableError.
    """
    mock = mock_options(options.settings)
    servicenow, console = servicenow_target(options.settings), console_target(options.settings)
    if servicenow and console:
        return servicenow, console
    if servicenow or console or options.worker:
        raise UsageError("load requires --servicenow-url and --console-url, or neither; a worker requires both.")
    files = {"inferred": options.inferred, "ca-file": options.ca_file}
    shared = [f"--{word}={file}" for word, file in files.items() if file]
    mock_url = await stack.enter_async_context(_serving("mock_servicenow", *_of_mock(mock), *shared))
    console_url = await stack.enter_async_context(_serving("console_sim", *shared))
    return Target(mock_url, Credentials("admin", "admin")), Target(console_url)


def _of_mock(mock: MockOptions) -> Iterator[str]:
    yield f"--release={mock.release}"
    yield from (f"--tables={file}" for file in mock.tables)
    yield from (f"--data={file}" for file in mock.data)


@asynccontextmanager
async def _serving(module: str, *options: str) -> AsyncIterator[str]:
    """Serve a fake on a free port and yield its URL."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_SERVER_VARIABLES)}
    arguments = ("-m", module, "serve", "--port", "0", *options)
    with TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdin=DEVNULL, stdout=PIPE, stderr=errors, env=environment
        )
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe
            found = _BANNER.search((await process.stdout.readline()).decode())
            if found is None:
                raise _not_started(module, await process.wait(), _written(errors))
            yield found[1]
        finally:
            await end(process)
        complain("load", *_written(errors).splitlines())


def _written(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _not_started(module: str, code: int, errors: str) -> Exception:
    if code == Exit.UNUSABLE:
        return UsageError(errors.strip())
    return TargetUnreachableError(f"{module} did not start.")


async def end(process: asyncio.subprocess.Process) -> None:
    """Terminate a process that runs, and wait for its end."""
    if process.returncode is None:
        process.terminate()
    await process.wait()
