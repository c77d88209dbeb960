"""The journal of exchanges: its order, its bounds, its pages, and the findings in it."""

import asyncio
from typing import Any

import pytest
from yarl import URL

from privman_core.findings import Finding
from privman_core.journal import Journal
from privman_core.virtual_clock import START

from .conftest import Party, judge


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
