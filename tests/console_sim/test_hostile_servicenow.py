"""Whatever ServiceNow answers, the console goes on: no traceback, no dead retry, none of its secrets on a page."""

import asyncio
import gzip
import json
from base64 import b64encode
from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientSession, DummyCookieJar, web
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from console_sim.app import create_app
from console_sim.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

from .conftest import REGISTRATIONS, Condition, ConsoleUnderTest, StubServiceNow, answering

MORE_PAGES = (
    "/admin/configuration/credentials/edit?name=ServiceNow%20user",
    "/__cockpit/sequence?find=api",
    *(f"/__cockpit/exchanges/console/{number}" for number in range(1, 8)),
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["result", "error", "message", "detail", "sys_id", "status", "instance_metadata"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
STATUSES = st.sampled_from([200, 201, 202, 204, 302, 400, 401, 403, 404, 429, 500, 503])
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Location", "Content-Type", "Date"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
    | st.sampled_from(
        [
            "Mon, 05 Jan 99999999999999999999 09:00:30 GMT",
            "Mon, 05 Jan 0000 09:00:30 GMT",
            "Mon, 05 Jan 2026 99:99:99 +9999999999",
            "-1",
            "1e999",
            "9" * 5_000,
            "nan",
        ]
    ),
    max_size=3,
)


@cache
def pages() -> list[str]:
    """Return the address of every page and every list that a console has."""
    app = create_app(Settings(), clock=VirtualClock(), ids=Ids(1))
    routes = [route for route in app.router.routes() if route.method == "GET" and route.resource is not None]
    addresses = [route.resource.canonical for route in routes if route.resource is not None]
    return [address for address in addresses if "{" not in address] + list(MORE_PAGES)


async def every_page(console: ConsoleUnderTest) -> str:
    """Return the text of every page and every list, each of which must be answered."""
    texts = []
    for path in pages():
        async with console.session.get(f"{console.url}{path}") as answer:
            if answer.content_type == "text/event-stream":  # it ends with the server
                continue
            texts.append(await answer.text())
            assert answer.status < 500, (path, texts[-1])
    return "".join(texts)


async def live_through(stub: StubServiceNow, status: int, body: bytes, headers: dict[str, str]) -> None:
    """Set up and ask while ServiceNow answers that to every call; then everything that may succeed later does."""

    async def condition(_stub: StubServiceNow, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers={"Content-Type": "application/json", **headers})

    lost: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: lost.append(context))
    clock = VirtualClock()
    app = create_app(Settings(), clock=clock, ids=Ids(1))
    async with serving(app) as url, ClientSession(cookie_jar=DummyCookieJar()) as session:
        console = ConsoleUnderTest(url, clock, session, stub)
        stub.conditions.extend([condition] * 3)
        await console.set_up()
        stub.conditions.clear()
        await console.advance(2 * 86_400)
        await console.set_up()
        stub.conditions.extend([condition] * 2)
        request = await console.ask()
        await console.admin("POST", f"/approval-requests/{request['request_id']}/decide", {"response": "Deny"})
        await every_page(console)
        stub.conditions.clear()
        await console.advance(2 * 86_400)
        await console.admin("POST", "/foreign-system", {})
        assert (await console.request(request["request_id"]))["recorded"]
        assert len(stub.rows(REGISTRATIONS)) == 1
        await clock.aclose()
    assert lost == []


