"""Both servers behind a reverse proxy: its word about the public address is taken only if the server was told to."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import ClientSession, CookieJar, UnixConnector, encode_basic_auth, web

import console_sim.app
import console_sim.settings
import mock_servicenow.app
import mock_servicenow.settings
from privman_core.ids import Ids
from privman_core.reverse_proxies import Network
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock
from tests.preloaded import run

PUBLIC = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "fake.example.com", "X-Forwarded-For": "203.0.113.9"}
TOKEN = {"X-Admin-Token": "letmein"}
ADMIN = {"Authorization": encode_basic_auth("admin", "admin")}
LOG_IN = {"mock-servicenow": "/login.do", "console-sim": "/login"}
both = pytest.mark.parametrize("command", LOG_IN)


class Reached(NamedTuple):
    """A client of a server, and the server's direct address."""

    session: ClientSession
    url: str
    host: str


def create(command: str, *trusted: str, url: str = "") -> web.Application:
    """Return one of the products, which trusts these proxies."""
    clock, ids = VirtualClock(), Ids(1)
    proxies: tuple[Network, ...] = tuple(map(ip_network, trusted))
    if command == "console-sim":
        console = console_sim.settings.Settings(admin_token="letmein", proxies=proxies)
        return console_sim.app.create_app(console, clock=clock, ids=ids)
    instance = mock_servicenow.settings.Settings(admin_token="letmein", proxies=proxies, url=url)
    return mock_servicenow.app.create_app(instance, clock=clock, ids=ids)


@asynccontextmanager
async def reached(app: web.Application) -> AsyncIterator[Reached]:
    """Serve the application."""
    async with serving(app) as url, ClientSession(url, cookie_jar=CookieJar(unsafe=True)) as session:
        yield Reached(session, url, url.partition("://")[2])


async def served_as(session: ClientSession, headers: Mapping[str, str]) -> str:
    """Return the address that the control plane's OpenAPI document names."""
    async with session.get("/__admin/openapi.json", headers={**headers, **TOKEN}) as answer:
        return str((await answer.json())["servers"][0]["url"])


@both
@pytest.mark.parametrize("trusted", [["127.0.0.1"], ["10.0.0.0/8", "127.0.0.0/8"]])
async def test_links_have_the_public_address(command: str, trusted: list[str]) -> None:
    """Of a request that a trusted proxy passes on."""
    async with reached(create(command, *trusted)) as server:
        assert await served_as(server.session, PUBLIC) == "https://fake.example.com"


@both
@pytest.mark.parametrize("trusted", [[], ["10.0.0.0/8", "::1"]])
async def test_a_caller_cannot_claim_an_address(command: str, trusted: list[str]) -> None:
    """Whoever is not a trusted proxy gets the address that was asked."""
    async with reached(create(command, *trusted)) as server:
        assert await served_as(server.session, PUBLIC) == server.url


@pytest.mark.long
@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"X-Forwarded-Proto": "http, https"}, "https://{host}"),  # the nearest proxy wrote the last one
        ({"X-Forwarded-Host": "evil.example, fake.example.com:8443"}, "http://fake.example.com:8443"),
        ({"X-Forwarded-Host": "[2001:db8::1]:8443"}, "http://[2001:db8::1]:8443"),
        ({"X-Forwarded-Proto": "gopher", "X-Forwarded-Host": ""}, "http://{host}"),
        ({"X-Forwarded-Host": "fake.example.com/path"}, "http://{host}"),
        ({"X-Forwarded-Host": "user@fake.example.com"}, "http://{host}"),
        ({"X-Forwarded-Host": "<script>.example.com"}, "http://{host}"),
        ({"X-Forwarded-Host": "a'b%0d%0a.example.com"}, "http://{host}"),
        ({"X-Forwarded-Host": "fake.example.com:99999"}, "http://{host}"),
        ({"Forwarded": "proto=https;host=fake.example.com"}, "http://{host}"),
    ],
    ids=str,
)
async def test_what_a_proxy_says_is_checked(headers: dict[str, str], address: str) -> None:
    """What is unusable changes nothing."""
    async with reached(create("console-sim", "127.0.0.1")) as server:
        assert await served_as(server.session, headers) == address.format(host=server.host)


async def test_a_request_line_with_an_address_keeps_it() -> None:
    """No proxy sends one to a server behind it."""
    async with serving(create("mock-servicenow", "127.0.0.1")) as url, ClientSession() as session:
        asked = session.get(
            "http://absolute.localhost/api/now/table/problem?sysparm_limit=1",
            headers={**ADMIN, "X-Forwarded-Host": "fake.example.com:8443"},
            proxy=url,
        )
        async with asked as answer:
            assert (answer.status, answer.headers["Link"].partition("/api")[0]) == (200, "<http://absolute.localhost")


async def test_a_unix_socket_is_no_proxy(tmp_path: Path) -> None:
    """It has no address that could be trusted."""
    runner = web.AppRunner(create("console-sim", "0.0.0.0/0", "::/0"))
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "socket")).start()
    connector = UnixConnector(str(tmp_path / "socket"))
    async with ClientSession("http://localhost", connector=connector) as session:
        assert await served_as(session, PUBLIC) == "http://localhost"
    await runner.cleanup()


