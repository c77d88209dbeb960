"""What no client should send: a clear refusal on every route, never a 500."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar, TCPConnector
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from console_sim.app import create_app
from console_sim.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

from .conftest import APPROVE, METADATA, TOKEN, ConsoleUnderTest, StubServiceNow

VERSION = "/Tms/services/api/v1/version/Current"
_V1, _POLICY = "/Tms/services/api/v1", "44290cc3-9c86-4995-aa33-79b8ee74daf7"
ITEMS = (
    *(("GET", f"{_V1}/{kind}/GetAll") for kind in ("policies", "filters", "actions")),
    *(("POST", f"{_V1}/policies/{path}") for path in ("new", f"{_POLICY}/add-filters", f"{_POLICY}/remove-actions")),
    ("POST", f"{_V1}/reports/85fedb4c-5110-4291-8de9-907294ab10bb"),
    ("POST", f"{_V1}/tasks/38775f9e-9995-49de-8732-4994d0d2332a"),
)
FORM = "application/x-www-form-urlencoded"
DEEP = b'{"metadata":' + b"[" * 1_000 + b"]" * 1_000 + b"}"


def routes() -> list[tuple[str, str]]:
    """Return method and address of every route of a console, placeholders filled in."""
    app = create_app(Settings(), clock=VirtualClock(), ids=Ids(1))
    found = {("POST", TOKEN), ("DELETE", TOKEN), ("POST", APPROVE), ("GET", VERSION), *ITEMS}
    for route in app.router.routes():
        address = "" if route.resource is None else route.resource.canonical
        if route.method in {"GET", "POST", "DELETE"}:
            found.add(
                (route.method, address.replace("{number}", "1").replace("{request_id}", "x").replace("{name}", "x"))
            )
    return sorted(found)


ROUTES = routes()
POSTED = [address for method, address in ROUTES if method == "POST" and address != "/__admin/restart"]
SHOWN = [address for method, address in ROUTES if method == "GET"]
CALLED = [address for address in POSTED if address.startswith(("/__admin", "/Tms"))]


@pytest.fixture
async def ready(servicenow: StubServiceNow) -> AsyncIterator[ConsoleUnderTest]:
    """A console as the command serves it, set up, with a request, and a browser that keeps cookies."""
    clock = VirtualClock()
    async with (
        serving(create_app(Settings(), clock=clock, ids=Ids(1))) as url,
        ClientSession(connector=TCPConnector(force_close=True), cookie_jar=CookieJar(unsafe=True)) as session,
    ):
        console = ConsoleUnderTest(url, clock, session, servicenow)
        await console.set_up()
        await console.ask()
        yield console
        await clock.aclose()


async def status(console: ConsoleUnderTest, method: str, path: str, body: bytes | None, **headers: str) -> int:
    """Return the status of the answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else BytesIO(body)
    async with console.session.request(method, console.url + path, data=data, headers=named) as answer:
        if answer.content_type != "text/event-stream":  # which never ends
            await answer.read()
        return answer.status


MULTIPART = 'multipart/form-data; boundary="x"'
PART = '--x\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "utf-7": (b"a=%2B2AA-&version=%2B2AA-", {"Content_Type": f"{FORM}; charset=utf-7"}),
    "unknown charset": (b"a=b", {"Content_Type": f"{FORM}; charset=nope"}),
    "charset that is no text": (b"a=b", {"Content_Type": f"{FORM}; charset=hex"}),
    "_charset_": (
        (PART.format("_charset_", "", "nope") + PART.format("a", "", "b") + "--x--").encode(),
        {"Content_Type": MULTIPART},
    ),
    "unknown transfer encoding": (
        (PART.format("a", "\r\nContent-Transfer-Encoding: nope", "b") + "--x--").encode(),
        {"Content_Type": MULTIPART},
    ),
    "broken transfer encoding": (
        (PART.format("a", "\r\nContent-Transfer-Encoding: base64", "!") + "--x--").encode(),
        {"Content_Type": MULTIPART},
    ),
    "encoded part": (
        (PART.format("a", "\r\nContent-Encoding: gzip", "b") + "--x--").encode(),
        {"Content_Type": MULTIPART},
    ),
    "no boundary": (b"--x", {"Content_Type": "multipart/form-data"}),
    "no end": (PART.format("a", "", "b").encode(), {"Content_Type": MULTIPART}),
    "long part header": (b"--x\r\n" + b"A: b\r\n" * 10_000, {"Content_Type": MULTIPART}),
    "gzip that is none": (b"a=b", {"Content_Type": FORM, "Content_Encoding": "gzip"}),
    "deflate that is none": (b"a=b", {"Content_Type": "application/json", "Content_Encoding": "deflate"}),
    "brotli that is none": (b"a=b", {"Content_Type": "application/json", "Content_Encoding": "br"}),
    "unknown encoding": (b"{}", {"Content_Type": "application/json", "Content_Encoding": "nope"}),
    "bomb": (gzip.compress(b" " * 50_000_000, 1), {"Content_Type": "application/json", "Content_Encoding": "gzip"}),
    "too long": (b"a=" + b"x" * 5_000_000, {"Content_Type": FORM}),
    "deep JSON": (DEEP, {"Content_Type": "application/json"}),
    "deeper JSON": (b"[" * 100_000, {"Content_Type": "application/json"}),
    "no UTF-8": (b'{"a": "\xff"}', {"Content_Type": "application/json"}),
    "surrogate": (b'{"metadata": {"PolicyName": "\\ud800"}}', {"Content_Type": "application/json"}),
    "huge number": (b'{"seconds": 1e999, "expires_in": ' + b"9" * 5_000 + b"}", {"Content_Type": "application/json"}),
    "content type": (b"{}", {"Content_Type": "application/json; charset=\xff; =;;"}),
    "no content type": (b"{}", {"Content_Type": ""}),
    "nothing": (b"", {}),
}


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("kind", BODIES)
async def test_no_body_gets_a_500(ready: ConsoleUnderTest, kind: str) -> None:
    """Whatever is posted to whichever address, the answer says what is wrong with it."""
    body, headers = BODIES[kind]
    answers = {address: await status(ready, "POST", address, body, **headers) for address in POSTED}
    assert {address: answer for address, answer in answers.items() if answer >= 500} == {}
    for address in SHOWN:
        assert await status(ready, "GET", address, None) < 500, address


