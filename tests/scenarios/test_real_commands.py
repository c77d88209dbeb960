"""The command against ends that run elsewhere: the mock in a process of its own, and stubs that know nothing of it."""

import asyncio
import json
import os
import re
import shlex
import signal
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from aiohttp import ClientSession, encode_basic_auth, web

from privman_contracts import WireNames
from privman_core.serving import serving
from privman_scenarios.language.loader import catalog_files
from tests import preloaded
from tests.preloaded import Process

from .stub_instance import StubInstance

PROGRAMS = Path(sys.executable).parent
TABLES = ("sys_user", "sys_user_has_role", *WireNames.load().group("tables").values())
SMOKE = ("approve", "setup-every-step", "timeout")
# Nothing of these tests is about what happens late.
ONE_LOOK = ("--quiet-time", "0")


def files(*stems: str) -> list[str]:
    """Return these files of the catalog, in this order."""
    by_stem = {path.stem: str(path) for path in catalog_files()}
    return [by_stem[stem] for stem in stems]


async def start(program: str, *arguments: str, **environment: str) -> Process:
    """Start one of the commands."""
    return await preloaded.start(program, *arguments, environment=environment)


async def run(*arguments: str, **environment: str) -> tuple[int | None, list[str], list[str]]:
    """Run scenarios and return exit code, lines and complaints."""
    process = await start("privman-scenarios", "run", *arguments, SERVICENOW_PASSWORD="admin", **environment)
    out, err = await process.communicate()
    return process.returncode, out.decode().splitlines(), err.decode().splitlines()


@asynccontextmanager
async def elsewhere(program: str, *arguments: str, admin: bool = False, **environment: str) -> AsyncIterator[str]:
    """Serve one party in a process of its own, its control plane closed unless it is asked for; gives its address."""
    process = await start(program, "serve", "--port", "0", *arguments, *["--no-admin"] * (not admin), **environment)
    yield (await process.line()).split()[2]
    process.send_signal(signal.SIGTERM)
    await process.communicate()


async def count(url: str) -> list[int]:
    """Return how many records the tables have that scenarios write to."""
    counts = []
    async with ClientSession(headers={"Authorization": encode_basic_auth("admin", "admin")}) as session:
        for table in TABLES:
            async with session.get(f"{url}/api/now/table/{table}") as answer:
                counts.append(len((await answer.json())["result"]))
    return counts


@pytest.mark.long
async def test_the_mock_elsewhere_is_played_on_like_a_real_instance() -> None:
    """Without a control plane it is spoken to by its API alone: some pass, some are skipped, nothing is left."""
    async with elsewhere("mock-servicenow") as url:
        before = await count(url)
        code, lines, complaints = await run(*files(*SMOKE), "--servicenow-url", url, *ONE_LOOK)
        assert (code, complaints) == (0, [])
        assert [line.split()[0] for line in lines[:3]] == ["passed", "passed", "skipped"]
        assert lines[2].endswith(f"(clock.advance in line 9 needs virtual time: {url} keeps real time)")
        assert lines[3].startswith("2 passed, 0 failed, 1 skipped; ")
        assert await count(url) == before


@pytest.mark.long
async def test_a_run_of_skipped_scenarios_is_no_success() -> None:
    """Where nothing can be played nothing holds: exit code 1."""
    async with elsewhere("console-sim") as url:
        code, lines, _ = await run(*files("approve"), "--console-url", url)
    assert code == 1
    assert lines[-2].startswith("0 passed, 0 failed, 1 skipped; 0 expectations")
    assert lines[-1] == "Nothing was checked, so the run fails."


@pytest.mark.long
async def test_an_instance_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    """It is refused with one plain line, and played on where --ca-file names who has signed it."""
    authority = str(tmp_path / "ca.pem")
    async with elsewhere("mock-servicenow", "--tls", "--tls-ca-file", authority) as url:
        code, _, (complaint,) = await run(*files("approve"), "--servicenow-url", url)
        assert code == 3
        assert complaint.startswith(f"privman-scenarios: {url} could not be reached: its certificate is not trusted: ")
        assert complaint.endswith("(certificates to trust: --ca-file, PRIVMAN_CA_FILE or ca-file in a profile).")
        code, lines, complaints = await run(
            *files("approve"), "--servicenow-url", url, "--ca-file", authority, *ONE_LOOK
        )
        assert (code, complaints) == (0, [])
        assert lines[0].startswith("passed  An approval reaches the console")


def redirecting() -> web.Application:
    """Return a site that sends everybody to its log-in."""

    async def send_away(_request: web.Request) -> web.Response:
        raise web.HTTPFound("https://login.example/saml?user=hidden")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", send_away)
    return app


@pytest.mark.long
@pytest.mark.parametrize("option", ["--servicenow-url", "--console-url"])
async def test_a_target_that_redirects_to_a_log_in(option: str) -> None:
    """One plain line says where to, without what the address carries along; exit code 3."""
    async with serving(redirecting()) as url:
        code, _, (complaint,) = await run(option, url)
    assert code == 3
    assert complaint.startswith(f"privman-scenarios: {url} is not a ")
    assert complaint.endswith(" redirects to https://login.example/saml.")


