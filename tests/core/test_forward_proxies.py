"""Requests to other machines go through the proxies that the environment names; those to this one never do."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from yarl import URL

from privman_core.clock import RealClock
from privman_core.forward_proxies import forward_proxies
from privman_core.inputs import Trust, trust
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.outbound import HttpCaller, NoAnswerError
from privman_core.serving import serving
from tests.forward_proxy import ForwardProxy

NAME, LOGIN = "instance.test", "jane:p@ss-0123456789/word"
WRITTEN = "jane:p%40ss-0123456789%2Fword"


async def hello(request: web.Request) -> web.Response:
    """Answer with what has arrived."""
    return web.json_response({"host": request.host, "path": request.path_qs, "body": await request.text()})


@asynccontextmanager
async def hello_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve what says hello."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hello)
    async with serving(app, tls=tls) as url:
        yield url


@asynccontextmanager
async def calling(environment: Mapping[str, str], *, trusted: Trust = True) -> AsyncIterator[HttpCaller]:
    """Give a caller with the proxies of an environment."""
    clock = RealClock()
    journal = Journal(clock, Secrets(), lambda _exchange: ())
    caller = HttpCaller(clock, journal, "test", trusted=trusted, proxies=forward_proxies(environment))
    yield caller
    assert LOGIN not in str([journal.to_json(each) for each in journal.kept()])
    await caller.aclose()
    await clock.aclose()


async def send(caller: HttpCaller, url: str) -> tuple[int, bytes]:
    """Return status and body of the answer."""
    answer = await caller.send("POST", url, {}, b"x", 5)
    return answer.status, answer.body


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
async def test_http_goes_through_the_proxy(variable: str) -> None:
    """With the user and password in its address, which the server does not see."""
    async with hello_server() as url, ForwardProxy({NAME: url}, LOGIN).serving() as at:
        environment = {variable: at.replace("://", f"://{WRITTEN}@"), "no_proxy": "other.test"}
        async with calling(environment) as caller:
            status, body = await send(caller, f"http://{NAME}/a?b=c")
    assert (status, body) == (200, b'{"host": "instance.test", "path": "/a?b=c", "body": "x"}')


@pytest.mark.parametrize("to_proxy", ["http", "https"])
async def test_https_goes_through_a_tunnel(to_proxy: str, tmp_path: Path) -> None:
    """Its certificate is that of the name which was asked for, and the proxy may have its own; a file trusts both."""
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    of_proxy = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(NAME).configure_cert(context)
    authority.issue_cert("127.0.0.1").configure_cert(of_proxy)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with hello_server(context) as url:
        proxy = ForwardProxy({NAME: url}, LOGIN)
        async with proxy.serving(of_proxy if to_proxy == "https" else None) as at:
            scheme = "" if to_proxy == "http" else "https://"  # without one it is http, as with curl
            environment = {"HTTPS_PROXY": f"{scheme}{WRITTEN}@{at.partition('://')[2]}"}
            async with calling(environment, trusted=trust(tmp_path / "ca.pem")) as caller:
                assert (await send(caller, f"https://{NAME}/"))[0] == 200
                assert (await send(caller, f"https://{NAME}/"))[0] == 200
    assert proxy.asked == [f"CONNECT {NAME}"]


async def test_this_machine_is_asked_directly() -> None:
    """Whatever the environment says."""
    async with hello_server() as url:
        proxy = ForwardProxy({})
        async with proxy.serving() as at, calling({"HTTP_PROXY": at, "HTTPS_PROXY": at}) as caller:
            for host in ("127.0.0.1", "localhost"):
                assert (await send(caller, f"{url.replace('127.0.0.1', host)}/"))[0] == 200
    assert proxy.asked == []


async def test_nothing_else_logs_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file for other programs may have a password for the host, and one for the proxy."""
    file = tmp_path / "netrc"
    file.write_text(f"machine {NAME} login jane password secret\nmachine 127.0.0.1 login jane password secret\n")
    monkeypatch.setenv("NETRC", str(file))
    async with hello_server() as url:
        proxy = ForwardProxy({NAME: url})
        async with proxy.serving() as at, calling({"HTTP_PROXY": at}) as caller:
            assert (await send(caller, f"http://{NAME}/"))[0] == 200
    assert b"authorization" not in proxy.heads.lower()


@pytest.mark.parametrize(
    ("scheme", "login", "said"),
    [
        ("http", "", "the proxy {at} of HTTP_PROXY demands a user and password (407); expected them before its host"),
        ("https", "", "the proxy {at} of HTTPS_PROXY demands a user and password (407); expected them before its host"),
        ("http", "jane:wrong-0123456789@", "the proxy {at} of HTTP_PROXY refused its user and password (407)"),
        ("https", "jane:wrong-0123456789@", "the proxy {at} of HTTPS_PROXY refused its user and password (407)"),
    ],
)
async def test_a_proxy_that_refuses_its_user(scheme: str, login: str, said: str) -> None:
    """Is one sentence with the proxy and without the password, whichever way it is asked."""
    async with ForwardProxy({}, LOGIN).serving() as at:
        value = at.replace("://", f"://{login}")
        async with calling({"HTTP_PROXY": value, "HTTPS_PROXY": value}) as caller:
            with pytest.raises(NoAnswerError) as raised:
                await send(caller, f"{scheme}://{NAME}/a")
    assert str(raised.value) == f"POST {scheme}://{NAME}/a: {said.format(at=at)}"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("http://127.0.0.1:1", "no connection to the proxy http://127.0.0.1:1 of HTTP_PROXY: Connection refused"),
        (
            "http://jane:secret-0123456789@127.0.0.1:1",
            "no connection to the proxy http://127.0.0.1:1 of HTTP_PROXY: Connection",
        ),
        (
            "socks5://jane:secret-0123456789@p.test",
            "HTTP_PROXY is 'socks5://p.test'; expected an address such as http:/",
        ),
        ("http://", "HTTP_PROXY is 'http://'; expected an address such as http://proxy.example:3128"),
    ],
)
async def test_an_unusable_proxy(value: str, said: str) -> None:
    """It is named without its password."""
    async with calling({"HTTP_PROXY": value}) as caller:
        with pytest.raises(NoAnswerError) as raised:
            await send(caller, f"http://{NAME}/")
    assert said in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_a_proxy_that_makes_no_tunnel() -> None:
    """Another refusal than 407 shows its status; an answer to a plain request is that of the server behind it."""
    async with ForwardProxy({}).serving() as at, calling({"HTTP_PROXY": at, "HTTPS_PROXY": at}) as caller:
        with pytest.raises(NoAnswerError, match=f"the proxy {at} of HTTPS_PROXY answered 502 to CONNECT"):
            await send(caller, f"https://{NAME}/")
        assert (await send(caller, f"http://{NAME}/"))[0] == 502