@pytest.mark.long
@pytest.mark.once
@given(
    status=STATUSES, body=JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=30), headers=HEADERS
)
@example(429, b"", {"Retry-After": "Mon, 05 Jan 99999999999999999999 09:00:30 GMT"})
@example(503, b"", {"Retry-After": "Mon, 05 Jan 0001 00:00:00 +2359"})
@example(201, b'{"result":{"sys_id":"../incident/1"}}', {})
@example(200, b"[" * 100_000, {})
@example(200, b'{"result":' + b'[{"a":' * 900 + b"1" + b"}]" * 900 + b"}", {})
@example(302, b"", {"Location": "\udcff\udce9"})
@example(400, b'{"error":{"message":["a",{"b":1}],"detail":0}}', {})
@hypothesis(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_answer_is_survived(status: int, body: bytes, headers: dict[str, str]) -> None:
    """Any status, body and headers: every page answers, nothing is logged, and later attempts succeed."""

    async def play() -> None:
        stub = StubServiceNow()
        server = TestServer(stub.app())
        await server.start_server()
        stub.url = f"http://{server.host}:{server.port}"
        await live_through(stub, status, body, headers)
        await server.close()

    asyncio.run(play())


@pytest.mark.long
@pytest.mark.parametrize("password", ["Pä$$:word", "Correct-Horse-1", "ümlaut und Leerzeichen"])
async def test_credentials_are_on_no_page(servicenow: StubServiceNow, fresh: ConsoleUnderTest, password: str) -> None:
    """A ServiceNow that repeats the credentials it was sent does not bring them to any page, in no encoding."""
    servicenow.password = password
    account = f"{servicenow.user}:{password}".encode()

    async def echo(_stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
        words = f"{dict(request.headers)} {password} {quote(password)} {await request.text()}"
        return web.json_response({"error": {"message": words, "detail": words}}, status=400)

    servicenow.conditions.extend([echo] * 3)
    await fresh.set_up()
    servicenow.conditions.clear()
    await fresh.set_up()
    servicenow.conditions.extend([echo] * 3)
    await fresh.ask()
    shown = await every_page(fresh)
    assert "Host" in shown
    for secret in (password, quote(password), b64encode(account).decode(), servicenow.metadata()["Password"]):
        assert secret not in shown


async def endless(_stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
    """Answer without end."""
    answer = web.StreamResponse(status=201, headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    with suppress(ConnectionResetError):
        while True:
            await answer.write(b" " * 1024 * 1024)
    return answer


async def bomb(_stub: StubServiceNow, _request: web.Request) -> web.StreamResponse:
    """Answer 100 kB that unpack to 100 MB."""
    packed = gzip.compress(b" " * 100_000_000, 1)
    return web.Response(
        status=201, body=packed, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}
    )


@pytest.mark.long
@pytest.mark.parametrize("condition", [endless, bomb])
async def test_endless_answer_is_a_failed_attempt(console: ConsoleUnderTest, condition: Condition) -> None:
    """Of an answer without end the console reads a bounded part, and asks again later."""
    console.servicenow.conditions.append(condition)
    asked = await console.ask()
    assert asked["last_error"].startswith("POST http://")
    await console.advance(60)
    assert (await console.request(asked["request_id"]))["sent"]


LONG_PASSWORD = "Kept-Secret!0123456789abcdefghijKLMNOP"
SHOWN_BY_CONSOLE = (
    "/__admin/requests",
    "/__admin/findings",
    "/__admin/foreign-systems",
    "/admin/tasks",
    "/__cockpit/deliveries",
    "/admin/configuration/foreign-systems",
)


async def quote_everywhere(console: ConsoleUnderTest, text: str) -> str:
    """Let ServiceNow say the text in an error and the app in a decision; return all that the console shows then."""
    refusal = answering(400, json.dumps({"error": {"message": text, "detail": text}}))
    console.servicenow.conditions.extend([refusal] * 3)
    report = json.dumps(await console.set_up())
    console.servicenow.conditions.clear()
    request = await console.ask()
    token = await console.log_on()
    for wrong in ({"RequestId": text}, {"InstanceId": text}, {"Response": text}, {text: "x"}):
        decision = console.decision(request["request_id"]) | wrong
        assert (await console.deliver(decision, token))[0] < 500
    texts = [report]
    for path in SHOWN_BY_CONSOLE:
        async with console.session.get(f"{console.url}{path}") as answer:
            texts.append(await answer.text())
    return "".join(texts)


@pytest.mark.long
@pytest.mark.once
@given(paddings=st.lists(st.integers(0, 250) | st.integers(900, 1_000), min_size=5, max_size=10))
@example([162, 170, 190, 50, 49, 965, 990])
@hypothesis(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_cut_shows_the_beginning_of_a_password(paddings: list[int]) -> None:
    """Wherever the password stands in a text that is too long to be shown, no output has a beginning of it."""

    async def play() -> None:
        stub = StubServiceNow(password=LONG_PASSWORD)
        app = create_app(Settings(), clock=VirtualClock(), ids=Ids(1))
        async with serving(stub.app()) as stub.url, serving(app) as url, ClientSession() as session:
            console = ConsoleUnderTest(url, VirtualClock(), session, stub)
            await console.set_up()
            for padding in paddings:
                shown = await quote_everywhere(console, "A" * padding + LONG_PASSWORD)
                assert LONG_PASSWORD[:6] not in shown, padding

    asyncio.run(play())