@pytest.mark.long
async def test_an_interrupt_while_the_command_loads(tmp_path: Path) -> None:
    """Whoever presses Ctrl-C at once is told in the same line, and sees no traceback."""
    (tmp_path / "watchfiles.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    process = await create_subprocess_exec(
        PROGRAMS / "privman-scenarios", "run", stderr=PIPE, env={**os.environ, "PYTHONPATH": path}
    )
    _, err = await process.communicate()
    assert (process.returncode, err) == (130, b"privman-scenarios: interrupted\n")


@pytest.mark.long
@pytest.mark.parametrize(
    ("ending", "before"),
    [
        (signal.SIGTERM, "trap '' INT; "),
        *(
            pytest.param(*each, marks=pytest.mark.once)
            for each in (
                (signal.SIGINT, ""),
                (signal.SIGTERM, ""),
                (signal.SIGTERM, "trap '' HUP; "),
                (signal.SIGHUP, ""),
            )
        ),
    ],
)
async def test_an_interrupted_run_cleans_up_and_leaves_its_report(
    ending: signal.Signals, before: str, tmp_path: Path
) -> None:
    """What it had created is deleted, and the report tells what ran; in the background of a shell as well."""
    junit = tmp_path / "junit.xml"
    instance = StubInstance()
    async with serving(instance.app()) as url:
        target = ["--servicenow-url", url, "--servicenow-user", "integration", "--junit-xml", str(junit)]
        arguments = [*files("setup-every-step", "approve"), *target, *ONE_LOOK]
        instance.hanging = asyncio.Event()
        command = shlex.join([str(PROGRAMS / "privman-scenarios"), "run", *arguments])
        process = await create_subprocess_exec(
            "/bin/sh", "-c", f"{before}exec {command}", stderr=PIPE, env={**os.environ, "SERVICENOW_PASSWORD": "s3cret"}
        )
        await instance.hanging.wait()
        assert len([rows for rows in instance.tables.values() if rows]) == 6
        process.send_signal(ending)
        _, err = await process.communicate()
    by = b"" if ending is signal.SIGINT else f" by {ending.name}".encode()
    # On a busy machine the line that says what the run waits for comes first.
    *_, last = err.splitlines()
    assert (process.returncode, last) == (130, b"privman-scenarios: interrupted%s" % by)
    assert b"Traceback" not in err
    assert [table for table, rows in instance.tables.items() if rows] == ["sys_user_role"]
    (suite,) = ET.parse(junit).getroot()  # noqa: S314 - our own report
    assert [case.get("name") for case in suite.iter("testcase")] == [
        "The documented set-up succeeds step by step",
        "the run",
    ]
    assert suite.get("errors") == "1"


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize(
    ("ending", "arguments"),
    [(signal.SIGINT, []), (signal.SIGTERM, []), (signal.SIGHUP, []), (signal.SIGTERM, ["-n", "1"])],
)
async def test_an_interrupted_pytest_cleans_up(ending: signal.Signals, arguments: list[str], tmp_path: Path) -> None:
    """What its fixtures had created is deleted."""
    test = tmp_path / "test_waiting.py"
    test.write_text("def test_waiting(world):\n    world.decide(world.console.ask({}), 'Approve')\n", encoding="utf-8")
    instance, login = StubInstance(), {"SERVICENOW_USER": "integration", "SERVICENOW_PASSWORD": "s3cret"}
    async with serving(instance.app()) as url:
        target = ["--privman-servicenow-url", url, "--privman-patience", "1", "-p", "no:cacheprovider", *arguments]
        instance.hanging = asyncio.Event()
        process = await create_subprocess_exec(
            sys.executable, "-m", "pytest", test, *target, stdout=PIPE, env={**os.environ, **login}
        )
        await instance.hanging.wait()
        assert [table for table, rows in instance.tables.items() if rows] != ["sys_user_role"]
        process.send_signal(ending)
        await process.communicate()
    assert process.returncode == 2
    assert [table for table, rows in instance.tables.items() if rows] == ["sys_user_role"]


@pytest.mark.long
@pytest.mark.once
async def test_the_catalog_skips_nothing_on_fakes(tmp_path: Path) -> None:
    """A fake that already runs is not controlled without --reset: what is skipped fails the run, unless it may be."""
    async with elsewhere("mock-servicenow", admin=True) as url:
        target = ["--servicenow-url", url, *ONE_LOOK]
        arguments = ["--tag", "race", *target, "--json", str(tmp_path / "report.json")]
        code, lines, _ = await run(*arguments)
        assert code == 1
        told = (
            r"\d+ of \d+ scenarios were skipped, more than the 0% of --max-skipped, the default for the packaged cat.*"
        )
        assert re.fullmatch(told, lines[-1])
        assert any("only --reset" in line for line in lines)
        report = json.loads((tmp_path / "report.json").read_text())
        assert (report["held"], report["failed"], report["error"]) == (False, 0, lines[-1].rstrip("."))
        assert (await run(*arguments, "--max-skipped", "100"))[0] == 0
        code, lines, _ = await run(*files("approve", "timeout"), *target, "--max-skipped", "49")
        assert (code, lines[-1]) == (1, "1 of 2 scenarios were skipped, more than the 49% of --max-skipped.")
        assert (await run(*files("approve", "timeout"), *target, "--max-skipped", "50"))[0] == 0