VALUES = {
    "utf-7 surrogate": ("%2B2AA-", "utf-7"),
    "null": ("%00", "utf-8"),
    "line ends": ("a%0D%0Ab%0Ac", "utf-8"),
    "right to left": ("%E2%80%AE", "utf-8"),
    "beyond the plane": ("%F0%9F%9B%A0", "utf-8"),
    "digits": ("9" * 5_000, "utf-8"),
    "date": ("99999999999-99-99", "utf-8"),
    "address": ("http://[::1", "utf-8"),
    "path": ("../../x", "utf-8"),
    "template": ("{{7*7}}", "utf-8"),
    "text": ("x" * 100_000, "utf-8"),
    "duration": ("9999:59:59", "utf-8"),
}


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("kind", VALUES)
async def test_no_field_of_a_form_gets_a_500(ready: ConsoleUnderTest, kind: str) -> None:
    """A form with its token and any text in any field is taken or refused."""
    text, charset = VALUES[kind]
    token = await _token(ready)
    await ready.admin("DELETE", "/tokens")
    answers = {}
    for address in POSTED:
        body = _form(token, text)
        answers[address] = await status(ready, "POST", address, body, Content_Type=f"{FORM}; charset={charset}")
    assert {address: answer for address, answer in answers.items() if answer >= 500} == {}
    for address in SHOWN:
        assert await status(ready, "GET", address, None) < 500


async def _token(console: ConsoleUnderTest) -> str:
    async with console.session.get(f"{console.url}/endpoint") as answer:
        return (await answer.text()).split('name="__RequestVerificationToken" value="')[1].split('"')[0]


FIELDS = (
    *("name", "account_name", "password", "base_url", "credential", "use_webhook", "api_credential", "post_uri"),
    *("user_type", "role", "state", "request_id", "response", "comment", "duration", "version", "key", "seconds"),
    *("kind", "method", "path", "skip", "times", "after", "body", "number", "admin_token", "status", "headers"),
    *METADATA,
    "UserReason",
)


def _form(token: str, text: str) -> bytes:
    fields = "&".join(f"{field}={text}" for field in FIELDS)
    return f"__RequestVerificationToken={token}&{fields}".encode()


QUERIES = {
    "digits": "9" * 5_000,
    "negative": "-1",
    "other digits": "%D9%A3",
    "superscript": "%C2%B2",
    "no UTF-8": "%FF%FE",
    "null": "%00",
    "empty": "",
}


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("kind", QUERIES)
async def test_no_parameter_gets_a_500(ready: ConsoleUnderTest, kind: str) -> None:
    """Any text in any parameter of any page is taken or refused."""
    names = ("page", "name", "done", "about", "find", "only", "before", "number")
    query = "&".join(f"{name}={QUERIES[kind]}" for name in names)
    for method, address in ROUTES:
        if method != "DELETE":
            assert await status(ready, method, f"{address}?{query}", None) < 500, address


