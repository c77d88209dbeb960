"""Whatever ServiceNow does to a call, it is survived and told plainly."""

import asyncio
import json

import pytest
from aiohttp import ClientSession, DummyCookieJar, web
from aiohttp.test_utils import TestServer

from console_sim.app import create_app
from console_sim.settings import Settings
from privman_core.clock import RealClock
from privman_core.ids import Ids

from .conftest import (
    BUSY,
    HIBERNATING,
    METADATA,
    REQUESTS,
    Condition,
    ConsoleUnderTest,
    StubServiceNow,
    answering,
    detail,
    hanging,
    reset,
)

RATE_LIMIT = json.dumps(
    {
        "error": {
            "message": "Rate limit exceeded",
            "detail": "Rate limit of 100 requests per hour for Table API exceeded",
        },
        "status": "failure",
    }
)
CANCELLED = json.dumps(
    {
        "result": [],
        "error": {"message": "Transaction cancelled: maximum execution time exceeded", "detail": None},
        "status": "failure",
    }
)
FORBIDDEN = json.dumps({"error": {"message": "Operation Failed", "detail": "ACL Exception"}, "status": "failure"})


async def after(console: ConsoleUnderTest, condition: Condition) -> str:
    """Ask while ServiceNow is in that condition and return the error."""
    console.servicenow.conditions.append(condition)
    request = await console.ask()
    assert request["sent"] is False
    return str(request["last_error"])


@pytest.mark.long
@pytest.mark.parametrize(
    ("condition", "told"),
    [
        (HIBERNATING, "200 with an HTML page: the instance is hibernating and must be woken up"),
        (
            answering(200, "<html>Log in</html>", "text/html"),
            "200 with an HTML page, perhaps of a login or a proxy; expected JSON",
        ),
        (
            answering(200, "This instance is hibernating", "text/html"),
            "200 with an HTML page: the instance is hibernating and must be woken up",
        ),
        (answering(201, " <html>"), "201 with an HTML page, perhaps of a login or a proxy; expected JSON"),
        (
            answering(302, Location="/login.do"),
            "302: redirected to '/login.do', a login page or a hibernating instance; expected JSON",
        ),
        (answering(202), "202 without a record: ServiceNow dropped the request, its session queue is full"),
        (answering(201, '{"result":'), "201 with a body that is not JSON: "),
        (answering(201), "201 with a body that is not JSON: "),
        (answering(201, "[]"), "201 with JSON that is not an object; expected 'result'"),
        (answering(201, "{}"), "201 without 'result'; expected a record"),
        (answering(201, '{"result":{}}'), "the answer's record has no sys_id"),
        (answering(201, '{"result":[]}'), "the answer has no record"),
        (
            answering(201, '{"result":{"sys_id":"../incident/1"}}'),
            "the answer's record has sys_id '../incident/1'; expected 32 hexadecimal digits",
        ),
        (
            answering(200, CANCELLED),
            "200 with an error in its body: Transaction cancelled: maximum execution time exceeded",
        ),
        (answering(300), "300: redirected to 'nowhere', a login page or a hibernating instance; expected JSON"),
        (answering(500, '{"error":{}}'), "500 with an empty error"),
        (answering(502, "<html>Bad Gateway</html>", "text/html"), "502 without an error in JSON"),
        (answering(503, "[]"), "503 without an error envelope"),
        (answering(408), "408 without an error in JSON"),
        (answering(429, RATE_LIMIT), "rate limit: 429 Rate limit exceeded: Rate limit of 100 requests per hour"),
        (reset, "POST http://"),
    ],
)
async def test_passing_failure(console: ConsoleUnderTest, condition: Condition, told: str) -> None:
    """A failure that may pass is told in plain words and tried again after a minute."""
    error = await after(console, condition)
    assert error.startswith(told)
    await console.advance(60)
    (request,) = (await console.admin("GET", "/approval-requests"))["approval_requests"]
    assert (request["sent"], request["last_error"], request["attempts"]) == (True, "", 2)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("x" * 1_000, "x" * 1_000),
        ("x" * 1_001, "x" * 1_000 + "…"),
        ([[[["x"]]]], "[[[[...]]]]"),
        ([[["x"]]], "[[['x']]]"),
    ],
)
async def test_messages_are_told_as_far_as_anybody_reads(console: ConsoleUnderTest, message: object, told: str) -> None:
    """Of a long message the beginning is told, of a deep one the outside."""
    assert await after(console, answering(500, json.dumps({"error": {"message": message}}))) == f"500 {told}"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 415])
async def test_refusal_is_final(console: ConsoleUnderTest, status: int) -> None:
    """What ServiceNow refuses is not sent again until the foreign system is saved again."""
    assert await after(console, answering(status, FORBIDDEN)) == f"{status} Operation Failed: ACL Exception"
    calls = len(console.servicenow.calls)
    await console.advance(1_199)  # its time-out comes next
    assert len(console.servicenow.calls) == calls
    await console.admin("POST", "/foreign-system", {})
    (request,) = (await console.admin("GET", "/approval-requests"))["approval_requests"]
    assert (request["sent"], request["last_error"]) == (True, "")


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (429, "7", 7),
        (503, "7", 7),
        (429, "0", 1),
        (429, "Mon, 05 Jan 2026 09:00:30 GMT", 30),
        (429, "Mon, 05 Jan 2026 08:00:00 GMT", 1),
        (429, "soon", 60),
        (429, "Mon, 05 Jan 2026 09:00:30", 60),
    ],
)
async def test_retry_after(console: ConsoleUnderTest, status: int, retry_after: str, seconds: int) -> None:
    """Retry-After is honoured, in seconds or as a date, but never hurries a console into a loop."""
    await after(console, answering(status, Retry_After=retry_after))
    calls = len(console.servicenow.calls)
    await console.advance(seconds - 0.5)
    assert len(console.servicenow.calls) == calls
    await console.advance(0.5)
    assert len(console.servicenow.calls) == calls + 1


