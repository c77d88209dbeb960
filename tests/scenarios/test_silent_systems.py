"""Systems that accept a connection and never answer: the commands say whom they waited for, and how long."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from privman_core.loop_thread import LoopThread
from privman_scenarios.commands.cli import main

from .targets import packaged

APPROVE = packaged("approve")
COMMANDS = {
    "run": ["run", APPROVE, "--servicenow-url"],
    "run with a console": ["run", APPROVE, "--console-url"],
    "record": ["record", APPROVE, "--out", "out.har", "--servicenow-url"],
    "fidelity": ["fidelity", "--servicenow-url"],
}


@pytest.fixture
def silent(privman_loop: LoopThread) -> Iterator[str]:
    """Accept connections and answer nothing; gives the address."""
    writers: list[asyncio.StreamWriter] = []

    async def start() -> asyncio.Server:
        return await asyncio.start_server(lambda _reader, writer: writers.append(writer), "127.0.0.1", 0)

    async def stop() -> None:
        server.close()
        for writer in writers:
            writer.close()

    server = privman_loop.run(start())
    yield "http://{}:{}".format(*server.sockets[0].getsockname())
    privman_loop.run(stop())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_silent_system_is_named_with_the_seconds(
    command: str, silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While it is waited for, and in one line at the end; exit code 3."""
    monkeypatch.chdir(tmp_path)
    assert main([*COMMANDS[command], silent, "--timeout", "0.1"]) == 3
    told = capsys.readouterr().err
    waiting, ended = told.splitlines()
    assert re.fullmatch(rf"privman-scenarios: waiting for {silent} to answer [A-Z]+ /\S*, at most 0\.1 s", waiting)
    assert ended == f"privman-scenarios: {silent} could not be reached: no answer within 0.1 s."


def test_a_terminal_shows_what_is_waited_for(
    silent: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipe stays quiet."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["fidelity", "--servicenow-url", silent, "--timeout", "0.1"]) == 3
    assert f"Reaching {silent}" in capsys.readouterr().out
    monkeypatch.delenv("FORCE_COLOR")
    assert main(["fidelity", "--servicenow-url", silent, "--timeout", "0.1"]) == 3
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("span", ["0", "-1", "nan", "soon", "1e9"])
def test_a_timeout_is_a_span(span: str, capsys: pytest.CaptureFixture[str]) -> None:
    """From a tenth of a second to an hour."""
    with pytest.raises(SystemExit, match="2"):
        main(["fidelity", "--servicenow-url", "http://127.0.0.1:9", f"--timeout={span}"])
    assert f"invalid span '{span}': expected 0.1 to 3600 seconds" in capsys.readouterr().err