@pytest.mark.long
@pytest.mark.parametrize(
    "line",
    [
        b"GET /Tms/\xff\xfe",
        b"GET /\xff",
        b"GET /__admin/\xff",
        b"GET /__admin/approval-requests/%FF%00",
        b"GET /__cockpit/exchanges/console/9999999999999",
        b"GET /__cockpit/static/..%2f..%2fx",
        b"GET /ui/..%2f..%2fx",
        b"GET //",
        b"GET /?%",
        b"PROPFIND /Tms/services/api/logon/token",
        b"TRACE /manage-approvals",
        b"GET http://[::1/Tms",
        b"GET /Tms/services/swagger/docs/v1",
    ],
)
@pytest.mark.parametrize("host", [b"localhost", b"\xff", b"[::1", b"a:b", b""])
async def test_no_address_gets_a_500(ready: ConsoleUnderTest, line: bytes, host: bytes) -> None:
    """A request line or a Host that no client should send is answered, as the case may be with 400."""
    host_name, port = ready.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host_name, int(port))
    writer.write(line + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.")
    assert int(answer.split()[1]) < 500


HEADERS = {
    "Authorization": ["Bearer \xff", "Bearer", "Basic !", "Bearer " + "x" * 4_000],
    "Cookie": ["PrivilegeManagerSession=\xff", "a" * 4_000, "=;=;", "cockpit=\xff"],
    "X-Admin-Token": ["\xff", ""],
    "Origin": ["null", "\xff"],
    "Accept": ["\xff"],
    "Content-Length": ["0"],
}


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in HEADERS.items() for value in values])
async def test_no_header_gets_a_500(ready: ConsoleUnderTest, name: str, value: str) -> None:
    """Any text in any header is taken or refused."""
    for method, address in ROUTES:
        if method != "DELETE":
            assert await status(ready, method, address, None, **{name: value}) < 500, address


KEYS = st.sampled_from(
    (
        *("metadata", "response", "comment", "duration", "api_enabled", "role", "state", "expires_in", "seconds"),
        *("update_credential", "name", "base_url", "use_webhook", "post_uri", "servicenow_url", "servicenow_user"),
        *("servicenow_password", "UserName", "Password", "RequestId", "InstanceId", "Response", "Comment", "Duration"),
        *("Name", "Value", "OS", "Filters", "Actions", "Id", "FilterRole", "parameterValues"),
        *("RespondedBy", "kind", "path", "method", "status", "times", "skip", "after", "body", "headers"),
    )
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=6),
    max_leaves=10,
)
PLAUSIBLE = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.dictionaries(st.sampled_from(["PolicyName", "PolicyId", "X"]), JSON, max_size=2),
        "response": st.sampled_from(["Approve", "Deny"]),
        "duration": st.sampled_from(["9999:59:59", "00:00:00"]),
        "expires_in": st.integers() | st.floats(),
        "state": st.sampled_from(["Active", "LockedOut"]),
        "seconds": st.sampled_from([0, 1, 315_360_000]),
        "kind": st.sampled_from(["status", "delay", "reset", "answer-lost"]),
        "after": JSON,
        "times": JSON,
    },
)


@pytest.mark.long
@given(body=JSON | PLAUSIBLE)
@example(body={"metadata": json.loads(b"[" * 900 + b"]" * 900)})
@example(body={"seconds": 315_360_000})
@hypothesis(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_json_is_answered(body: Any) -> None:
    """JSON of any shape as the body of every call of the API and of the control plane is taken or refused."""

    async def play() -> None:
        clock, stub = VirtualClock(), StubServiceNow()
        server = TestServer(stub.app())
        await server.start_server()
        stub.url = f"http://{server.host}:{server.port}"
        async with serving(create_app(Settings(), clock=clock, ids=Ids(1))) as url, ClientSession() as session:
            console = ConsoleUnderTest(url, clock, session, stub)
            await console.set_up()
            asked = await console.ask()
            headers = {"Authorization": f"Bearer {await console.log_on()}"}
            for address in CALLED:
                path = address.replace("/x/", f"/{asked['request_id']}/")
                assert (await console.call("POST", path, body, headers=headers))[0] < 500, path
            for path in ("requests", "findings", "approval-requests", "faults", "clock"):
                assert (await console.call("GET", f"/__admin/{path}"))[0] == 200
            await clock.aclose()
        await server.close()

    asyncio.run(play())


LONG = "x" * 100_000


@pytest.mark.long
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("setup", {"servicenow_url": LONG, "servicenow_user": "a", "servicenow_password": "b"}),
        ("api-user", {"user": LONG}),
        ("api-user/reset-secret", {"user": LONG}),
        ("approval-process", {"process": LONG}),
        ("approval-processes", {"name": "Ours", "server": LONG}),
        ("approval-type", {"approval_type": LONG}),
        ("approval-types", {"name": "Ours", "process": LONG}),
        ("credential", {"credential": LONG, "password": "b"}),
        ("foreign-system", {"foreign_system": LONG}),
        ("foreign-system", {"credential": LONG}),
        ("policies", {"name": "Ours", "approval_type": LONG}),
        ("policies", {"name": LONG}),
        ("policy", {"policy": LONG}),
        ("tokens", {"user": LONG}),
        ("webhook", {"webhook": LONG}),
        ("webhooks", {"name": "Ours", "endpoint_url": "http://x.example", "credential": LONG}),
        ("webhooks", {"name": "Ours", "endpoint_url": LONG}),
    ],
)
async def test_an_error_shows_the_beginning_of_a_long_value(
    ready: ConsoleUnderTest, path: str, body: dict[str, object]
) -> None:
    """Not all of it: errors are logged and shown."""
    status_, answer = await ready.call("POST", f"/__admin/{path}", body)
    assert status_ in {400, 404}
    assert len(answer["error"]) < 1_000
