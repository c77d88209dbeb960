"""A run on an instance that is reached through a proxy only, by a name that only the proxy knows."""

import asyncio
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

import console_sim.cli
import mock_servicenow.app
from mock_servicenow.settings import Settings
from privman_core.clock import RealClock
from privman_core.ids import Ids
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_core.tls import load_certificate
from privman_scenarios.commands.cli import main
from tests.forward_proxy import ForwardProxy

from .targets import packaged

APPROVE = packaged("approve")
PASSWORD = "of-the-proxy-0123456789"
LOGIN = f"jane:{PASSWORD}"
Start = Callable[..., ForwardProxy]


@pytest.fixture
def start(
    privman_loop: LoopThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], ForwardProxy]]:
    """Serves an instance behind a proxy, over http or https; the environment names the proxy with its password."""
    ends = ExitStack()
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")

    def start(scheme: str) -> ForwardProxy:
        clock = RealClock()
        app = mock_servicenow.app.create_app(Settings(), clock=clock, ids=Ids(1))
        tls = None
        if scheme == "https":
            authority = trustme.CA()
            issued = authority.issue_cert("instance.test")
            authority.cert_pem.write_to_path(tmp_path / "ca.pem")
            issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
            tls = load_certificate(tmp_path / "server.pem", tmp_path / "server.pem")
        served = serving(app, tls=tls)
        proxy = ForwardProxy({"instance.test": privman_loop.run(served.__aenter__())}, LOGIN)
        proxied = proxy.serving()
        url = privman_loop.run(proxied.__aenter__())
        ends.callback(lambda: privman_loop.run(clock.aclose()))
        ends.callback(lambda: privman_loop.run(served.__aexit__(None, None, None)))
        ends.callback(lambda: privman_loop.run(proxied.__aexit__(None, None, None)))
        monkeypatch.setenv(f"{scheme}_proxy", url.replace("://", f"://{LOGIN}@"))
        return proxy

    with ends:
        yield start


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_run_goes_through_the_proxy(
    scheme: str, start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So do the console's requests to the instance; the instance's to the console, on this machine, do not."""
    proxy = start(scheme)
    trusted = ["--ca-file", str(tmp_path / "ca.pem")] if scheme == "https" else []
    assert main(["run", APPROVE, "--servicenow-url", f"{scheme}://instance.test", "--quiet-time", "0", *trusted]) == 0
    assert {line.split(" ")[1] for line in proxy.asked} == {"instance.test"}
    assert PASSWORD not in "".join(capsys.readouterr())


def test_a_set_up_goes_through_the_proxy(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a console that ServiceNow cannot call back, which is said."""
    proxy = start("http")
    target = ["--servicenow-url", "http://instance.test", "--servicenow-user", "admin"]
    assert console_sim.cli.main(["setup", "--alone", *target]) == 0
    assert proxy.asked
    assert PASSWORD not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("http://127.0.0.1:1", "no connection to the proxy http://127.0.0.1:1 of HTTP_PROXY: Connection refused"),
        ("socks4://jane:secret@p.test", "HTTP_PROXY is 'socks4://p.test'; expected an address such as http://proxy.ex"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_one_line(
    value: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 3, like any other target that is not reached."""
    monkeypatch.setenv("HTTP_PROXY", value)
    assert main(["run", APPROVE, "--servicenow-url", "http://instance.test"]) == 3
    err = capsys.readouterr().err
    assert err.startswith(f"privman-scenarios: http://instance.test could not be reached: {said}")
    assert err.count("\n") == 1


@pytest.fixture
def start_echo(privman_loop: LoopThread) -> Iterator[str]:
    """Serve a proxy that answers with what it was told, and not as HTTP; gives the address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        encoded = re.search(rb"(?i)proxy-authorization: basic (\S+)", head)
        writer.write(b"GARBAGE " + b64decode(encoded[1] if encoded else b"") + b"\r\n\r\n")
        writer.close()

    server = privman_loop.run(asyncio.start_server(answer, "127.0.0.1", 0))
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    privman_loop.run(server.wait_closed())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_demands_a_password_is_one_line(
    scheme: str, start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the variable."""
    url = start(scheme).url
    monkeypatch.setenv(f"{scheme}_proxy", url)
    assert main(["run", APPROVE, "--servicenow-url", f"{scheme}://instance.test"]) == 3
    says = f"the proxy {url} of {scheme}_proxy demands a user and password (407); expected them before its host"
    assert capsys.readouterr().err == (f"privman-scenarios: {scheme}://instance.test could not be reached: {says}.\n")


def test_a_proxy_that_tells_its_password_is_not_quoted(
    start_echo: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """An answer that nobody can read is shown in an error, without what the proxy repeats in it."""
    monkeypatch.setenv("http_proxy", start_echo.replace("://", f"://{LOGIN}@"))
    reports = ["--json", str(tmp_path / "r.json"), "--junit-xml", str(tmp_path / "r.xml"), "--github"]
    assert main(["run", APPROVE, "--servicenow-url", "http://instance.test", *reports]) == 3
    told = "".join((*capsys.readouterr(), *(file.read_text() for file in tmp_path.iterdir())))
    assert "GARBAGE" in told
    assert PASSWORD not in told