ENDLESS = b"x" * 4_096
TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"


@asynccontextmanager
async def hostile_proxy(begins: bytes, repeats: bytes) -> AsyncIterator[str]:
    """Serve what answers every request so, the end again and again until the client goes; gives the address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(begins)
            while repeats:
                writer.write(repeats)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("begins", "repeats", "said"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1_000, "the answer could not be read: Too many headers"),
        (b"HTTP/1.1 200 OK\r\nX: ", ENDLESS, "the answer could not be read: Got more than 8190 bytes"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 9, "the answer could not be read: more than 8 heads came at once"),
        (b"HTTP/1.1 500 No\r\n\r\n", ENDLESS, "answered 500 to CONNECT"),
        (b"HTTP/1.1 407 No\r\nContent-Length: 99999999\r\n\r\n", ENDLESS, "(407); expected them before its host"),
        (b"HTTP/1.1 302 No\r\nLocation: http://127.0.0.1:1/\r\n\r\n", b"", "answered 302 to CONNECT"),
        (TUNNEL, ENDLESS, "no connection to instance.test:443: the server answered without TLS, as one of plain"),
        (TUNNEL, b"", "no connection to instance.test:443: it broke off"),
        (b"", b"", "the connection broke off"),
    ],
    ids=lambda value: str(value[:30]),
)
async def test_a_hostile_proxy(begins: bytes, repeats: bytes, said: str) -> None:
    """Whatever it answers to CONNECT is one line, and nothing without an end is read."""
    async with hostile_proxy(begins, repeats) as at, calling({"HTTPS_PROXY": at}) as caller:
        with pytest.raises(NoAnswerError) as raised:
            await send(caller, f"https://{NAME}/")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_other_trouble_is_told_as_ever() -> None:
    """A proxy in the environment changes nothing about addresses that need none."""
    async with calling({"HTTP_PROXY": "http://127.0.0.1:1"}) as caller:
        with pytest.raises(NoAnswerError, match=r"no connection to 127\.0\.0\.1:1: Connection refused"):
            await send(caller, "http://127.0.0.1:1/")


@pytest.mark.parametrize(
    ("no_proxy", "direct"),
    [
        ("*", ["a.test", "10.1.2.3"]),
        ("a.test", ["a.test", "sub.a.test"]),
        (".a.test", ["a.test", "sub.a.test"]),
        (" b.test , 10.0.0.0/8", ["10.1.2.3"]),
        ("a.test:8080", ["a.test", "sub.a.test"]),
        ("a.test:80", []),
        ("10.1.2.3", ["10.1.2.3"]),
        ("*.a.test", ["a.test", "sub.a.test"]),
        ("2001:db8::8080", ["[2001:db8::8080]"]),
        ("[2001:db8::8080]", ["[2001:db8::8080]"]),
        ("[2001:db8::8080]:8080", ["[2001:db8::8080]"]),
        ("[2001:db8::8080]:80", []),
        ("10.1.2.3:8080", ["10.1.2.3"]),
        ("", []),
    ],
)
def test_hosts_that_need_no_proxy(no_proxy: str, direct: list[str]) -> None:
    """Names with their subdomains, addresses, networks, a port, and everything."""
    proxies = forward_proxies({"HTTP_PROXY": "http://p.test:3128", "NO_PROXY": no_proxy})
    hosts = ("a.test", "sub.a.test", "aa.test", "10.1.2.3", "11.1.2.3", "[2001:db8::8080]")
    asked = {host: proxies.options(URL(f"http://{host}:8080/"), {}) for host in hosts}
    expected = direct if no_proxy != "*" else list(hosts)
    assert [host for host, options in asked.items() if "proxy" not in options] == expected


@pytest.mark.parametrize(
    ("environment", "used"),
    [
        ({"HTTP_PROXY": "http://upper:1", "http_proxy": "http://lower:1"}, "http://lower:1"),
        ({"HTTP_PROXY": "http://upper:1", "http_proxy": ""}, ""),
        ({"HTTPS_PROXY": "http://upper:1"}, ""),
        ({"ALL_PROXY": "http://upper:1"}, ""),
    ],
)
def test_the_variable_that_counts(environment: dict[str, str], used: str) -> None:
    """Lower case comes first, and each scheme has its own."""
    proxies = forward_proxies(environment)
    options = proxies.options(URL("http://a.test/"), {})
    assert str(options.get("proxy", "")) == used
