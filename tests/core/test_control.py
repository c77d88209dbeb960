import asyncio
import json
from base64 import b64decode, b64encode
from datetime import timedelta
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, UnixConnector, web
from yarl import URL

from privman_core.findings import Finding
from privman_core.journal import Journal
from privman_core.virtual_clock import START

from .conftest import TOKEN, Party, judge


async def test_health(party: Party) -> None:
    """The health call answers 200 when the party serves."""
    assert await party.call("GET", "/__admin/health") == (200, {"status": "ok", "version": version("mock-servicenow")})


async def test_journal_shows_exchanges_in_order(party: Party) -> None:
    """The journal lists each exchange with request and answer, and not the control plane's own."""
    await party.call("POST", "/one?a=1", data="first")
    await party.call("GET", "/two")
    _, body = await party.call("GET", "/__admin/requests")
    assert [(entry["number"], entry["method"], entry["url"], entry["status"]) for entry in body["requests"]] == [
        (1, "POST", "/one?a=1", 200),
        (2, "GET", "/two", 200),
    ]
    assert body["requests"][0]["request"]["body"] == body["requests"][0]["response"]["body"] == "first"
    assert body["requests"][0]["at"] == START.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


async def test_journal_is_emptied(party: Party) -> None:
    """After a DELETE the journal is empty and counts from 1 again."""
    await party.call("GET", "/one")
    assert (await party.call("DELETE", "/__admin/requests"))[0] == 204
    await party.call("GET", "/two")
    _, body = await party.call("GET", "/__admin/requests")
    assert [(entry["number"], entry["url"]) for entry in body["requests"]] == [(1, "/two")]


async def test_journal_is_bounded_by_count(party: Party) -> None:
    """Past its bound of five the journal drops the oldest exchanges and says how many."""
    for number in range(8):
        await party.call("GET", f"/{number}")
    _, body = await party.call("GET", "/__admin/requests")
    assert [entry["url"] for entry in body["requests"]] == ["/3", "/4", "/5", "/6", "/7"]
    assert body["evicted"] == 3


@pytest.mark.parametrize(
    "large",
    [
        {"data": "x" * 9_000},
        {"data": b"\xff" * 9_000},
        {"params": {"a": "x" * 6_000, "b": "y" * 1_800, "wrong": "z" * 300}},
        {"headers": {f"X-{number}": "x" * 200 for number in range(100)}},
    ],
    ids=["body", "bytes", "address", "headers"],
)
async def test_journal_is_bounded_by_size(party: Party, large: dict[str, Any]) -> None:
    """Bodies, addresses and headers beyond the bound of 40,000 bytes push the older exchanges out."""
    for number in range(5):
        await party.call("POST", f"/{number}", **large)
    _, body = await party.call("GET", "/__admin/requests")
    assert body["requests"][-1]["url"].startswith("/4")
    assert len(body["requests"]) + body["evicted"] == 5
    assert body["evicted"] >= 1
    assert sum(exchange.size for exchange in party.journal.kept()) <= 40_000


def test_journal_counts_findings_and_errors(party: Party) -> None:
    """What is found in an exchange is kept with it, so it counts; what has left the journal counts no more."""
    journal = Journal(party.clock, party.secrets, judge, kept_bytes=20_000)
    gone = journal.begin("in", "GET", "/", {}, b"")
    journal.clear()
    journal.finish(gone, 200, {}, b"x" * 30_000)
    for number in range(10):
        exchange = journal.begin("in", "POST", "/", {}, b"")
        exchange.findings += [Finding("swallowed", "rule", "x" * 1_000)] * 3
        (journal.finish(exchange, 200, {}, b"") if number % 2 else journal.fail(exchange, "x" * 500))
    assert 2 <= len(journal.kept()) <= 5
    assert sum(exchange.size for exchange in journal.kept()) <= 20_000


