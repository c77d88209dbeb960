import asyncio
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, encode_basic_auth

from mock_servicenow.conditions import CONDITIONS
from privman_core.fault_kinds import GENERIC
from privman_core.faults import FaultKinds

from .conftest import ADMIN, REQUEST, Answer, Instance

LOGIN = {"Authorization": encode_basic_auth(*ADMIN)}
USERS = "/api/now/table/sys_user?sysparm_limit=4&sysparm_query=ORDERBYsys_id"


async def _under(instance: Instance, kind: str, method: str = "GET", path: str = USERS, **options: Any) -> Answer:
    armed = await instance.call("POST", "/__admin/faults", None, json={"kind": kind, **options})
    assert armed.status == 201, armed.body
    return await instance.call(method, path)


async def test_hibernating(instance: Instance) -> None:
    """A hibernating instance answers 200 with its page for every address."""
    answer = await _under(instance, "hibernating", times=None)
    for path in (USERS, "/oauth_token.do", "/no/such/page"):
        answer = await instance.call("POST", path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html;charset=UTF-8")
        assert answer.headers["Server"] == "snow_adc"
        assert b"Instance Hibernating page" in answer.body
        assert b"Your instance is hibernating" in answer.body


async def test_hibernating_otherwise(instance: Instance) -> None:
    """Other reports of a hibernating instance: 503 with the page, or 302 to where it is woken."""
    answer = await _under(instance, "hibernating", status=503)
    assert (answer.status, b"Instance Hibernating page" in answer.body) == (503, True)
    await instance.call("POST", "/__admin/faults", json={"kind": "hibernating", "status": 302})
    answer = await instance.call("GET", USERS, allow_redirects=False)
    assert (answer.status, answer.body, answer.headers["Server"]) == (302, b"", "snow_adc")
    assert answer.headers["Location"] == "https://developer.servicenow.com/dev.do#!/home?wu=true"


@pytest.mark.long
async def test_every_answer_names_the_server(instance: Instance) -> None:
    """No answer tells what the instance is made of: faults, pages, and what is not there."""
    answers = [await _under(instance, kind) for kind in ("busy", "dropped", "cancelled", "rate-limited", "node-switch")]
    answers += [await instance.call("GET", path) for path in ("/login.do", "/no/such/page", "/oauth_token.do")]
    assert {answer.headers["Server"] for answer in answers} == {"ServiceNow"}


async def test_a_truncated_answer_keeps_its_head(instance: Instance) -> None:
    """Only the end of the body is missing: status, headers and date are those of the whole answer."""
    path = f"/api/now/table/sys_user/{'0' * 32}"
    whole = await instance.call("GET", path)
    await instance.call("POST", "/__admin/faults", json={"kind": "truncated", "path": path})
    async with ClientSession() as http, http.get(instance.url + path, headers=LOGIN) as answer:
        assert (answer.status, answer.headers["Server"]) == (404, "ServiceNow")
        assert answer.headers["Date"] == whole.headers["Date"]
        with pytest.raises(ClientError):
            await answer.read()


@pytest.mark.long
async def test_a_long_answer_is_truncated_within_its_records(instance: Instance) -> None:
    """Part of what is made while it is sent arrives, too."""
    for _ in range(8):
        await instance.call("POST", "/api/now/table/incident", json={"description": "x" * 300_000})
    path = "/api/now/table/incident?sysparm_query=descriptionSTARTSWITHxx&sysparm_fields=description"
    await instance.call("POST", "/__admin/faults", json={"kind": "truncated", "path": "/api/now/table/incident"})
    async with ClientSession() as http, http.get(instance.url + path, headers=LOGIN) as answer:
        arrived = bytearray()
        with suppress(ClientError):
            async for piece in answer.content.iter_any():
                arrived += piece
        assert answer.content.exception() is not None
        assert arrived.startswith(b'{"result":[{"description":"xxx')


HOLDING = FaultKinds(GENERIC | CONDITIONS).holding


@pytest.mark.parametrize("kind", sorted({*GENERIC, *CONDITIONS}))
async def test_a_kind_that_holds_the_true_answer_back_is_marked(instance: Instance, kind: str) -> None:
    """What does not answer before the clock moves holds answers back; scenarios treat such kinds as harmless."""
    await instance.call("POST", "/__admin/faults", json={"kind": kind})
    asking = asyncio.create_task(instance.call("GET", USERS))
    while not asking.done() and (await instance.call("GET", "/__admin/faults")).body["faults"]:
        await asyncio.sleep(0)
    if kind not in HOLDING:
        async with asyncio.timeout(20):
            await asyncio.wait({asking})
        return
    assert not asking.done()
    await instance.clock.advance(60)
    assert (await asking).status == 200


async def test_maintenance(instance: Instance) -> None:
    """An instance under maintenance answers 503 with a page of HTML."""
    answer = await _under(instance, "maintenance")
    assert (answer.status, answer.headers["Content-Type"]) == (503, "text/html;charset=UTF-8")


async def test_rate_limited(instance: Instance) -> None:
    """A rate limit rule answers 429 with its headers and when to try again."""
    answer = await _under(instance, "rate-limited", seconds=30)
    assert (answer.status, answer.headers["Retry-After"], answer.headers["X-RateLimit-Limit"]) == (429, "30", "100")
    reset = int(answer.headers["X-RateLimit-Reset"]) - int(instance.clock.now().timestamp())
    assert (reset, len(answer.headers["X-RateLimit-Rule"])) == (30, 32)
    assert answer.body == {
        "error": {
            "message": "Rate limit exceeded",
            "detail": "Rate limit of 100 requests per hour for Table API exceeded",
        },
        "status": "failure",
    }


async def test_busy(instance: Instance) -> None:
    """A full queue answers 429 without a rule's headers."""
    answer = await _under(instance, "busy")
    assert answer.status == 429
    assert not [name for name in answer.headers if name.startswith("X-RateLimit") or name == "Retry-After"]


async def test_cancelled(instance: Instance) -> None:
    """A cancelled transaction answers 500 with the envelope, nothing done."""
    answer = await _under(instance, "cancelled", "POST", f"/api/now/table/{REQUEST}")
    assert (answer.status, answer.body["error"]["message"]) == (
        500,
        "Transaction cancelled: maximum execution time exceeded",
    )


async def test_cancelled_partial(instance: Instance) -> None:
    """A transaction cancelled on the way answers 200 with part of the result and an error."""
    answer = await _under(instance, "cancelled-partial")
    assert (answer.status, len(answer.body["result"]), answer.body["status"]) == (200, 2, "failure")
    assert answer.body["error"]["message"] == "Transaction cancelled: maximum execution time exceeded"
    one = await _under(instance, "cancelled-partial", path="/api/now/table/sys_user/6816f79cc0a8016401c5a33be04be441")
    assert one.body["result"]["user_name"] == "admin"


async def test_dropped(instance: Instance) -> None:
    """One request too many for its session is answered 202 and dropped (trap 30)."""
    answer = await _under(instance, "dropped", "POST", "/api/now/table/problem")
    assert (answer.status, answer.body) == (202, b"")


async def test_node_switch(instance: Instance) -> None:
    """After a node switch a user is refused what is allowed (trap 33)."""
    answer = await _under(instance, "node-switch")
    assert (answer.status, answer.body["error"]["message"]) == (403, "User Not Authorized")


async def test_short_page(instance: Instance) -> None:
    """A page may be short of rows that its count promises (traps 6 and 29)."""
    answer = await _under(instance, "short-page")
    assert (answer.status, len(answer.body["result"])) == (200, 3)
    assert int(answer.headers["X-Total-Count"]) > 3


async def test_short_page_knows_json_alone(instance: Instance) -> None:
    """A page in XML stays whole; the journal names no fault, and the fault strikes the next page in JSON."""
    await instance.call("POST", "/__admin/faults", None, json={"kind": "short-page"})
    async with instance.http.get(instance.url + USERS, headers={"Accept": "text/xml"} | LOGIN) as answer:
        assert (await answer.text()).count("<result>") == 4
    (armed,) = (await instance.call("GET", "/__admin/faults", None)).body["faults"]
    assert (armed["struck"], armed["times"]) == (0, 1)
    assert len((await instance.call("GET", USERS)).body["result"]) == 3
    journal = await instance.call("GET", "/__admin/requests", None)
    assert [each["fault"] for each in journal.body["requests"]] == ["", "short-page"]


@pytest.mark.parametrize("path", ["/api/now/table/sys_user/6816f79cc0a8016401c5a33be04be441", "/no/such/page"])
async def test_short_page_leaves_other_answers_alone(instance: Instance, path: str) -> None:
    """Only pages of rows can be short."""
    assert (await _under(instance, "short-page", path=path)).status == (await instance.call("GET", path)).status


@pytest.mark.parametrize("path", ["/login.do", "/incident_list.do"])
async def test_pages_meet_no_fault(instance: Instance, path: str) -> None:
    """Nor are they in the journal; the fault waits for other requests."""
    assert (await _under(instance, "status", path=path)).status == 200
    assert (await instance.call("GET", "/__admin/requests", None)).body["requests"] == []
    assert (await instance.call("GET", USERS)).status == 503


async def test_write_committed_though_its_answer_is_lost(instance: Instance) -> None:
    """A write whose answer got lost is there all the same."""
    before = len(await instance.read("problem"))
    with pytest.raises(ClientError):
        await _under(instance, "answer-lost", "POST", "/api/now/table/problem")
    assert len(await instance.read("problem")) == before + 1


async def test_insert_denied_though_it_is_stored(instance: Instance) -> None:
    """A POST may answer 403 although the row was written; other calls are left alone."""
    before = len(await instance.read("problem"))
    assert (await _under(instance, "stored-but-denied", path=USERS)).status == 200
    answer = await _under(instance, "stored-but-denied", "POST", "/api/now/table/problem")
    assert (answer.status, answer.body["error"]["message"]) == (403, "Operation Failed")
    assert len(await instance.read("problem")) == before + 1
