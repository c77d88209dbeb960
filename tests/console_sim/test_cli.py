"""The command line (interfaces: Commands)."""

import asyncio
import socket
import sys

import pytest
from aiohttp import ClientSession
from yarl import URL

from privman_core.virtual_clock import VirtualClock

from .command import run, serving
from .conftest import ConsoleUnderTest, StubServiceNow


@pytest.mark.long
async def test_an_empty_token_is_refused() -> None:
    """It may be a secret that was not handed over, and would leave the pages open."""
    code, out, err = await run("serve", "--port", "0", CONSOLE_SIM_ADMIN_TOKEN="")
    assert (code, out) == (2, "")
    assert err.startswith("console-sim: CONSOLE_SIM_ADMIN_TOKEN is empty; expected a token, or ")


@pytest.mark.long
@pytest.mark.parametrize(
    ("command", "given", "meant"),
    [
        ("serve", "CONSOLE_SIM_ADMIN_TOKN", "CONSOLE_SIM_ADMIN_TOKEN"),
        ("setup", "SERVICENOW_ULR", "SERVICENOW_URL"),
    ],
)
async def test_a_misspelt_variable_is_refused(command: str, given: str, meant: str) -> None:
    """Without it, the console would serve without a token, or set up something else."""
    code, out, err = await run(command, **{given: "letmein"})
    assert (code, out) == (2, "")
    assert err == f"console-sim: unknown variable {given} (did you mean {meant!r}?).\n"


@pytest.mark.long
@pytest.mark.parametrize("clock", ["real", "virtual"])
async def test_serve(clock: str) -> None:
    """The command serves until it is told to stop, with the clock that was asked for."""
    async with serving("--clock", clock, "--seed", "1") as url, ClientSession() as session:
        async with session.get(f"{url}/__admin/health") as answer:
            assert answer.status == 200
        async with session.post(f"{url}/__admin/clock/advance", json={"seconds": 5}) as answer:
            assert answer.status == {"virtual": 200, "real": 400}[clock]