async def test_journal_is_read_in_pages(roomy_party: Party) -> None:
    """A page has as many exchanges as are asked for, and says where the next one begins."""
    for number in range(1, 8):
        await roomy_party.call("POST", f"/{number}", data="wrong")
    numbers, following = [], 0
    while following is not None:
        _, page = await roomy_party.call("GET", f"/__admin/requests?after={following}&limit=3")
        numbers.append([exchange["number"] for exchange in page["requests"]])
        following = page["next"]
    assert numbers == [[1, 2, 3], [4, 5, 6], [7]]
    _, page = await roomy_party.call("GET", "/__admin/findings?after=4&limit=2")
    assert ([finding["exchange"] for finding in page["findings"]], page["next"]) == ([5, 6], 6)
    _, page = await roomy_party.call("GET", "/__admin/requests?last=2")
    assert ([exchange["number"] for exchange in page["requests"]], "next" in page) == ([6, 7], False)
    _, page = await roomy_party.call("GET", "/__admin/requests?after=7&limit=1")
    assert (page["requests"], page["next"]) == ([], None)


async def test_findings_of_background_work_belong_to_no_exchange(party: Party) -> None:
    """What is noted outside of any exchange is printed once, first, with exchange 0, and is bounded."""
    await party.call("POST", "/1", data="wrong")
    for number in range(1_001):
        for _turn in range(2):
            party.journal.note(Finding("swallowed", "rule", f"row {number} cannot be used"))
    _, page = await party.call("GET", "/__admin/findings")
    assert [finding["exchange"] for finding in page["findings"]] == [0] * 1_000 + [1]
    _, page = await party.call("GET", "/__admin/findings?after=1&limit=5")
    assert page["findings"] == []
    party.journal.clear()
    assert party.journal.notes() == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=-1", "limit=1e3", "last=0", "after=٣", f"after={'9' * 5_000}"]
)
@pytest.mark.parametrize("path", ["requests", "findings"])
async def test_journal_wants_whole_numbers(party: Party, path: str, query: str) -> None:
    """A range that is none is refused with its value."""
    status, body = await party.call("GET", f"/__admin/{path}?{query}")
    name = query.partition("=")[0]
    assert (status, body["error"].startswith(f"'{name}' is '")) == (400, True)
    assert len(body["error"]) < 200


@pytest.mark.long
async def test_a_long_journal_is_streamed_while_others_are_served(roomy_party: Party) -> None:
    """Whoever asks meanwhile is answered before all of a long journal has been read."""
    party = roomy_party
    for number in range(9):
        await party.call("POST", f"/{number}", data=b"x" * 1_000_000)
    order: list[str] = []

    async def call(name: str, path: str) -> Any:
        body = (await party.call("GET", path))[1]
        order.append(name)
        return body

    whole, _ = await asyncio.gather(call("journal", "/__admin/requests"), call("other", "/__admin/health"))
    assert order == ["other", "journal"]
    assert [len(exchange["request"]["body"]) for exchange in whole["requests"]] == [1_000_000] * 9
    pages, following = 0, 0
    while following is not None:
        _, page = await party.call("GET", f"/__admin/requests?limit=100&after={following}")
        pages, following = pages + 1, page["next"]
    assert pages == 3  # a page has little more than four megabytes


async def test_journal_says_what_is_no_text(party: Party) -> None:
    """A body that is no UTF-8 is told by its size."""
    await party.call("POST", "/", data=b"\xff\xfe")
    _, body = await party.call("GET", "/__admin/requests")
    assert body["requests"][0]["request"]["body"] == "(2 bytes that are not UTF-8)"


async def test_journal_keeps_the_beginning_of_a_large_body(party: Party) -> None:
    """Of a body over a mebibyte the journal tells the size; it is not judged by its beginning."""
    party.journal = Journal(party.clock, party.secrets, judge)
    large = party.journal.begin("out", "POST", "http://far/", {}, b"wrong" * 300_000)
    party.journal.finish(large, 200, {}, b"")
    (exchange,) = party.journal.kept()
    text = party.journal.to_json(exchange)["request"]
    assert text == {"headers": [], "body": "(1500000 bytes, of which the first 1048576 are kept)"}
    assert party.journal.findings() == []