async def test_retry_after_is_at_most_a_day(fresh: ConsoleUnderTest) -> None:
    """A Retry-After beyond a day, or beyond any calendar, means a day."""
    fresh.servicenow.conditions.append(answering(429, Retry_After="9" * 40))
    assert detail(await fresh.set_up(), "register").endswith("; next attempt 24 h later")
    await fresh.advance(86_400)
    assert (await fresh.admin("GET", "/foreign-system"))["instance_id"]


async def test_silence_times_out(console: ConsoleUnderTest) -> None:
    """A call without an answer is given up after thirty seconds and tried again."""
    console.servicenow.conditions.append(hanging)
    console.servicenow.asked.clear()
    asking = asyncio.create_task(console.ask())
    await console.servicenow.asked.wait()
    await console.advance(29)
    assert not asking.done()
    await console.advance(1)
    request = await asking
    assert request["last_error"].endswith("no answer within 30 s")
    await console.advance(60)
    assert (await console.request(request["request_id"]))["sent"]


async def test_restart_leaves_a_running_attempt_alone(console: ConsoleUnderTest) -> None:
    """A restart while a call is under way makes no second one."""
    console.servicenow.conditions.append(hanging)
    console.servicenow.asked.clear()
    asking = asyncio.create_task(console.ask())
    await console.servicenow.asked.wait()
    calls = len(console.servicenow.calls)
    await console.admin("POST", "/restart")
    assert len(console.servicenow.calls) == calls
    await console.advance(30)
    assert not (await asking)["sent"]


async def test_reset_ends_a_running_attempt(console: ConsoleUnderTest) -> None:
    """An attempt that was under way during a reset is not tried again, and disturbs nothing that follows."""
    console.servicenow.conditions.append(hanging)
    console.servicenow.asked.clear()
    order = {"servicenow_url": console.servicenow.url, "servicenow_user": "x", "servicenow_password": "y"}
    setting_up = asyncio.create_task(console.call("POST", "/__admin/setup", order))
    await console.servicenow.asked.wait()
    await console.admin("POST", "/reset")
    message = "the console was reset meanwhile, so nothing of this is kept; do it again"
    assert await setting_up == (409, {"error": message})
    console.servicenow.asked.clear()
    console.servicenow.conditions.append(hanging)
    again = asyncio.create_task(console.set_up())
    await console.servicenow.asked.wait()
    await console.advance(30)
    await again
    await console.advance(60)
    assert (await console.admin("GET", "/foreign-system"))["instance_id"]


async def test_a_send_from_before_a_reset_is_none_afterwards(servicenow: StubServiceNow) -> None:
    """With a seed the next request has the same id; that its namesake was taken says nothing of it."""
    clock, go_on = RealClock(), asyncio.Event()

    async def slow(stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
        await go_on.wait()
        return await stub.work(request)

    server = TestServer(create_app(Settings(), clock=clock, ids=Ids("test")))
    await server.start_server(auto_decompress=False)
    async with ClientSession(cookie_jar=DummyCookieJar()) as session:
        console = ConsoleUnderTest(f"http://{server.host}:{server.port}", clock, session, servicenow)
        await console.set_up()
        servicenow.conditions.append(slow)
        servicenow.asked.clear()
        asking = asyncio.create_task(console.call("POST", "/__admin/approval-requests", {"metadata": METADATA}))
        await servicenow.asked.wait()
        await console.admin("POST", "/reset")
        await console.set_up()
        servicenow.conditions.append(BUSY)
        again = await console.ask()
        go_on.set()
        assert (await asking)[0] == 409
        assert not (await console.request(again["request_id"]))["sent"]
    await clock.aclose()
    await server.close()


async def test_reset_forgets_a_running_send(console: ConsoleUnderTest) -> None:
    """A request that was on its way during a reset is not sent again, also not to what is set up next."""
    console.servicenow.conditions.append(hanging)
    console.servicenow.asked.clear()
    asking = asyncio.create_task(console.call("POST", "/__admin/approval-requests", {"metadata": METADATA}))
    await console.servicenow.asked.wait()
    await console.admin("POST", "/reset")
    await console.set_up()
    await console.advance(30)
    assert (await asking)[0] == 409
    await console.advance(3600)
    assert console.servicenow.rows(REQUESTS) == []


@pytest.mark.parametrize("body", ['{"result":{}}', '{"result":[{}]}'])
async def test_broken_list(fresh: ConsoleUnderTest, body: str) -> None:
    """An answer without a list of records to the look-up of a lost registration is reported, and retried."""
    fresh.servicenow.conditions.extend([reset, answering(200, body)])
    await fresh.set_up()
    await fresh.advance(60)
    error = (await fresh.admin("GET", "/foreign-system"))["last_error"]
    assert error in {"the answer has no list of records", "the answer's record has no sys_id"}
    await fresh.advance(120)
    assert (await fresh.admin("GET", "/foreign-system"))["instance_id"]


async def test_record_that_is_none(fresh: ConsoleUnderTest) -> None:
    """A read that answers a list where a record belongs fails the verification."""
    fresh.servicenow.conditions.extend([None, None, answering(200, '{"result":[]}')])
    outcome = await fresh.set_up()
    assert detail(outcome, "verify-registration") == "the answer has no record"
