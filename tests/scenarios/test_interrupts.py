"""Interrupts of every command at chosen moments: one line, exit code 130, never a traceback."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path

import pytest
from aiohttp import web

from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.commands.cli import main

from .stub_instance import StubInstance
from .targets import packaged

# Plays a command; a signal strikes when a module is about to be loaded, in one of three ways.
SCRIPT = """
import atexit, signal, sys
from importlib import import_module

package, moment, way, *arguments = sys.argv[1:]

class Dying:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

def strike():
    if way == "swallowed":
        Dying()  # Python ignores what is raised meanwhile
    elif way == "swallowed thrice":
        for _ in range(3):
            Dying()
    else:
        signal.raise_signal(signal.SIGINT)

class Moment:
    def find_spec(self, name, *_):
        if name == moment:
            sys.meta_path.remove(self)
            strike()

sys.meta_path.insert(0, Moment())
if moment == "the end":
    atexit.register(strike)
sys.argv[0] = package
sys.exit(import_module(f"{package}.__main__").main(arguments))
"""
APPROVE = packaged("approve")
RUN = ["privman_scenarios", "privman-scenarios", "run", APPROVE, "--jobs", "1"]
# As many scenarios as two processes are worth.
EMPTY = """
title: Nothing is there
given: nothing
examples: [{rows}]
steps:
  - clock.advance: <second> seconds
  - servicenow.expect-records: {{table: request, count: 0}}
"""
SERVE = ["serve", "--port", "0"]
MOMENTS = {
    "scenarios load": ("privman_scenarios.commands.cli", "raised", RUN),
    "a library loads": ("rich", "raised", RUN),
    "a command loads": ("privman_scenarios.commands.run", "raised", RUN),
    "it is swallowed while a command loads": ("privman_scenarios.commands.run", "swallowed", RUN),
    "it is swallowed while a world is built": ("mock_servicenow.now_platform.rest.formats", "swallowed", RUN),
    "three are swallowed while a world is built": (
        "mock_servicenow.now_platform.rest.formats",
        "swallowed thrice",
        RUN,
    ),
    "the mock loads": ("mock_servicenow.cli", "raised", ["mock_servicenow", "mock-servicenow", *SERVE]),
    "the mock starts": ("sqlalchemy.dialects.sqlite", "raised", ["mock_servicenow", "mock-servicenow", *SERVE]),
    "the console loads": ("console_sim.cli", "raised", ["console_sim", "console-sim", *SERVE]),
    "the console starts": ("console_sim.ui.console_pages", "raised", ["console_sim", "console-sim", *SERVE]),
    "a set-up loads": ("aiohttp", "raised", ["console_sim", "console-sim", "setup"]),
}


async def play(moment: str, way: str, command: list[str]) -> tuple[int | None, str]:
    """Play a command that is interrupted at a moment; returns its exit code and complaints."""
    package, _, *arguments = command
    process = await create_subprocess_exec(
        sys.executable, "-c", SCRIPT, package, moment, way, *arguments, stdout=PIPE, stderr=PIPE
    )
    _, err = await process.communicate()
    return process.returncode, err.decode()


@pytest.mark.long
@pytest.mark.parametrize(("moment", "way", "command"), MOMENTS.values(), ids=MOMENTS)
async def test_an_interrupt_while_a_command_begins(moment: str, way: str, command: list[str]) -> None:
    """Also where Python ignores what the handler raises."""
    assert await play(moment, way, command) == (130, f"{command[1]}: interrupted\n")


@pytest.mark.long
@pytest.mark.parametrize("way", ["raised", "swallowed"])
async def test_an_interrupt_once_a_command_has_ended(way: str) -> None:
    """The interpreter tidies up undisturbed, and the outcome stays."""
    assert await play("the end", way, [*RUN[:2], "schema"]) == (0, "")


@pytest.mark.long
@pytest.mark.once
async def test_processes_that_still_load_hear_no_interrupt(tmp_path: Path) -> None:
    """A terminal sends Ctrl-C to each of them; whoever started them ends them."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\nif '--multiprocessing-fork' in sys.argv: os.kill(os.getpid(), signal.SIGINT)\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    story = tmp_path / "story.yaml"
    story.write_text(EMPTY.format(rows=", ".join(f"{{second: {number}}}" for number in range(32))))
    command = [str(Path(sys.executable).parent / "privman-scenarios"), "run", str(story), "--jobs", "2"]
    process = await create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env={**os.environ, "PYTHONPATH": path})
    out, err = await process.communicate()
    assert (process.returncode, err) == (0, b""), out