@pytest.mark.long
async def test_a_target_that_is_not_reached_is_an_error_in_the_reports(tmp_path: Path) -> None:
    """CI sees why there is nothing to see; exit code 3."""
    reports = {kind: tmp_path / kind for kind in ("junit-xml", "json", "html")}
    options = [f"--{kind}={path}" for kind, path in reports.items()]
    code, _, (complaint,) = await run(*files("approve"), "--servicenow-url", "http://127.0.0.1:9", *options)
    assert code == 3
    (suite,) = ET.parse(reports["junit-xml"]).getroot()  # noqa: S314 - our own report
    assert (suite.get("errors"), suite.get("tests")) == ("1", "1")
    error = suite.find("testcase/error")
    assert error is not None
    assert complaint == f"privman-scenarios: {error.get('message')}"
    assert json.loads(reports["json"].read_text())["held"] is False
    assert "could not be reached" in reports["html"].read_text()


@pytest.mark.long
@pytest.mark.parametrize("given", ["variables", "file", "nothing"])
async def test_tokens_of_control_planes_are_sent(given: str, tmp_path: Path) -> None:
    """A control plane that demands a token gets it from two variables or a file; without it there is none."""
    token = tmp_path / "token"
    token.write_text("a token 4711\n")
    variables = {"SERVICENOW_ADMIN_TOKEN": "a token 4711", "CONSOLE_ADMIN_TOKEN": "a token 4711"}
    virtual = ("--clock", "virtual")
    async with (
        elsewhere("mock-servicenow", *virtual, admin=True, MOCK_SERVICENOW_ADMIN_TOKEN="a token 4711") as instance,
        elsewhere("console-sim", *virtual, admin=True, CONSOLE_SIM_ADMIN_TOKEN="a token 4711") as console,
    ):
        arguments = ("--servicenow-url", instance, "--console-url", console, "--reset", *files("approve"))
        option = ("--admin-token-file", str(token)) if given == "file" else ()
        code, lines, err = await run(*arguments, *option, **(variables if given == "variables" else {}))
    if given == "nothing":
        assert (code, lines) == (3, [])
        assert err[0].startswith(f"privman-scenarios: {console} cannot be controlled: /__admin requires its token")
    else:
        assert (code, "1 passed" in lines[-1]) == (0, True)


ASCII = {"PYTHONIOENCODING": "ascii"}


@pytest.mark.long
@pytest.mark.once
async def test_a_terminal_that_lacks_a_character(tmp_path: Path) -> None:
    """What it cannot show is escaped, and the exit code is that of the run."""
    file = tmp_path / "one.yaml"
    file.write_text("title: Nach 16½ h → Ende\nsteps: [{console.ask: }, {console.expect-approval: Pending}]\n", "utf-8")
    command = [sys.executable, "-m", "privman_scenarios", "run", str(file)]
    process = await create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env={**os.environ, **ASCII})
    out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert out.startswith(rb"passed  Nach 16\xbd h \u2192 Ende")


@pytest.mark.long
async def test_a_reset_where_nothing_can_be_reset() -> None:
    """What needs control planes would be skipped, and the rest would pass."""
    async with elsewhere("mock-servicenow") as instance:
        code, lines, err = await run("--servicenow-url", instance, "--reset", *files("approve"))
    assert (code, lines) == (3, [])
    assert err == [f"privman-scenarios: {instance} cannot be reset: there is no control plane."]


@pytest.mark.long
async def test_a_file_without_a_token_is_refused(tmp_path: Path) -> None:
    """What no header can carry is no token."""
    token = tmp_path / "token"
    token.write_bytes(b"two\nlines\xff")
    code, _, err = await run("--servicenow-url", "http://127.0.0.1:9", "--admin-token-file", str(token))
    expected = "expected one line of ASCII characters, without blanks at its ends."
    assert (code, err) == (
        2,
        [f"privman-scenarios: --admin-token-file: invalid token: {expected}"],
    )


@pytest.mark.long
@pytest.mark.once
async def test_an_output_that_is_closed(tmp_path: Path) -> None:
    """Whoever closes it still gets the complaint and the exit code."""
    command = shlex.join([str(PROGRAMS / "privman-scenarios"), "run", str(tmp_path / "nosuch.yaml")])
    process = await create_subprocess_exec("/bin/sh", "-c", f"exec {command} >&-", stderr=PIPE)
    _, err = await process.communicate()
    assert process.returncode == 2
    assert err.endswith(b"cannot be read: No such file or directory.\n")
