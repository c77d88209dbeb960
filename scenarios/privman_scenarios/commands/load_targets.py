"""The systems under load: those that settings name, and fakes for the others."""

import argparse
import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from aiohttp import ClientSession

from privman_core.client_settings import PROFILE, SETTINGS
from privman_core.command_line import Exit, UsageError
from privman_core.resolution import Resolved
from privman_scenarios.errors import TargetUnreachableError
from privman_scenarios.output import complain
from privman_scenarios.playing.control_plane import ControlPlane
from privman_scenarios.playing.mock_options import OF_MOCK, mock_options
from privman_scenarios.playing.named_targets import console_target, servicenow_target
from privman_scenarios.playing.reaching import (
    Connection,
    reach_console,
    reach_servicenow,
    refuse_bad_users,
)
from privman_scenarios.playing.target import Target
from privman_scenarios.playing.world_builder import ADMIN, fresh_consoles

_BANNER = re.compile(r" serves (http://\S+)")
_SERVER_VARIABLES = ("MOCK_SERVICENOW_", "CONSOLE_SIM_")


@dataclass(frozen=True, slots=True)
class LoadTargets:
    """An instance and its consoles."""

    servicenow: Target
    consoles: Sequence[Target]

    def environment(self, settings: Mapping[str, Resolved], acknowledged: Path) -> dict[str, str]:
        """Return the variables of Locust's process, whose users obey no other source of settings, and start no mock.

        Args:
            settings: the run's own.
            acknowledged: the file to write what users were told to.
        """
        ours = {PROFILE, *(each.variable for each in SETTINGS)}
        read = (each for each in SETTINGS if each.name in settings and each.name not in OF_MOCK)
        named = (each for each in read if settings[each.name].source != "default")
        return {
            **{name: value for name, value in os.environ.items() if name not in ours},
            **{each.variable: str(settings[each.name].value) for each in named},
            "SERVICENOW_URL": self.servicenow.url,
            "CONSOLE_URL": self.consoles[0].url,
            "LOAD_CONSOLE_URLS": " ".join(each.url for each in self.consoles),
            "LOAD_ACKNOWLEDGED": str(acknowledged),
        }


@dataclass(frozen=True, slots=True)
class NamedTargets:
    """The systems that settings name; None for those to start."""

    servicenow: Target | None
    console: Target | None

    @classmethod
    def of(cls, options: argparse.Namespace) -> "NamedTargets":
        """Return those of a command line; raises UsageError where these cannot be put under load."""
        mock_options(options.settings, of_instance=())
        named = cls(servicenow_target(options.settings), console_target(options.settings))
        if named.servicenow and not options.worker:
            _ = named.servicenow.console_login
        if options.consoles and named.console:
            raise UsageError("--consoles is how many consoles to start, and --console-url names one that runs.")
        for option in ("master", "worker"):
            if getattr(options, option) and not (named.servicenow and named.console):
                raise UsageError(f"--{option} requires --servicenow-url and --console-url, which its workers share.")
        return named

    async def require_fakes_in_real_time(self, session: ClientSession) -> None:
        """Raise TargetUnreachableError or UsageError for what is not a fake in real time."""
        if self.servicenow:
            api = self.servicenow.api(session)
            await _require_fake(await reach_servicenow(api, self.servicenow.log_in, "never"))
            await refuse_bad_users(api, self.servicenow.users.existing.values())
        if self.console:
            await _require_fake(await reach_console(self.console.api(session), "never"))

    def with_placeholders(self) -> LoadTargets:
        """Return them with an address that nothing serves for those to start."""
        placeholder = Target("http://127.0.0.1")
        return LoadTargets(self.servicenow or placeholder, [self.console or placeholder])

    async def with_fakes(self, options: argparse.Namespace, stack: AsyncExitStack) -> LoadTargets:
        """Start the others; raises UsageError and TargetUnreachableError."""
        servicenow = self.servicenow
        if servicenow is None:
            servicenow = Target(await stack.enter_async_context(_serving_mock(options)), ADMIN)
        if self.console:
            return LoadTargets(servicenow, [self.console])
        tls = servicenow.certificate.context if servicenow.certificate else None
        consoles = fresh_consoles(options.consoles or 1, options.inferred, options.ca_file, tls)
        return LoadTargets(servicenow, await stack.enter_async_context(consoles))


async def _require_fake(connection: Connection) -> None:
    if connection.refusal:
        raise TargetUnreachableError(connection.refusal)
    if not connection.is_fake:
        raise UsageError(f"{connection.why_not}. Expected a fake.")
    jump = await ControlPlane(connection.api).ask("POST", "/clock/advance", {"seconds": 0})
    if not jump.refused:
        raise UsageError(f"{connection.api.url} keeps virtual time. Expected a server with --clock real.")


def _mock_options(options: argparse.Namespace) -> Iterator[str]:
    mock = mock_options(options.settings)
    files = {"inferred": options.inferred, "ca-file": options.ca_file}
    yield from (f"--{word}={file}" for word, file in files.items() if file)
    yield f"--release={mock.release}"
    yield from (f"--tables={file}" for file in mock.tables)
    yield from (f"--data={file}" for file in mock.data)


@asynccontextmanager
async def _serving_mock(options: argparse.Namespace) -> AsyncIterator[str]:
    """Serve a mock on a free port, in a process of its own, and yield its URL."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_SERVER_VARIABLES)}
    arguments = ("-m", "mock_servicenow", "serve", "--port", "0", *_mock_options(options))
    with TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdin=DEVNULL, stdout=PIPE, stderr=errors, env=environment
        )
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe
            found = _BANNER.search((await process.stdout.readline()).decode())
            if found is None:
                raise _not_started(await process.wait(), errors)
            yield found[1]
        finally:
            await end(process)
            complain("privman-scenarios", *_take(errors).splitlines())


def _take(file: IO[bytes]) -> str:
    """Return the text of a file and empty it."""
    file.seek(0)
    text = file.read().decode(errors="replace")
    file.truncate(0)
    return text


def _not_started(code: int, errors: IO[bytes]) -> Exception:
    if code == Exit.UNUSABLE:
        return UsageError(_take(errors).strip())
    return TargetUnreachableError("mock_servicenow did not start.")


async def end(process: asyncio.subprocess.Process) -> None:
    """Terminate a process that runs, and wait for its end."""
    if process.returncode is None:
        process.terminate()
    await process.wait()