async def test_journal_keeps_what_had_no_answer(party: Party) -> None:
    """A request whose handler broke stands in the journal with the reason."""
    assert (await party.call("POST", "/", data="bug"))[0] == 500
    _, body = await party.call("GET", "/__admin/requests")
    assert body["requests"][0]["status"] == 0
    assert body["requests"][0]["error"] == "no answer was sent: RuntimeError"


async def test_findings_name_their_exchange(party: Party) -> None:
    """A broken contract is listed once, with the number of its exchange."""
    await party.call("POST", "/", data="right")
    await party.call("POST", "/", data="wrong")
    wanted = {
        "exchange": 2,
        "kind": "violation",
        "rule": "wrong-body",
        "message": "body is 'wrong'; expected anything else",
        "where": "$",
    }
    for _ in range(2):
        assert await party.call("GET", "/__admin/findings") == (200, {"findings": [wanted]})


async def test_clock_jumps(party: Party) -> None:
    """Advancing answers the new time; reading it changes nothing."""
    nothing_waits = {"now": "2026-01-05T09:00:00+00:00", "next": None}
    assert (await party.call("GET", "/__admin/clock"))[1] == nothing_waits
    answer = await party.call("POST", "/__admin/clock/advance", json={"seconds": 90})
    assert answer == (200, {"now": "2026-01-05T09:01:30+00:00"})
    assert (await party.call("GET", "/__admin/clock"))[1] == nothing_waits | {"now": "2026-01-05T09:01:30+00:00"}


async def test_what_falls_due_next_is_told(party: Party, real_party: Party) -> None:
    """The time of the next deadline, for who keeps two virtual clocks together; where time is real nobody does."""

    async def job() -> None:
        """Do nothing."""

    party.clock.call_at(START + timedelta(seconds=20), job).cancel()
    party.clock.call_at(START + timedelta(seconds=50), job)
    assert (await party.call("GET", "/__admin/clock"))[1]["next"] == "2026-01-05T09:00:50+00:00"
    await party.clock.advance(50)
    assert (await party.call("GET", "/__admin/clock"))[1]["next"] is None
    assert (await real_party.call("GET", "/__admin/clock"))[1]["next"] is None


async def test_real_clock_does_not_jump(real_party: Party) -> None:
    """Advancing a real clock is refused, and the answer says how to get a virtual one."""
    status, body = await real_party.call("POST", "/__admin/clock/advance", json={"seconds": 5})
    assert (status, body["error"]) == (400, "the clock cannot jump by 5 s: it is real (start with --clock virtual)")


@pytest.mark.parametrize("seconds", [-1, "5", True, None, 10**12])
async def test_clock_wants_seconds(party: Party, seconds: object) -> None:
    """Anything but a sensible number of seconds is refused with its value."""
    status, body = await party.call("POST", "/__admin/clock/advance", json={"seconds": seconds})
    assert status == 400
    assert body["error"] == f"'seconds' is {seconds!r}; expected a number from 0 to 316224000"


@pytest.mark.parametrize(("data", "wanted"), [("{", "the body is not JSON"), ("[]", "the body is list; expected")])
async def test_control_wants_json_objects(party: Party, data: str, wanted: str) -> None:
    """A body that is no JSON object is refused in one line."""
    status, body = await party.call("POST", "/__admin/clock/advance", data=data)
    assert status == 400
    assert body["error"].startswith(wanted)


async def test_reset(party: Party) -> None:
    """Reset calls what the party does to go back to its start."""
    assert (await party.call("POST", "/__admin/reset"))[0] == 204
    assert party.resets == 1


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


