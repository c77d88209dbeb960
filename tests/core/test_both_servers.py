"""What privman_core promises, at both servers' front doors."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from io import BytesIO
from itertools import product

import pytest
from aiohttp import ClientError, ClientSession, TCPConnector, encode_basic_auth
from yarl import URL

from privman_scenarios.playing.target import Target
from privman_scenarios.playing.world_builder import fresh_console, fresh_servicenow

SERVERS: dict[str, Callable[[], AbstractAsyncContextManager[Target]]] = {
    "mock-servicenow": fresh_servicenow,
    "console-sim": fresh_console,
}


@pytest.fixture(params=SERVERS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Serve one of them and return its address."""
    async with SERVERS[request.param]() as remote:
        yield remote.url


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"X-Forwarded-For": "127.0.0.1"}], ids=str
)
@pytest.mark.parametrize("path", ["/__admin/health", "/__admin/requests", "/__cockpit", "/__cockpit/exchanges/echo/1"])
async def test_foreign_requests_get_403(server: str, path: str, headers: dict[str, str]) -> None:
    """Neither a name that somebody points at this machine nor a proxy on it opens what is for testers."""
    async with ClientSession() as session, session.get(f"{server}{path}", headers=headers) as answer:
        assert answer.status == 403


@pytest.mark.long
@pytest.mark.parametrize("path", ["/__admin/health", "/__cockpit"])
async def test_a_proxy_that_speaks_http_1_0_gets_403(server: str, path: str) -> None:
    """As nginx does, with no header that shows it, and with a loopback Host, unless it is configured otherwise."""
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(server).port)
    writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{URL(server).port}\r\nConnection: close\r\n\r\n".encode())
    assert (await reader.read()).split()[1] == b"403"
    writer.close()