@both
async def test_cookies_are_secure(command: str) -> None:
    """Where the browser's side is https."""
    async with reached(create(command, "127.0.0.1")) as server:
        for headers, secure in ((PUBLIC, True), ({"X-Forwarded-Proto": "http"}, False)):
            async with server.session.get(LOG_IN[command], headers=headers) as answer:
                assert (answer.status, "; Secure" in answer.headers["Set-Cookie"]) == (200, secure)
            server.session.cookie_jar.clear()


@both
@pytest.mark.parametrize("path", ["/__admin/health", "/__cockpit"])
async def test_the_control_plane_demands_its_token(command: str, path: str) -> None:
    """Through a trusted proxy, too, whatever it says about the caller."""
    local = {"X-Forwarded-Host": "localhost", "X-Forwarded-For": "127.0.0.1"}
    async with reached(create(command, "127.0.0.1")) as server:
        for headers, status in (({}, 403), (local, 403), ({**local, **TOKEN}, 200)):
            async with server.session.get(path, headers=headers) as answer:
                assert (headers, answer.status) == (headers, status)


async def test_registered_addresses_are_public() -> None:
    """A console registers the address under which its proxy was asked."""
    login = {"servicenow_user": "admin", "servicenow_password": "admin"}
    async with reached(create("mock-servicenow")) as instance, reached(create("console-sim", "127.0.0.1")) as console:
        body = {"servicenow_url": instance.url, **login}
        async with console.session.post("/__admin/setup", json=body, headers={**PUBLIC, **TOKEN}) as answer:
            assert answer.status == 200
        table = "/api/now/table/x_thyti_thycotic_p_integration_configuration"
        async with instance.session.get(table, headers=ADMIN) as answer:
            [row] = (await answer.json())["result"]
    registered = json.loads(row["instance_metadata"])
    assert registered["Token Url"].startswith("https://fake.example.com/Tms/")
    assert registered["Endpoint Url"].startswith("https://fake.example.com/Tms/")


@pytest.mark.parametrize(
    ("host", "url", "status"),
    [
        ("{own}", "", 200),
        ("rebound.example", "", 403),
        ("rebound.example", "https://fake.example.com", 403),
        ("fake.example.com", "https://fake.example.com", 200),
    ],
)
async def test_a_page_cannot_pass_for_a_proxy(host: str, url: str, status: int) -> None:
    """A page whose name was pointed at this machine (DNS rebinding) can write X-Forwarded-Host, but not Host."""
    async with reached(create("mock-servicenow", "127.0.0.1", url=url)) as server:
        headers = {"Sec-Fetch-Site": "same-origin", "X-Forwarded-Host": "localhost", **ADMIN}
        headers["Host"] = host.format(own=server.host)
        async with server.session.get("/api/now/table/problem", headers=headers) as answer:
            assert answer.status == status


@pytest.mark.parametrize(("origin", "refused"), [("https://fake.example.com", False), ("https://evil.example", True)])
@pytest.mark.parametrize(
    ("command", "page", "target"),
    [(command, "/__cockpit", "/__cockpit/unlock") for command in LOG_IN] + [("console-sim", "/login", "/login")],
)
async def test_forms_are_compared_with_the_public_address(
    command: str, page: str, target: str, origin: str, *, refused: bool
) -> None:
    """As the Origin of the browser's page is, which the proxy does not change."""
    async with reached(create(command, "127.0.0.1")) as server:
        async with server.session.get(page, headers=PUBLIC) as answer:
            fields = dict(re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', await answer.text()))
            cookie = answer.headers.get("Set-Cookie", "").partition(";")[0]  # it is Secure: the jar keeps it back
        headers = {**PUBLIC, "Cookie": cookie, "Origin": origin}
        async with server.session.post(target, headers=headers, data=fields) as answer:
            assert ("This form has expired" in await answer.text()) == refused


@both
async def test_trusted_proxies_require_a_token(command: str) -> None:
    """Behind a proxy on this machine every caller seems to be on this machine."""
    code, out, err = await run(command, "serve", "--port", "0", "--trusted-proxies", "127.0.0.1", environment={})
    variable = {"mock-servicenow": "MOCK_SERVICENOW_ADMIN_TOKEN", "console-sim": "CONSOLE_SIM_ADMIN_TOKEN"}[command]
    assert (code, out) == (2, "")
    assert err == f"{command}: --trusted-proxies requires a token in {variable}, or --no-admin\n"


@both
@pytest.mark.parametrize("text", ["proxy", "10.0.0.1/8", "127.0.0.1,", ""])
async def test_unusable_proxies_are_one_line(command: str, text: str) -> None:
    """Which shows the address and an example."""
    code, out, err = await run(command, "serve", "--no-admin", "--trusted-proxies", text, environment={})
    assert (code, out, err.count("\n")) == (2, "", 1)
    wrong = text.rpartition(",")[2]
    assert f"invalid proxy {wrong!r}: expected an address such as 127.0.0.1, or a network such as 10.0.0.0/8" in err
