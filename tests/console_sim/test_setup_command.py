"""`console-sim setup`: against a console that is served or none, and what it says where the set-up fails."""

import asyncio
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from console_sim.cli import main
from console_sim.setup_steps import STEPS

from .command import run, serving, start
from .conftest import ACTIVITY_TYPES, HIBERNATING, REGISTRATIONS, ConsoleUnderTest, StubServiceNow, answering, hanging

Handler = Callable[[web.Request], Awaitable[web.Response]]


async def set_up(stub: StubServiceNow, *arguments: str, password: str = "") -> tuple[int | None, list[str], str]:
    """Run ``setup`` against the stub and return exit code, lines and complaints."""
    target = ["--servicenow-url", stub.url, "--servicenow-user", stub.user]
    alone = [] if "--console-url" in arguments else ["--alone"]
    code, out, err = await run("setup", *target, *alone, *arguments, SERVICENOW_PASSWORD=password or stub.password)
    return code, out.splitlines(), err


def step(lines: list[str], name: str) -> str:
    """Return the line of a step."""
    return next(line for line in lines if line.split()[1] == name)


@pytest.fixture
def nowhere() -> str:
    """An address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.long
@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("url", "Expected --servicenow-url, SERVICENOW_URL or servicenow.url in a profile."),
        ("user", "Expected --servicenow-user, SERVICENOW_USER or servicenow.user in a profile."),
        ("password", "Expected SERVICENOW_PASSWORD or servicenow.password-variable in a profile."),
    ],
)
async def test_setup_asks_for_the_instance(missing: str, told: str) -> None:
    """Without address, user or password nothing is set up."""
    given = {"url": "http://127.0.0.1:1", "user": "admin", "password": "word"}
    answer = await run("setup", **{f"SERVICENOW_{name.upper()}": given[name] for name in given if name != missing})
    assert answer == (2, "", f"console-sim: no servicenow {missing}. {told}\n")


@pytest.mark.long
async def test_setup_of_a_served_console(servicenow: StubServiceNow) -> None:
    """``setup`` sets up the console that serves at the console's address, so that its callbacks are answered."""
    async with serving() as url, ClientSession() as session:
        code, lines, err = await set_up(servicenow, "--console-url", f"{url}/", "--name", "Fabrikam")
        assert (code, len(lines), err) == (0, len(STEPS), "")
        assert lines[0].split() == ["ok", "enable-api", "API", "Enabled", "is", "on"]
        pairs = servicenow.metadata()
        body = {"UserName": pairs["Username"], "Password": pairs["Password"]}
        async with session.post(pairs["Token Url"], json=body) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("lost", [True, False])
