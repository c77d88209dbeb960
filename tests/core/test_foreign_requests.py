"""Whom the control plane answers: programs of this machine, and those that know its token."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector, web
from yarl import URL

from privman_core.virtual_clock import START

from .conftest import TOKEN, Party


async def test_pages_of_other_sites_are_refused(party: Party) -> None:
    """A browser's request on behalf of another site is refused although it comes from this machine."""
    status, body = await party.call("POST", "/__admin/reset", headers={"Origin": "https://elsewhere.example"})
    assert status == 403
    assert "X-Admin-Token" in body["error"]
    assert party.resets == 0


@pytest.mark.parametrize("own_first", [True, False])
async def test_every_origin_must_be_the_own_one(party: Party, *, own_first: bool) -> None:
    """A foreign one beside it is refused, whichever comes first."""
    origins = [("Origin", party.url), ("Origin", "https://elsewhere.example")]
    headers = origins if own_first else origins[::-1]
    assert (await party.call("POST", "/__admin/reset", headers=headers))[0] == 403
    assert party.resets == 0


FOREIGN = [
    {"Host": "evil.example"},
    {"Host": "127.0.0.1.evil.example:8080"},
    {"Host": "localhost.evil.example"},
    {"Host": "10.0.0.1"},
    {"Host": "[::"},
    {"Host": ""},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:1"},
    {"Forwarded": "for=192.0.2.1"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-Host": "localhost"},
    {"x-forwarded-proto": "https"},
    {"X-Real-IP": "192.0.2.1"},
    {"Via": "1.1 proxy"},
    {"CF-Connecting-IP": "192.0.2.1"},
    {"CDN-Loop": "cloudflare"},
    {"Fastly-Client-IP": "192.0.2.1"},
    {"Fly-Client-IP": "192.0.2.1"},
    {"X-Azure-ClientIP": "192.0.2.1"},
    {"X-Azure-SocketIP": "192.0.2.1"},
    {"X-Original-Host": "evil.example"},
    {"X-Envoy-External-Address": "192.0.2.1"},
    {"X-AppEngine-User-IP": "192.0.2.1"},
    {"X-Remote-Addr": "192.0.2.1"},
    *({name: "192.0.2.1"} for name in ("X_Forwarded_For", "X-ProxyUser-Ip", "X-Host", "X-Scheme", "X-Tunnel-Host")),
    *(
        {name: "1-6922"}
        for name in ("X-Varnish", "Ngrok-Trace-Id", "X-Amzn-Trace-Id", "Proxy-Connection", "X-Nobody-Knows")
    ),
    {"User-Agent": "ServiceNow/1.0"},
    {"User-Agent": "PrivilegeManager/11.1.0"},
]
CONTROL_PLANE = [
    *(("GET", f"/__admin/{path}") for path in ("health", "requests", "findings", "clock", "faults", "nowhere")),
    *(("DELETE", f"/__admin/{path}") for path in ("requests", "faults")),
    *(("POST", f"/__admin/{path}") for path in ("clock/advance", "faults", "reset")),
    *(("GET", f"/__cockpit{path}") for path in ("", "/exchanges/servicenow/1", "/sequence", "/faults", "/clock")),
    *(("POST", f"/__cockpit{path}") for path in ("/journal/clear", "/faults", "/faults/disarm", "/clock")),
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_foreign_requests_get_403(party: Party, headers: dict[str, str]) -> None:
    """Under a foreign name, from a foreign page, through a proxy or by a party nothing is shown or done."""
    await party.call("POST", "/secret-path", data="wrong")
    for method, path in CONTROL_PLANE:
        status, body = await party.call(method, path, headers=headers, json={"seconds": 5, "kind": "reset"})
        assert (method, path, status) == (method, path, 403)
        assert "secret-path" not in str(body)
    assert (party.resets, len(party.faults.armed), party.clock.now()) == (0, 0, START)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_foreign_page_changes_nothing(party: Party, site: str) -> None:
    """A browser that says so need not send the page's origin."""
    headers = {"Sec-Fetch-Site": site}
    for method, path in (("POST", "reset"), ("POST", "clock/advance"), ("DELETE", "requests")):
        status, _ = await party.call(method, f"/__admin/{path}", headers=headers, json={"seconds": 5})
        assert status == 403
    assert (party.resets, party.clock.now()) == (0, START)


DEAR = [
    *(
        "/__cockpit?find=x",
        "/__cockpit/compare",
        "/__cockpit/selection/exchanges.har",
        "/__cockpit/selection/saved.yaml",
        "/__cockpit/selection?find=x",
    ),
    *("/__cockpit/events", "/__admin/requests", "/__admin/findings", "/__admin/cockpit/exchanges?find=x"),
]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_foreign_page_makes_nobody_work(party: Party, site: str) -> None:
    """Pictures, frames and scripts of other sites get nothing; a link leads to pages, but to no large search."""
    for mode, kind in (("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": kind}
        assert {(await party.call("GET", path, headers=headers))[0] for path in DEAR} == {403}
    link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for path in ("/__cockpit?find=x", "/__admin/health"):
        assert (await party.call("GET", path, headers=link))[0] == 200
    assert {(await party.call("GET", path, headers=link))[0] for path in DEAR[2:6]} == {403}
    _, html = await party.call("GET", "/__cockpit/selection?find=x", headers=link)
    assert '<a href="/__cockpit/selection?find=x">Open the page again</a>' in html


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_foreign_requests_with_the_token_are_answered(guarded_party: Party, headers: dict[str, str]) -> None:
    """The token opens the control plane whatever else a request says."""
    for path in ("/__admin/health", "/__cockpit"):
        assert (await guarded_party.call("GET", path, headers=headers | {"X-Admin-Token": TOKEN}))[0] == 200


@pytest.mark.parametrize(
    "header", [b"X-Admin-Token: \xff", b"Cookie: cockpit-echo=\xff", b"X-Admin-Token: \xed\xa0\x80"]
)
async def test_bytes_that_are_no_text_are_no_token(guarded_party: Party, header: bytes) -> None:
    """They are refused like any other wrong token."""
    host, port = guarded_party.url.removeprefix("http://").split(":")
    for path in (b"/__admin/health", b"/__cockpit"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET %b HTTP/1.0\r\nHost: localhost\r\n%b\r\n\r\n" % (path, header))
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        assert b" 403 " in line


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.2:1", "[::1]:80", "mock.localhost"]
)
async def test_names_of_this_machine_are_its_own(party: Party, host: str) -> None:
    """Every name that no other machine can have opens the control plane."""
    for path in ("/__admin/health", "/__cockpit"):
        assert (await party.call("GET", path, headers={"Host": host}))[0] == 200
    assert (await party.call("GET", "/__admin/health", headers={"Host": host, "Origin": f"http://{host}"}))[0] == 200


@pytest.mark.parametrize(
    ("line", "host", "status"),
    [
        ("http://localhost", "evil.example", 403),
        ("http://evil.example", "localhost", 403),
        ("http://[::1]:1", "localhost", 200),
    ],
)
@pytest.mark.parametrize("path", ["/__admin/health", "/__cockpit"])
async def test_both_addresses_of_a_request_are_this_machines(
    party: Party, line: str, host: str, status: int, path: str
) -> None:
    """A client of a proxy writes one into the request line, and a proxy may pass it on as it is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(party.url.rpartition(":")[2]))
    writer.write(f"GET {line}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert int((await reader.read()).split()[1]) == status
    writer.close()
    await writer.wait_closed()


CLIENTS = {
    "a browser": "Accept-Language Cache-Control DNT If-None-Match Pragma Priority Referer Upgrade-Insecure-Requests",
    "Chromium": "Sec-CH-UA Sec-CH-UA-Mobile Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-User Sec-GPC Sec-Purpose",
    "a script of a page": "X-Requested-With",
    "Java": "HTTP2-Settings Upgrade",
    "Postman": "Postman-Token",
    "a traced test": "Traceparent Tracestate Baggage B3 Sentry-Trace X-Request-Id",
    "a session of the Table API": "Authorization X-UserToken X-sn-apikey X-no-response-body",
}


@pytest.mark.parametrize("names", CLIENTS.values(), ids=CLIENTS)
async def test_headers_of_clients_are_no_proxys(party: Party, names: str) -> None:
    """Without a token the control plane takes the headers that browsers, libraries and tools send by themselves."""
    for path in ("/__admin/health", "/__cockpit"):
        assert (await party.call("GET", path, headers=dict.fromkeys(names.split(), "h2c")))[0] == 200


async def test_a_refusal_names_the_header(party: Party) -> None:
    """A session may have a header of its own, which its owner would not think of."""
    status, body = await party.call("GET", "/__admin/health", headers={"X-Tenant": "ours"})
    assert (status, body["error"].rpartition("; ")[2]) == (403, "the header 'X-Tenant' may be a proxy's")


async def test_a_socket_of_this_machine_opens_the_control_plane(party: Party, tmp_path: Path) -> None:
    """Only this machine reaches a Unix socket."""
    runner = web.AppRunner(party.app())
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "socket")).start()
    async with (
        ClientSession(connector=UnixConnector(str(tmp_path / "socket"))) as session,
        session.get("http://localhost/__admin/health") as answer,
    ):
        assert answer.status == 200
    await runner.cleanup()


@pytest.mark.parametrize(
    "headers", [{}, {"X-Admin-Token": ""}, {"X-Admin-Token": "guess"}, {"Cookie": "cockpit-echo-{port}=guess"}]
)
async def test_a_token_is_demanded_from_everybody(guarded_party: Party, headers: dict[str, str]) -> None:
    """Where there is a token this machine needs it too: whoever reaches it through a tunnel seems to be on it."""
    headers = {name: text.format(port=URL(guarded_party.url).port) for name, text in headers.items()}
    for method, path in CONTROL_PLANE:
        status, _ = await guarded_party.call(method, path, headers=headers, json={"seconds": 5, "kind": "reset"})
        assert (method, path, status) == (method, path, 403)
    assert (await guarded_party.call("POST", "/__admin/reset", headers={"X-Admin-Token": TOKEN}))[0] == 204
    assert guarded_party.resets == 1


async def test_no_token_opens_nothing_where_there_is_none(party: Party) -> None:
    """An empty token is none."""
    headers = {"Origin": "https://elsewhere.example", "X-Admin-Token": ""}
    assert (await party.call("GET", "/__admin/health", headers=headers))[0] == 403