@pytest.mark.parametrize("name", ["Content-Type", "Host", "User-Agent"])
@pytest.mark.parametrize("path", ["/__admin/health", "/", "/api/now/table/incident"])
async def test_a_header_that_must_be_alone_is(server: str, path: str, name: str) -> None:
    """Two of them could mean one thing to a proxy and another to the server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(server).port)
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", f"{name}: localhost", f"{name}: elsewhere"]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    assert (await reader.read()).split()[1] == b"400"
    writer.close()


ODD_NUMBERS = [
    "1e300",
    "1e999",
    "NaN",
    "Infinity",
    "-1",
    "-1e300",
    "0.5",
    "9" * 25,
    "9" * 400,
    "9" * 5_000,
    "1" + "0" * 18,
    "true",
    "null",
    '"5"',
    "[]",
    "{}",
    '"\\ud800"',
]


KEYS = ("seconds", "after", "skip", "times", "status", "body", "headers", "method", "path", "kind", "nonsense")


@pytest.mark.long
@pytest.mark.parametrize("kind", ["status", "slow", "truncated", "malformed"])
async def test_odd_options_get_400_or_hold(server: str, kind: str) -> None:
    """Whatever a fault is armed with is refused at once, or strikes without an error of the server."""
    async with ClientSession() as session:
        for key, number in product(KEYS, ODD_NUMBERS):
            seconds = '"seconds":0,' if kind == "slow" else ""
            data = f'{{"kind":"{kind}",{seconds}"{key}":{number}}}'.encode()
            armed = await session.post(f"{server}/__admin/faults", data=data)
            assert (key, number, armed.status in (201, 400)) == (key, number, True)
            assert len(await armed.text()) < 600
            if armed.status == 201:
                await _listed_and_struck(session, server, strike=key != "seconds")


async def _listed_and_struck(session: ClientSession, server: str, *, strike: bool) -> None:
    for path in ("/__admin/faults", "/__cockpit/faults"):
        assert (await session.get(f"{server}{path}")).status == 200
    if strike:
        with suppress(ClientError):
            assert (await session.get(f"{server}/x")).status != 500
    await session.delete(f"{server}/__admin/faults")


async def test_odd_headers_of_a_fault_get_400(server: str) -> None:
    """A fault answers with headers that HTTP can carry."""
    async with ClientSession() as session:
        for headers in ({"a b": "x"}, {"a:": "x"}, {"a\r\nb": "x"}, {"": "x"}, {"a": "x\r\ny"}, {"a": 5}):
            answer = await session.post(f"{server}/__admin/faults", json={"kind": "status", "headers": headers})
            assert (headers, answer.status) == (headers, 400)


async def test_odd_jumps_get_400(server: str) -> None:
    """Time jumps by a number of seconds that it can hold, and by nothing else."""
    async with ClientSession() as session:
        for number in (*ODD_NUMBERS, "316224001"):
            answer = await session.post(f"{server}/__admin/clock/advance", data=f'{{"seconds":{number}}}')
            assert (number, answer.status) == (number, 200 if number == "0.5" else 400)


@pytest.mark.long
async def test_time_ends_before_the_calendar_does(server: str) -> None:
    """A jump past the last year that the clock knows is refused, however time has come near it."""
    async with ClientSession() as session:
        status, error = 200, ""
        while status == 200:
            answer = await session.post(f"{server}/__admin/clock/advance", json={"seconds": 316_224_000})
            status, error = answer.status, (await answer.json()).get("error", "")
        assert (status, error.startswith("the clock ends on 9000-01-01; it is 89")) == (400, True)
        for body in ({"kind": "slow", "after": 316_224_000}, {"kind": "slow", "seconds": 316_224_000}):
            assert (await session.post(f"{server}/__admin/faults", json=body)).status == 201
        assert (await session.get(f"{server}/__admin/clock")).status == 200


ODD_TEXTS = ["9" * 5_000, "-1", "1e300", "٣", "x", "", "%00", "%ff", "a" * 9_000, "%F0%9F%98%80", "<script>", "..%2f"]


ODD_PATHS = [
    *(
        "/__cockpit?before=",
        "/__cockpit?find=",
        "/__cockpit?before-console=",
        "/__cockpit?page=",
        "/__cockpit/sequence?find=",
    ),
    *("/__cockpit/exchanges/console/", "/__cockpit/faults?", "/__cockpit/clock?", "/__cockpit/static/"),
    *("/__cockpit/approvals?page=", "/__cockpit/deliveries?page="),
    *("/__admin/requests?after=", "/__admin/findings?limit=", "/__admin/requests?last=", "/__admin/"),
]


@pytest.mark.long
async def test_odd_addresses_are_no_errors_of_the_server(server: str) -> None:
    """What a page or a list is asked for is shown, is not there, or is refused."""
    async with ClientSession() as session:
        for path, text in product(ODD_PATHS, ODD_TEXTS):
            answer = await session.get(URL(f"{server}{path}{text}", encoded=True))
            assert (path, text, answer.status in (200, 400, 404)) == (path, text, True)


FORMS = {
    "an unknown charset": ("application/x-www-form-urlencoded; charset=klingon", b"cockpit_token=x"),
    "half a pair of surrogates": ("application/x-www-form-urlencoded; charset=utf-7", b"cockpit_token=+2AA-"),
    "escapes": ("application/x-www-form-urlencoded; charset=unicode_escape", b"cockpit_token=\\ud800"),
    "a charset with a blank": ("application/x-www-form-urlencoded; charset=", b"cockpit_token=x"),
    "a field that names a charset": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\nnope\r\n--x--\r\n',
    ),
    "an unknown encoding": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: z\r\n\r\nb\r\n--x--\r\n',
    ),
    "no boundary": ("multipart/form-data", b"x"),
    "no type": ("/", b"cockpit_token=x"),
    "many fields": ("application/x-www-form-urlencoded", b"a&" * 100_000),
    "JSON": ("application/json", b"[" * 100_000),
}


FORM_PATHS = [
    *(f"/__cockpit/{path}" for path in ("clock", "faults", "faults/disarm", "unlock", "journal/clear")),
    *(f"/__admin/{path}" for path in ("faults", "clock/advance")),
]


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS)
async def test_odd_bodies_are_refused(server: str, form: str) -> None:
    """A body that cannot be read is one that does nothing."""
    content_type, body = FORMS[form]
    async with ClientSession(connector=TCPConnector(force_close=True)) as session:
        for path, encoding in product(FORM_PATHS, ["", "gzip", "deflate", "br", "klingon"]):
            headers = {"Content-Type": content_type} | ({"Content-Encoding": encoding} if encoding else {})
            answer = await session.post(f"{server}{path}", data=BytesIO(body), headers=headers)
            assert (path, encoding, answer.status in (400, 403, 413, 415)) == (path, encoding, True)


# What is read before the other keys.
REQUIRED = {"/__admin/faults": {"kind": "slow"}}


async def test_no_call_of_the_control_plane_ignores_a_key(server: str) -> None:
    """Each POST in the index refuses a key that it does not have, and shows it."""
    async with ClientSession() as session:
        async with session.get(f"{server}/__admin") as answer:
            calls = [call for call in (await answer.json())["calls"] if call["method"] == "POST"]
        for call in calls:
            url = f"{server}{call['path'].replace('{number}', '1').replace('{', '').replace('}', '')}"
            async with session.post(url, json={"nosuch": 1, **REQUIRED.get(call["path"], {})}) as answer:
                assert (call["path"], answer.status) == (call["path"], 400)
                assert "'nosuch'" in (await answer.json())["error"]
        async with session.post(f"{server}/__admin/reset", json={}) as answer:
            assert answer.status == 204


LOGIN = {"Authorization": encode_basic_auth("admin", "admin")}
REQUESTS = [
    *(("GET", path) for path in ("/no/such/page", "/api/now/nosuch", "/Tms/services/nosuch", "/tms/services/api/v1")),
    *(("TRACE", path) for path in ("/login.do", "/api/now/table/incident", "/tms/services/api/v1")),
    ("GET", "/api/now/table/sys_user?sysparm_limit=2&sysparm_fields=name"),
    ("HEAD", "/api/now/table/sys_user?sysparm_limit=2"),
    ("GET", "/api/now/table/sys_user?sysparm_query=name=nobody"),
    ("GET", "/api/now/table/sys_user/6816f79cc0a8016401c5a33be04be441?sysparm_fields=name"),
    ("POST", "/api/now/table/incident?sysparm_fields=state"),
    ("DELETE", "/api/now/table/{new}"),
]
# The answer to their request is the true one: it is late, or the second one.
UNSEEN = {"slow", "duplicated"}


@pytest.mark.long
async def test_the_journal_names_a_fault_exactly_where_it_changes_the_answer(server: str) -> None:
    """Whatever the answer is, also where no route answers; what a fault spares does not count as struck."""
    async with ClientSession(server, headers=LOGIN, connector=TCPConnector(force_close=True)) as session:
        index = await (await session.get("/__admin")).json()
        for (method, path), each in product(REQUESTS, index["fault_kinds"]):
            true, _ = await _asked(session, method, path)
            fault = {"kind": each["kind"], "method": method, "times": None}
            await session.post("/__admin/faults", json=fault | ({"seconds": 0} if each["kind"] == "slow" else {}))
            seen, named = await _asked(session, method, path)
            armed = (await (await session.get("/__admin/faults")).json())["faults"]
            await session.delete("/__admin/faults")
            changes = each["kind"] in UNSEEN or seen != true
            case = (method, path, each["kind"], seen)
            assert (case, named) == (case, each["kind"] if changes else "")
            assert (case, [one["struck"] > 0 for one in armed]) == (case, [changes])


async def _asked(session: ClientSession, method: str, path: str) -> tuple[tuple[int, str, bytes] | None, str]:
    """Return what the client gets, None for a dropped connection, and the fault that the journal names."""
    new = "incident/"
    if "{new}" in path:
        created = await session.post("/api/now/table/incident", json={})
        new += (await created.json())["result"]["sys_id"] if created.status == 201 else "none"
    try:
        async with session.request(method, path.replace("{new}", new)) as answer:
            seen = answer.status, answer.content_type, await answer.read()
    except ClientError:
        seen = None
    journal = (await (await session.get("/__admin/requests?last=1")).json())["requests"]
    return seen, journal[0]["fault"]