async def test_setup_fails_where_the_activity_type_is_stored_otherwise(servicenow: StubServiceNow, lost: bool) -> None:  # noqa: FBT001
    """Though its creation was acknowledged: who compared nothing would learn of it from the first refused approval."""

    async def tampered(stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
        answer = await stub.work(request)
        (row,) = stub.rows(ACTIVITY_TYPES)
        row["valid_responses"] = "Deny"
        if lost:
            stub.tables[ACTIVITY_TYPES].clear()
        return answer

    servicenow.conditions.extend([None, tampered])
    code, lines, _ = await set_up(servicenow)
    (failed,) = [line for line in lines if line.startswith("failed")]
    assert code == 1
    assert failed.split()[1] == "verify-activity-type"
    assert lost or "shows a different valid_responses, or none" in failed


@pytest.mark.long
@pytest.mark.parametrize("given", ["variable", "file"])
async def test_setup_of_a_served_console_with_a_token(servicenow: StubServiceNow, given: str, tmp_path: Path) -> None:
    """A console that demands its token gets it; without it, nothing is set up, least of all in ServiceNow alone."""
    (tmp_path / "token").write_text("letmein\n")
    option = ["--admin-token-file", str(tmp_path / "token")] if given == "file" else []
    variables = {"CONSOLE_ADMIN_TOKEN": "letmein"} if given == "variable" else {}
    async with serving(CONSOLE_SIM_ADMIN_TOKEN="letmein") as url:
        target = ["--servicenow-url", servicenow.url, "--servicenow-user", servicenow.user, "--console-url", url]
        password = servicenow.password
        code, out, _ = await run("setup", *target, *option, SERVICENOW_PASSWORD=password, **variables)
        assert (code, out.splitlines()[0].split()[0]) == (0, "ok")
        registered = len(servicenow.rows(REGISTRATIONS))
        code, out, err = await run("setup", *target, SERVICENOW_PASSWORD=password)
        assert (code, out, len(servicenow.rows(REGISTRATIONS))) == (3, "", registered)
        assert (
            "demands its token. Expected --admin-token-file, CONSOLE_ADMIN_TOKEN or console.admin-token-variable in a"
            in err
        )


@pytest.mark.long
@pytest.mark.parametrize("served", [True, False])
async def test_setup_of_an_instance_with_a_certificate_of_its_own(
    servicenow: StubServiceNow, nowhere: str, tmp_path: Path, *, served: bool
) -> None:
    """An instance whose certificate no authority of this machine has signed is trusted with --ca-file alone."""
    authority, certificate = tmp_path / "ca.pem", trustme.CA()
    certificate.cert_pem.write_to_path(authority)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.issue_cert("127.0.0.1").configure_cert(tls)
    trusting = ("--ca-file", str(authority))
    server = TestServer(servicenow.app())
    await server.start_server(ssl=tls)
    servicenow.url = f"https://{server.host}:{server.port}"
    async with serving(*trusting) as console:
        target = ("--console-url", console) if served else ("--console-url", nowhere, "--alone")
        assert (await set_up(servicenow, *target, *trusting))[0] == 0
        assert (await set_up(servicenow, "--console-url", nowhere, "--alone"))[0] == 3
    await server.close()


async def test_setup_where_nothing_serves(servicenow: StubServiceNow, nowhere: str) -> None:
    """A console that is not there, perhaps not yet, is not taken for one that was set up."""
    code, lines, err = await set_up(servicenow, "--console-url", nowhere)
    assert (code, lines, servicenow.rows(REGISTRATIONS)) == (3, [], [])
    assert f"{nowhere}/__admin/health" in err
    assert "expected a console-sim that serves there with its control plane, or --alone" in err


async def test_setup_without_a_console(servicenow: StubServiceNow, nowhere: str) -> None:
    """With --alone the steps run, after a warning that callbacks will fail."""
    code, lines, err = await set_up(servicenow, "--console-url", nowhere, "--alone")
    assert (code, err) == (0, "")
    assert lines[0] == f"No console is set up: ServiceNow's callbacks to {nowhere} will fail."
    assert len(servicenow.rows(REGISTRATIONS)) == 1
    assert not any(servicenow.metadata()["Password"] in line for line in lines)


@pytest.mark.parametrize("answered", [{"status": "up"}, {"Result": "12.0", "Status": "ok", "Messages": []}])
async def test_setup_with_another_product(servicenow: StubServiceNow, answered: dict[str, str | list[str]]) -> None:
    """What answers at the console's address and is no simulator, such as a real console, has nothing registered."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(answered)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    server = TestServer(app)
    await server.start_server()
    code, lines, err = await set_up(servicenow, "--console-url", f"http://{server.host}:{server.port}")
    await server.close()
    assert (code, lines, servicenow.rows(REGISTRATIONS)) == (3, [], [])
    assert "/__admin/health answers 200; expected a console-sim that serves there" in err


@pytest.mark.long
async def test_setup_that_does_not_hold(servicenow: StubServiceNow, nowhere: str) -> None:
    """A step that fails makes the exit code 1, without a promise to try again."""
    servicenow.conditions.append(answering(503))
    code, lines, err = await set_up(servicenow, "--console-url", nowhere, "--alone")
    assert (code, err) == (1, "")
    assert step(lines, "register") == "failed   register                   503 without an error in JSON"


def test_setup_with_a_role_that_no_documentation_has(capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused before anything is done, with those that there are."""
    arguments = ["--servicenow-url", "http://127.0.0.1:1", "--servicenow-user", "x", "--role", "Auditors"]
    with pytest.raises(SystemExit, match="2"):
        main(["setup", *arguments])
    err = capsys.readouterr().err
    assert "unknown role 'Auditors'; expected one of Privilege Manager Administrators, Privilege Manager Field " in err


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--name", "", "argument --name: the name is empty; expected text"),
        ("--name", "x" * 251, "argument --name: the name has 251 characters; expected at most 250"),
        ("--name", "\u200b", "argument --name: the name is '\\u200b'; expected a visible character"),
        ("--servicenow-user", "", "argument --servicenow-user: invalid user name '': expected UTF-8 text without"),
        ("--servicenow-user", "a\nb", "argument --servicenow-user: invalid user name 'a\\nb': expected UTF-8 text"),
    ],
)
def test_setup_with_an_invalid_name(option: str, value: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused in one line before anything is done, with or without a console."""
    arguments = ["--servicenow-url", "http://127.0.0.1:1", "--servicenow-user", "x", "--alone", option, value]
    with pytest.raises(SystemExit, match="2"):
        main(["setup", *arguments])
    assert capsys.readouterr().err.startswith(f"console-sim setup: {told}")


@pytest.mark.long
async def test_setup_without_role(servicenow: StubServiceNow, nowhere: str) -> None:
    """The role can be chosen, also one that may not approve."""
    code, lines, _ = await set_up(servicenow, "--console-url", nowhere, "--alone", "--role", "field engineering")
    assert code == 1
    assert step(lines, "add-role").startswith("failed ")


async def test_setup_of_a_sleeping_instance(servicenow: StubServiceNow, nowhere: str) -> None:
    """A hibernating instance is a target that could not be reached: exit code 3."""
    servicenow.conditions.append(HIBERNATING)
    code, lines, _ = await set_up(servicenow, "--console-url", nowhere, "--alone")
    assert code == 3
    assert "the instance is hibernating" in step(lines, "register")


async def test_setup_of_nothing(servicenow: StubServiceNow, nowhere: str) -> None:
    """Where nobody listens the exit code is 3."""
    servicenow.url = nowhere
    console = nowhere.replace("127.0.0.1", "localhost")
    code, lines, _ = await set_up(servicenow, "--console-url", console, "--alone")
    assert code == 3
    assert f"POST {nowhere}/api/now/table/{REGISTRATIONS}: no connection" in step(lines, "register")


@pytest.mark.long
async def test_console_that_fails(servicenow: StubServiceNow, fresh: ConsoleUnderTest) -> None:
    """A console that breaks off during the set-up is named, with exit code 3."""
    for fault in (1, 2):
        server = TestServer(_failing_console(fault))
        await server.start_server()
        url = f"http://{server.host}:{server.port}"
        code, lines, err = await set_up(servicenow, "--console-url", url)
        await server.close()
        assert (code, lines) == (3, [])
        assert f"{url}/__admin/setup" in err
        assert err.count("\n") == 1
    assert fresh.servicenow is servicenow


def _failing_console(fault: int) -> web.Application:
    async def setup(request: web.Request) -> web.Response:
        if fault == 1:
            request.protocol.force_close()
        return web.Response(status=500, text="broken")

    return _console(setup)


def _console(setup: Handler) -> web.Application:
    async def health(_request: web.Request) -> web.Response:
        return web.json_response(body=b'{"status":"ok"}')

    app = web.Application()
    app.add_routes([web.get("/__admin/health", health), web.post("/__admin/setup", setup)])
    return app


@pytest.mark.long
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"steps": 1, "servicenow_reached": true}',
        b'{"steps": [{"step": {}, "status": null, "detail": []}], "servicenow_reached": true}',
        b'{"steps": [], "servicenow_reached": "no"}',
        b'{"steps": [], "servicenow_reached": true}',
        b'{"steps": [{"step": "register", "status": "ok", "detail": ""}], "servicenow_reached": true}',
        b"\xff\x1b[31m\n::error::",
    ],
)
async def test_console_that_reports_nonsense(servicenow: StubServiceNow, body: bytes) -> None:
    """Whatever a console answers to the set-up, it is one line, and exit code 3."""

    async def setup(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    async with local(_console(setup)) as url:
        code, lines, err = await set_up(servicenow, "--console-url", url)
    assert (code, lines, err.count("\n")) == (3, [], 1)
    assert err.startswith(f"console-sim: {url}/__admin/setup answers no report of a set-up (")
    assert err.removesuffix("\n").isprintable()


@pytest.mark.long
@pytest.mark.parametrize("status", [200, 500])
async def test_console_that_repeats_the_password(servicenow: StubServiceNow, status: int) -> None:
    """A console that echoes what it was sent brings the password to no terminal, and commands none."""

    async def setup(request: web.Request) -> web.Response:
        words = f"\n::error::\x1b[31m ##vso[task.complete] {await request.text()} {servicenow.password}"
        steps = [{"step": step, "status": "::error::", "detail": words} for step in STEPS]
        return web.json_response({"steps": steps, "servicenow_reached": True}, status=status)

    async with local(_console(setup)) as url:
        code, lines, err = await set_up(servicenow, "--console-url", url)
    said = "".join(lines) or err.strip()
    assert (code, len(lines) or err.count("\n")) == {200: (1, len(STEPS)), 500: (3, 1)}[status]
    assert not [line for line in lines if line.startswith("::")]
    assert "# #vso[task.complete]" in said
    assert "##vso" not in said
    assert said.isprintable()
    assert servicenow.password not in said


@asynccontextmanager
async def local(app: web.Application) -> AsyncIterator[str]:
    """Serve an application and give its address."""
    server = TestServer(app)
    await server.start_server()
    yield f"http://{server.host}:{server.port}"
    await server.close()


async def test_setup_is_interrupted(servicenow: StubServiceNow, nowhere: str) -> None:
    """An interrupt ends the set-up with one line."""
    servicenow.conditions.append(hanging)
    target = ["--servicenow-url", servicenow.url, "--servicenow-user", "a", "--console-url", nowhere, "--alone"]
    process = await start("setup", *target, SERVICENOW_PASSWORD="p")
    await servicenow.asked.wait()
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert (process.returncode, err) == (130, b"console-sim: interrupted\n")


async def test_setup_is_interrupted_while_a_console_is_silent() -> None:
    """Also before the first step: whatever listens at the console's address may never answer."""
    connected = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []

    def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        connected.set()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    url = "http://{}:{}".format(*server.sockets[0].getsockname())
    target = ["--servicenow-url", "http://127.0.0.1:9", "--servicenow-user", "a", "--console-url", url]
    process = await start("setup", *target, SERVICENOW_PASSWORD="p")
    await connected.wait()
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    server.close()
    for writer in writers:
        writer.close()
    assert (process.returncode, err) == (130, b"console-sim: interrupted\n")
