"""Commands whose standard output or standard error cannot be written."""

import asyncio
import shlex
import sys
from pathlib import Path

import pytest

UNUSABLE = {
    "mock-servicenow": "serve --database sqlite:///{}/none/a.db",
    "console-sim": "serve --database sqlite:///{}/none/a.db",
    "privman-scenarios": "run {}/none",
}
FIRST, *OTHERS = UNUSABLE
FULL = "standard output cannot be written: No space left on device"


async def end_of(command: str, arguments: str, redirection: str) -> tuple[int | None, str]:
    """Run a command by a shell and return its exit code and what standard error shows."""
    program = shlex.quote(str(Path(sys.executable).with_name(command)))
    process = await asyncio.create_subprocess_shell(
        f"exec {program} {arguments} {redirection}", stderr=asyncio.subprocess.PIPE
    )
    _, error = await process.communicate()
    return process.returncode, error.decode()


@pytest.mark.long
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize("command", [FIRST, *(pytest.param(each, marks=pytest.mark.once) for each in OTHERS)])
async def test_exit_code_survives_a_closed_or_full_stderr(command: str, redirection: str, tmp_path: Path) -> None:
    """Nobody reads the complaint, but the exit code is that of an unusable argument."""
    arguments = UNUSABLE[command].format(tmp_path)
    assert await end_of(command, arguments, redirection) == (2, "")


@pytest.mark.long
@pytest.mark.once
async def test_unreachable_target_with_a_closed_stderr() -> None:
    """Exit code 3 says that a target could not be reached."""
    arguments = "run --servicenow-url http://127.0.0.1:9"
    assert await end_of("privman-scenarios", arguments, "2>&-") == (3, "")


@pytest.mark.long
async def test_closed_streams_hide_the_version() -> None:
    """What would be printed is lost, as with other commands."""
    assert await end_of("mock-servicenow", "--version", "<&- >&- 2>&-") == (0, "")


@pytest.mark.long
@pytest.mark.parametrize("command", UNUSABLE)
async def test_full_stdout_is_named_in_one_line(command: str) -> None:
    """A full disk is a complaint, not a traceback."""
    assert await end_of(command, "--version", ">/dev/full") == (2, f"{command}: {FULL}\n")
