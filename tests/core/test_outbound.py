import asyncio

import pytest

from privman_core.exchange_marks import ExchangeMark, mark_header
from privman_core.ids import Ids
from privman_core.outbound import CONNECTIONS_PER_HOST, HttpCaller, NoAnswerError
from privman_core.turns import Turns

from .conftest import Party


async def test_outbound_exchange_is_journaled(party: Party) -> None:
    """A sent request stands in the journal as 'out' with its absolute address, the received one as 'in'."""
    answer = await party.caller.send("POST", f"{party.url}/x?a=1", {"Content-Type": "text/PLAIN; charset=x"}, b"hi", 5)
    assert (answer.status, answer.body, answer.content_type) == (200, b"hi", "application/octet-stream")
    _, body = await party.call("GET", "/__admin/requests")
    assert [(entry["direction"], entry["url"], entry["status"]) for entry in body["requests"]] == [
        ("out", f"{party.url}/x?a=1", 200),
        ("in", "/x?a=1", 200),
    ]
    assert ["User-Agent", "echo/1.0"] in body["requests"][1]["request"]["headers"]


async def test_connection_refused_is_said_plainly(party: Party) -> None:
    """Where nobody listens the error says so in one line, without the query."""
    with pytest.raises(
        NoAnswerError, match=r"^POST http://127.0.0.1:1/x: no connection to 127.0.0.1:1: Connection refused$"
    ):
        await party.caller.send("POST", "http://127.0.0.1:1/x?token=hidden", {}, b"", 5)
    _, body = await party.call("GET", "/__admin/requests")
    assert body["requests"][0]["error"] == "no connection to 127.0.0.1:1: Connection refused"


@pytest.mark.parametrize("kind", ["reset", "truncated"])
async def test_broken_answer_is_no_answer(party: Party, kind: str) -> None:
    """An answer that breaks off counts as none."""
    await party.call("POST", "/__admin/faults", json={"kind": kind, "path": "/x"})
    with pytest.raises(NoAnswerError):
        await party.caller.send("POST", f"{party.url}/x", {}, b"some work", 5)


async def test_unknown_host_is_said_plainly(party: Party) -> None:
    """A host that cannot be looked up is named."""
    with pytest.raises(NoAnswerError, match=r"no connection to nowhere\.invalid:80: "):
        await party.caller.send("GET", "http://nowhere.invalid/", {}, b"", 5)
    [exchange] = party.journal.kept()
    assert (bool(exchange.mark), mark_header(ExchangeMark(exchange.mark))) == (True, {})


async def test_address_that_is_none(party: Party) -> None:
    """An address without a host is told as such."""
    with pytest.raises(NoAnswerError, match="the answer could not be read: http:///x"):
        await party.caller.send("GET", "http:///x", {}, b"", 5)


async def test_a_wait_for_a_turn_is_no_wait_for_an_answer(party: Party) -> None:
    """What waits while a host is busy is sent all the same, and has all its time for an answer then."""
    answered: list[int] = []

    async def send() -> None:
        answer = await party.caller.send("POST", f"{party.url}/x", {}, b"", 12)
        answered.append(answer.status)

    await party.call("POST", "/__admin/faults", json={"kind": "slow", "path": "/x", "seconds": 10, "times": 9})
    for _ in range(CONNECTIONS_PER_HOST + 1):
        party.clock.call_at(party.clock.now(), send)
    await party.clock.advance(10)
    assert len(answered) == CONNECTIONS_PER_HOST
    await party.clock.advance(10)
    assert answered == [200] * (CONNECTIONS_PER_HOST + 1)


async def test_silent_hosts_hold_up_no_other(party: Party) -> None:
    """Where they have all turns, the oldest of their requests is given up for one that waits."""
    caller = HttpCaller(party.clock, party.journal, "echo/1.0", turns=Turns(1, 1, patience=0))
    asked = asyncio.Event()

    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(keep_silent, "127.0.0.1", 0) as server:
        silent = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        unanswered = asyncio.create_task(caller.send("POST", silent, {}, b"", 1_000))
        await asked.wait()
        assert (await caller.send("POST", f"{party.url}/x", {}, b"hi", 5)).body == b"hi"
        with pytest.raises(NoAnswerError, match="given up without an answer, because other requests were waiting"):
            await unanswered
    await caller.aclose()


def test_same_seed_same_ids() -> None:
    """One seed gives one sequence; a fork does not shift its parent's."""
    first, second = Ids(7), Ids(7)
    assert [first.sys_id(), first.guid(), first.token(), first.hex(12)] == [
        second.sys_id(),
        second.guid(),
        second.token(),
        second.hex(12),
    ]
    first.fork("console").sys_id()
    assert first.sys_id() == second.sys_id()
    assert first.fork("a").sys_id() != second.fork("b").sys_id()


def test_without_seed_ids_differ() -> None:
    """Without a seed no two sequences are alike, forks included."""
    assert Ids().sys_id() != Ids().sys_id()
    assert Ids().fork("a").sys_id() != Ids().fork("a").sys_id()


async def test_a_cancelled_request_ends_in_the_journal(party: Party) -> None:
    """When the server stops, nothing that it has sent stays in progress."""
    await party.call("POST", "/__admin/faults", json={"kind": "slow", "path": "/x", "seconds": 3600})
    sending = asyncio.create_task(party.caller.send("POST", f"{party.url}/x", {}, b"", 7200))
    while (await party.call("GET", "/__admin/faults"))[1]["faults"]:  # until it has struck
        await asyncio.sleep(0)
    sending.cancel()
    await asyncio.wait([sending])
    _, body = await party.call("GET", "/__admin/requests")
    assert body["requests"][0]["error"] == "the request was cancelled before its answer"
