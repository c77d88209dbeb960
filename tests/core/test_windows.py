"""The commands work without what Windows lacks. Windows itself is not at hand here: see `.github/workflows`."""

import ast
import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession

import console_sim
import mock_servicenow
import privman_contracts
import privman_core
import privman_scenarios
from privman_scenarios.playing.processes import ITEMS_A_PROCESS

HERE = Path(__file__).parent / "as_on_windows"
PACKAGES = (mock_servicenow, console_sim, privman_contracts, privman_scenarios, privman_core)
LACKED_BY_LOOPS = {"add_reader", "add_signal_handler", "add_writer", "remove_reader", "remove_writer"}
ODD = """
title: A request waits
examples: [{rows}]
steps:
  - console.ask: {{metadata: {{UserReason: <text>}}}}
  - console.expect-approval: Pending
"""


@asynccontextmanager
async def started(command: str, *arguments: str) -> AsyncIterator[Process]:
    """Start the installed command as on Windows, with the encoding of its pipes."""
    environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONIOENCODING": "cp1252"}
    program = Path(sys.executable).with_name(command)
    process = await asyncio.create_subprocess_exec(program, *arguments, env=environment, stdout=PIPE, stderr=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def end_of(command: str, *arguments: str) -> tuple[int | None, str, str]:
    """Run a command to its end and return its exit code, output and complaints."""
    async with started(command, *arguments) as process:
        out, err = await process.communicate()
    return process.returncode, out.decode("cp1252"), err.decode("cp1252")


class Drive:
    """The drive C:, which is a relative path here."""

    def has(self, file: str) -> bool:
        """Return whether the file exists."""
        return Path(file).is_file()


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drive:
    """Make the drive."""
    (tmp_path / "C:").mkdir()
    monkeypatch.chdir(tmp_path)
    return Drive()


@pytest.mark.long
@pytest.mark.parametrize("file", ["C:\\records.db", "C:/records.db"])
@pytest.mark.parametrize(("command", "stop"), [("mock-servicenow", signal.SIGINT), ("console-sim", signal.SIGTERM)])
async def test_a_server_starts_and_stops(command: str, stop: signal.Signals, file: str, drive: Drive) -> None:
    """With its records in a file on a drive."""
    async with started(command, "serve", "--port", "0", "--database", f"sqlite:///{file}") as process:
        assert process.stdout is not None
        banner = (await process.stdout.readline()).decode()
        assert banner.startswith(f"{command} serves http://"), (await process.communicate())[1]
        async with ClientSession() as session, session.get(f"{banner.split()[2]}/__admin/health") as answer:
            assert answer.status == 200
        process.send_signal(stop)
        assert await process.communicate() == (b"", b"")
    assert process.returncode == 0
    assert drive.has(file)


@pytest.mark.long
async def test_workers_are_refused() -> None:
    """They are forked."""
    database = "postgresql+psycopg://127.0.0.1:1/x"
    code, out, err = await end_of("mock-servicenow", "serve", "--workers", "2", "--database", database)
    assert (code, out) == (2, "")
    assert err == "mock-servicenow: --workers is 2; expected 1: this operating system cannot fork processes\n"


@pytest.mark.long
async def test_processes_of_locust_are_refused() -> None:
    """They are forked, too."""
    code, out, err = await end_of("privman-scenarios", "load", "--processes", "2")
    assert (code, out) == (2, "")
    assert err == "privman-scenarios: --processes is 2; expected none: this operating system cannot fork processes\n"


@pytest.mark.long
async def test_scenarios_are_played_by_several_processes(tmp_path: Path) -> None:
    """Which are spawned; what the encoding of the pipe lacks is escaped."""
    file = tmp_path / "odd.yaml"
    rows = ", ".join(f'{{text: "{number} é 🙂 例え"}}' for number in range(2 * ITEMS_A_PROCESS))
    file.write_text(ODD.format(rows=rows), encoding="utf-8")
    code, out, err = await end_of("privman-scenarios", "run", str(file), "--jobs", "2")
    assert (code, err) == (0, "")
    assert out.startswith("passed  A request waits [text=0 é \\U0001f642 \\u4f8b\\u3048]")


def test_what_windows_lacks_has_one_place() -> None:
    """Mypy for Windows (see tox.ini) finds what modules lack there, but not which loop of asyncio will run.

    `workers.py` is loaded only where processes can be forked.
    """
    using = {file for file, text in modules() if LACKED_BY_LOOPS & set(attributes(text))}
    assert using == {"privman_core/workers.py"}


def modules() -> Iterator[tuple[str, str]]:
    """Yield name and text of every module of what ships that has one of those words."""
    for package in PACKAGES:
        folder = Path(package.__path__[0])
        for file in folder.rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            if any(word in text for word in LACKED_BY_LOOPS):
                yield file.relative_to(folder.parent).as_posix(), text


def attributes(text: str) -> Iterator[str]:
    """Yield every attribute that a module uses."""
    yield from (node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute))