@pytest.mark.parametrize("path", ["/x?y=1", "//x?y=1", "///x"])
async def test_the_journal_shows_the_path_that_was_sent(party: Party, path: str) -> None:
    """With as many slashes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(party.url).port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
    writer.close()
    _, journal = await party.call("GET", "/__admin/requests")
    assert [each["url"] for each in journal["requests"]] == [path]


async def test_a_client_that_leaves_within_a_short_body_is_in_the_journal(party: Party) -> None:
    """Like one that leaves within a long one."""
    _, writer = await asyncio.open_connection("127.0.0.1", URL(party.url).port)
    writer.write(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    async with asyncio.timeout(20):
        while not (await party.call("GET", "/__admin/requests"))[1]["requests"]:
            await asyncio.sleep(0)
        writer.close()
        while not (found := (await party.call("GET", "/__admin/requests"))[1]["requests"][0])["error"]:
            await asyncio.sleep(0)
    assert (found["method"], found["url"], found["status"]) == ("POST", "/x", 0)


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
    *(("GET", f"/__cockpit{path}") for path in ("", "/exchanges/1", "/sequence", "/faults", "/clock")),
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
    """A browser that says so need not send the page's origin; a link to the control plane works."""
    headers = {"Sec-Fetch-Site": site}
    for method, path in (("POST", "reset"), ("POST", "clock/advance"), ("DELETE", "requests")):
        status, _ = await party.call(method, f"/__admin/{path}", headers=headers, json={"seconds": 5})
        assert status == 403
    assert (party.resets, party.clock.now()) == (0, START)
    assert (await party.call("GET", "/__admin/health", headers=headers))[0] == 200


async def test_the_token_is_masked_wherever_it_was_sent(guarded_party: Party) -> None:
    """In a URL, a header of another name or a body, as any secret that a server knows; after a reset, too."""
    for _ in range(2):
        await guarded_party.call("POST", f"/x?a={TOKEN}", headers={"X-Other": TOKEN}, json={"said": f"it is {TOKEN}"})
        journal = [guarded_party.journal.to_json(each) for each in guarded_party.journal.kept()]
        assert journal
        assert TOKEN not in str(journal)
        assert (await guarded_party.call("POST", "/__admin/reset", headers={"X-Admin-Token": TOKEN}))[0] == 204


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_foreign_requests_with_the_token_are_answered(guarded_party: Party, headers: dict[str, str]) -> None:
    """The token opens the control plane whatever else a request says."""
    for path in ("/__admin/health", "/__cockpit"):
        assert (await guarded_party.call("GET", path, headers=headers | {"X-Admin-Token": TOKEN}))[0] == 200


@pytest.mark.parametrize("header", [b"X-Admin-Token: \xff", b"Cookie: cockpit=\xff", b"X-Admin-Token: \xed\xa0\x80"])
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
    "headers", [{}, {"X-Admin-Token": ""}, {"X-Admin-Token": "guess"}, {"Cookie": "cockpit=guess"}]
)
async def test_a_token_is_demanded_from_everybody(guarded_party: Party, headers: dict[str, str]) -> None:
    """Where there is a token this machine needs it too: whoever reaches it through a tunnel seems to be on it."""
    for method, path in CONTROL_PLANE:
        status, _ = await guarded_party.call(method, path, headers=headers, json={"seconds": 5, "kind": "reset"})
        assert (method, path, status) == (method, path, 403)
    assert (await guarded_party.call("POST", "/__admin/reset", headers={"X-Admin-Token": TOKEN}))[0] == 204
    assert guarded_party.resets == 1


async def test_no_token_opens_nothing_where_there_is_none(party: Party) -> None:
    """An empty token is none."""
    headers = {"Origin": "https://elsewhere.example", "X-Admin-Token": ""}
    assert (await party.call("GET", "/__admin/health", headers=headers))[0] == 403


async def test_bodies_that_are_not_read(party: Party) -> None:
    """A body that is too long, or not packed as it says, is refused; the journal keeps its length and the refusal."""
    assert (await party.call("POST", "/long", data=BytesIO(b" " * (1024 * 1024 + 1))))[0] == 413
    assert (await party.call("POST", "/odd", data=b"garbage", headers={"Content-Encoding": "gzip"}))[0] == 400
    _, body = await party.call("GET", "/__admin/requests")
    kept = [(entry["url"], entry["request"]["body"]) for entry in body["requests"]]
    assert kept == [
        ("/long", "(1048577 bytes, of which the first 0 are kept)"),
        ("/odd", "(7 bytes, of which the first 0 are kept)"),
    ]
    assert [(entry["status"], entry["error"]) for entry in body["requests"]] == [(413, ""), (400, "")]