@pytest.mark.long
@pytest.mark.parametrize(
    "sent", [b"POST /Tms/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{", b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"]
)
async def test_a_client_that_waits_does_not_keep_it_from_ending(sent: bytes) -> None:
    """Half a request, and an answer that a fault holds back, end with the process."""
    async with serving("--clock", "virtual") as url, ClientSession() as session:
        await session.post(f"{url}/__admin/faults", json={"kind": "slow", "path": "/slow"})
        _, writer = await asyncio.open_connection("127.0.0.1", URL(url).port)
        writer.write(sent)
        await session.get(f"{url}/__admin/health")
    writer.close()


@pytest.mark.long
async def test_serve_on_ipv6() -> None:
    """An IPv6 address is printed as an address must be."""
    async with serving("--host", "::1") as url, ClientSession() as session, session.get(f"{url}/__admin/health"):
        assert url.startswith("http://[::1]:")


@pytest.mark.long
async def test_token_lifetime(servicenow: StubServiceNow) -> None:
    """Tokens die after the minutes that the command names, whatever the rule says."""
    async with serving("--clock", "virtual", "--token-lifetime", "5") as url, ClientSession() as session:
        console = ConsoleUnderTest(url, VirtualClock(), session, servicenow)
        await console.set_up()
        token = await console.log_on()
        await console.advance(5 * 60 - 1)
        assert (await console.deliver({}, token))[0] == 400
        await console.advance(1)
        assert (await console.deliver({}, token))[0] == 401


async def test_admin_token_comes_from_the_environment() -> None:
    """A request from a web page needs the token, which is read from the environment."""
    headers = {"Origin": "http://elsewhere.example"}
    async with serving(CONSOLE_SIM_ADMIN_TOKEN="letmein") as url, ClientSession(headers=headers) as session:
        async with session.get(f"{url}/__admin/health") as answer:
            assert answer.status == 403
        async with session.get(f"{url}/__admin/health", headers={"X-Admin-Token": "letmein"}) as answer:
            assert answer.status == 200


@pytest.mark.long
async def test_no_control_plane() -> None:
    """With --no-admin the API is all there is."""
    async with serving("--no-admin") as url, ClientSession() as session:
        async with session.get(f"{url}/Tms/services/api/v1/version/Current") as answer:
            assert answer.status == 200
        for path in ("/__admin/health", "/__admin/approval-requests", "/__admin/webhooks", "/__admin/levers"):
            async with session.get(f"{url}{path}") as answer:
                assert answer.status == 404


SETUP = ("setup", "--servicenow-user", "a", "--servicenow-url")


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "console-sim: the following arguments are required: COMMAND"),
        (("sreve",), "console-sim: argument COMMAND: invalid choice 'sreve' (did you mean 'serve'?)"),
        (("serve", "--prot", "1"), "console-sim serve: unknown option '--prot' (did you mean '--port'?)"),
        (("setup", "--rle=Admin"), "console-sim setup: unknown option '--rle' (did you mean '--role'?)"),
        (("serve", "--port", "x"), "console-sim serve: argument --port: invalid port 'x': expected 0 to 65535"),
        (("serve", "--port", "65536"), "console-sim serve: argument --port: invalid port '65536': expected 0 to 65535"),
        (("serve", "--ca-file", "no.pem"), "console-sim serve: argument --ca-file: no certificate in 'no.pem': No "),
        (
            ("serve", "--clock", "sun"),
            "console-sim serve: argument --clock: invalid choice 'sun'; expected one of real",
        ),
        (("serve", "--seed", "x"), "console-sim serve: argument --seed: invalid int value: 'x'"),
        *(
            (
                ("serve", "--token-lifetime", minutes),
                f"console-sim serve: argument --token-lifetime: invalid number of minutes {minutes!r}: expected 1 to ",
            )
            for minutes in ("0", "1441", "5m", "-1", "9" * 5_000)
        ),
        (("serve", "--inferred", "none.yaml"), "console-sim: none.yaml: cannot be read: No such file or directory."),
        (("serve", "--host", "nowhere.invalid"), "console-sim: cannot listen on nowhere.invalid:8090: "),
        (
            ("setup", "--servicenow-user", "a"),
            "console-sim: no servicenow url. Expected --servicenow-url, SERVICENOW_U",
        ),
        ((*SETUP, "x"), "console-sim setup: argument --servicenow-url: 'x'; expected an address such as https://"),
        ((*SETUP, "http://x"), "console-sim: no servicenow password. Expected SERVICENOW_PASSWORD or servicenow"),
    ],
)
async def test_unusable_arguments(arguments: tuple[str, ...], told: str) -> None:
    """What cannot be used is named in one line, with exit code 2."""
    code, out, err = await run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(told)
    assert err.count("\n") == 1


async def test_a_password_that_is_not_text() -> None:
    """Bytes that are not UTF-8 are refused in one line, without the password."""
    code, out, err = await run(*SETUP, "http://127.0.0.1:1", SERVICENOW_PASSWORD="a\udcff")
    assert (code, out) == (2, "")
    assert err == "console-sim: SERVICENOW_PASSWORD: invalid secret: expected UTF-8 text.\n"


async def test_port_in_use() -> None:
    """A port that somebody else has is named in one line, with exit code 2."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = await run("serve", "--port", str(port))
    assert answer == (2, "", f"console-sim: cannot listen on 127.0.0.1:{port}: Address already in use\n")


@pytest.mark.long
async def test_the_package_is_the_command() -> None:
    """``python -m console_sim`` does what the command does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "console_sim", "--version", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert (process.returncode, out.decode().split()[0]) == (0, "console-sim")


@pytest.mark.long
async def test_version_and_help() -> None:
    """Version and help are printed, with exit code 0."""
    code, out, _ = await run("--version")
    assert (code, out.split()[0]) == (0, "console-sim")
    for arguments in (["--help"], ["serve", "--help"], ["setup", "--help"]):
        code, out, _ = await run(*arguments)
        assert code == 0
        assert out.startswith("usage: console-sim")