class Striking:
    """A stub instance that interrupts this process when it is sent requests of a kind."""

    def __init__(self, method: str, times: int) -> None:
        self.instance = StubInstance()
        self._methods = [method] * times

    def strike_at(self, *methods: str) -> None:
        """Interrupt at these instead, one after the other."""
        self._methods = [*methods]

    def app(self) -> web.Application:
        """Return the application."""

        @web.middleware
        async def strike(request: web.Request, handler: web.RequestHandler) -> web.StreamResponse:
            if [request.method] == self._methods[:1]:
                self._methods.pop(0)
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(0)
            return await handler(request)  # type: ignore[operator, no-any-return]

        app = self.instance.app()
        app.middlewares.insert(0, strike)  # type: ignore[arg-type]
        return app


@pytest.mark.long
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("command", ["run", "record", "fidelity"])
def test_interrupts_while_a_command_works_and_tidies_up(  # noqa: PLR0913, PLR0917 - the last four are fixtures
    command: str,
    method: str,
    times: int,
    privman_loop: LoopThread,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A second one ends the tidying up, too; what is left may be named, in the same line; no report is green."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "s3cret")
    striking = Striking(method, times)
    served = serving(striking.app())
    url = privman_loop.run(served.__aenter__())
    target = ["--servicenow-url", url, "--servicenow-user", "integration", "--quiet-time", "0"]
    commands = {
        "run": ["run", APPROVE, *target, "--junit-xml", str(tmp_path / "j.xml")],
        "record": ["record", APPROVE, *target, "--out", str(tmp_path / "out.har")],
        "fidelity": ["fidelity", "--servicenow-url", url, "--servicenow-user", "integration"],
    }
    code = main(commands[command])
    privman_loop.run(served.__aexit__(None, None, None))
    told = capsys.readouterr().err
    assert code == 130
    assert told.startswith("privman-scenarios: interrupted")
    assert told.count("\n") == 1
    if command == "run":
        (error,) = re.findall('<error message="([^"]*)', (tmp_path / "j.xml").read_text())
        assert error == "the run did not come to its end" or re.search(r"keeps? records of this run", error)


@pytest.mark.long
@pytest.mark.parametrize(
    ("strikes", "left"),
    [
        (["PATCH"], ""),
        (["DELETE"], ""),
        (["PATCH", "DELETE"], "may keep records of this run: /api/now/table/"),
        (["DELETE", "DELETE"], "may keep records of this run: /api/now/table/"),
        (["kept", "PATCH"], "keeps records of this run: /api/now/table/sys_user/"),
    ],
    ids=" ".join,
)
def test_what_an_interrupted_run_leaves_is_named(
    strikes: list[str],
    left: str,
    privman_loop: LoopThread,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One interrupt lets it tidy up, wherever it comes; a second one does not."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "s3cret")
    striking = Striking("", 0)
    striking.strike_at(*(each for each in strikes if each != "kept"))
    striking.instance.kept = {"sys_user"} if "kept" in strikes else set()
    served = serving(striking.app())
    url = privman_loop.run(served.__aenter__())
    code = main(["run", APPROVE, "--servicenow-url", url, "--servicenow-user", "integration", "--quiet-time", "0"])
    privman_loop.run(served.__aexit__(None, None, None))
    told = capsys.readouterr().err
    assert code == 130
    assert told.startswith("privman-scenarios: interrupted")
    assert left in told if left else told == "privman-scenarios: interrupted\n"
    kept = [table for table, rows in striking.instance.tables.items() if rows and table != "sys_user_role"]
    assert bool(kept) is bool(left)


def test_what_an_interrupted_probe_leaves_is_named(
    privman_loop: LoopThread, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instance may let nobody delete what it let the probe create."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "s3cret")
    striking = Striking("POST", 1)
    striking.instance.kept = {"sys_user_group"}
    served = serving(striking.app())
    url = privman_loop.run(served.__aenter__())
    trap = ["--trap", "invalid-query-part"]
    assert main(["fidelity", "--servicenow-url", url, "--servicenow-user", "integration", *trap]) == 130
    privman_loop.run(served.__aexit__(None, None, None))
    assert "keeps records of this run: /api/now/table/sys_user_group/" in capsys.readouterr().err