@pytest.mark.long
async def test_live_secrets_are_never_forgotten(party: Party) -> None:
    """However many secrets come after one that is in use, it stays masked; of the others the last thousand do."""
    for number in range(3_001):
        party.secrets.add(f"secret-{number:04}")
        if number:
            party.secrets.retire(f"secret-{number:04}")
    party.secrets.retire("never-added")
    party.secrets.add("secret-0000")
    await party.call("POST", "/", data="secret-0000 secret-0001 secret-3000")
    _, body = await party.call("GET", "/__admin/requests")
    assert body["requests"][0]["request"]["body"] == "*** secret-0001 ***"
    party.secrets.retire_all()
    assert party.secrets.mask("secret-0000 secret-3000") == "*** ***"


async def test_secrets_are_masked(party: Party) -> None:
    """No credential reaches the journal: headers, cookies, JSON, JSON in a string, forms, queries, XML, known texts."""
    inner = json.dumps({"Username": "id", "Password": 'in\\ner"pass'})
    bodies: list[Any] = [
        json.dumps({"Password": "plain-pass", "note": "kept"}),
        json.dumps({"instance_metadata": inner}),
        json.dumps({"body": json.dumps({"x": inner})}),
        "grant_type=password&password=form-pass&user=kept",
        "<request><user_password>xml-pass</user_password></request>",
    ]
    party.secrets.add("known-token")
    party.secrets.add("")
    for body in bodies:
        await party.call(
            "POST",
            "/?access_token=query-pass&kept=1",
            data=body,
            headers={"Authorization": "Basic b64-pass", "Cookie": "session=jar-pass", "X-Note": "known-token kept"},
        )
    _, journal = await party.call("GET", "/__admin/requests")
    text = json.dumps(journal)
    for secret in (
        "plain-pass",
        "ner",
        "form-pass",
        "xml-pass",
        "query-pass",
        "b64-pass",
        "jar-pass",
        "hidden",
        "known-t",
    ):
        assert secret not in text.replace("inner", "")
    headers = dict(journal["requests"][0]["request"]["headers"])
    assert (headers["Authorization"], headers["Cookie"], headers["X-Note"]) == ("Basic ***", "***", "*** kept")
    assert journal["requests"][1]["request"]["body"] == json.dumps(
        {"instance_metadata": json.dumps({"Username": "id", "Password": "***"})}
    )
    assert journal["requests"][3]["request"]["body"] == "grant_type=password&password=***&user=kept"


async def test_secrets_of_calls_within_a_call_are_masked(party: Party) -> None:
    """A batch holds calls of its own: their credentials and the secrets in their bodies do not reach the journal."""
    inner = b64encode(b'{"user_password":"inner-pass","kept":"1"}').decode()
    plain, odd = b64encode(b'{"kept":"1"}').decode(), "abcde"
    headers = [{"name": "Authorization", "value": "Basic b64-pass"}, {"name": "Accept", "value": "*/*"}]
    items = [{"headers": headers, "body": body} for body in (inner, plain, odd)]
    await party.call("POST", "/", data=json.dumps({"rest_requests": items}))
    _, journal = await party.call("GET", "/__admin/requests")
    calls = json.loads(journal["requests"][0]["request"]["body"])["rest_requests"]
    assert [call["headers"] for call in calls] == [[{"name": "Authorization", "value": "***"}, headers[1]]] * 3
    assert b64decode(calls[0]["body"]) == b'{"user_password":"***","kept":"1"}'
    assert [call["body"] for call in calls[1:]] == [plain, odd]


async def test_secrets_in_an_encoded_query_are_masked(party: Party) -> None:
    """What a query asks of a password is masked, and the rest of the query is readable."""
    await party.call("GET", "/?sysparm_query=name=a^user_password=query-pass^active=true")
    await party.call("GET", "/?sysparm_query=user_password%3Dquery-pass%5Eactive%3Dtrue")
    _, journal = await party.call("GET", "/__admin/requests")
    assert "query-pass" not in json.dumps(journal)
    assert all("active" in entry["url"] for entry in journal["requests"])
