"""Reads that take long: others are answered meanwhile, and answers are the same as ever."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from mock_servicenow.blueprint import Blueprint
from mock_servicenow.now_platform.records.list_indexes import LARGE
from mock_servicenow.settings import Settings

from .conftest import Answer, Instance, running

SMALL = "/api/now/table/incident?sysparm_limit=1&sysparm_fields=number"
COLUMNS = (
    "/api/now/table/sys_dictionary?sysparm_fields=name,element&sysparm_suppress_pagination_header=true&sysparm_query="
)
# Each of thousands of rows is compared with each of these texts, once to list them and once to count them.
TESTS = "^OR".join(f"column_labelLIKE{number}x" for number in range(150))
FEWER = "^OR".join(f"column_labelLIKE{number}x" for number in range(90))
ROWS = 6_000
LONG = 8  # texts
MANY, ENDLESS = 30, 1_000  # texts, and writes
SOME = 3  # more than are answered before and after a read that keeps everybody waiting
COPIES = """
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT {rows})
    INSERT INTO sys_metadata (rowid, sys_id, sys_class_name, name, element, column_label)
    SELECT {large} + n, printf('%032x', n), 'sys_dictionary', 'copies', 'copy' || n, 'Copy ' || n FROM numbers
"""


@pytest.fixture
async def large(tmp_path: Path, blueprint: Blueprint) -> AsyncIterator[Instance]:
    """Serve an instance with many rows in a file."""
    file = tmp_path / "instance.db"
    settings = Settings(database=f"sqlite:///{file}")
    async with running(settings, blueprint):
        pass
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(COPIES.format(rows=ROWS, large=LARGE))
    async with running(settings, blueprint) as instance:
        yield instance


async def _answered_during(instance: Instance, asked: "asyncio.Task[Answer]") -> int:
    answered = 0
    while not asked.done():
        await instance.call("GET", SMALL)
        answered += 1
    return answered


def _asked(instance: Instance, path: str, **headers: str) -> "asyncio.Task[Answer]":
    return asyncio.create_task(instance.call("GET", path, headers=headers))


@pytest.mark.long
async def test_others_are_answered_during_a_long_read(blueprint: Blueprint) -> None:
    """A copy of what is in memory is read; the answer is the same as that of a short query."""
    async with running(Settings(), blueprint) as instance:
        read = _asked(instance, COLUMNS + quote(f"{TESTS}^ORelement=number^ORDERBYname"))
        answered = await _answered_during(instance, read)
        assert (read.result().status, answered > SOME) == (200, True)
        short = await instance.call("GET", COLUMNS + "element=number^ORDERBYname")
    assert read.result().result == short.result
    assert read.result().headers["X-Total-Count"] == short.headers["X-Total-Count"]


@pytest.mark.long
@pytest.mark.parametrize(
    "path",
    [
        COLUMNS + quote(TESTS),
        f"/api/now/stats/sys_dictionary?sysparm_count=true&sysparm_group_by=element&sysparm_query={quote(TESTS)}",
        f"/sys_dictionary_list.do?sysparm_query={quote(TESTS)}",
        f"/sys_dictionary_list.do?sysparm_query={quote(TESTS)}^ORDERBYelement",
        f"/sys_dictionary_list.do?sysparm_query={quote(FEWER)}^ORDERBYelement",
    ],
    ids=["list", "aggregate", "page", "sorted page", "page that makes an index"],
)
async def test_others_are_answered_during_a_long_read_of_a_file(large: Instance, path: str) -> None:
    """Whatever kind of read it is."""
    opened = (await large.call("GET", SMALL)).headers.getall("Set-Cookie")
    read = _asked(large, path, Cookie="; ".join(cookie.partition(";")[0] for cookie in opened))
    assert await _answered_during(large, read) > SOME
    assert (read.result().status, "User name" in str(read.result().body)) == (200, False)


@pytest.mark.long
@pytest.mark.parametrize("store", ["file", "memory"])
async def test_others_are_answered_while_long_texts_are_compared(
    tmp_path: Path, blueprint: Blueprint, store: str
) -> None:
    """Some texts of a MiB: one operation of the database takes long, so its operations say nothing of time."""
    settings = Settings(database=f"sqlite:///{tmp_path / 'instance.db'}" if store == "file" else "sqlite://")
    async with running(settings, blueprint) as instance:
        for number in range(LONG):
            assert (await instance.insert("problem", {"description": "a" * 900_000 + str(number)})).status == 201
        opened = (await instance.call("GET", SMALL)).headers.getall("Set-Cookie")
        cookie = "; ".join(cookie.partition(";")[0] for cookie in opened)
        for query in ("ORDERBYdescription", "descriptionLIKEab", "number!=1^ORDERBYDESCdescription"):
            path = f"/api/now/table/problem?sysparm_fields=number&sysparm_query={quote(query)}"
            read = _asked(instance, path, Cookie=cookie)
            assert await _answered_during(instance, read) > SOME, query
            assert (read.result().status, len(read.result().result) >= LONG) == (200, "LIKE" not in query)


@pytest.mark.long
async def test_a_long_read_ends_however_much_others_write(blueprint: Blueprint) -> None:
    """What is in memory is copied meanwhile, and SQLite begins such a copy anew after every commit."""
    async with running(Settings(), blueprint) as instance:
        for _ in range(MANY):
            await instance.insert("problem", {"description": "a" * 1_000_000})
        read = _asked(instance, COLUMNS + quote(TESTS))
        written = 0
        while not read.done() and written < ENDLESS:
            await instance.insert("problem", {"short_description": "w"})
            written += 1
        assert (read.done(), written > SOME) == (True, True)
        assert read.result().status == 200


@pytest.mark.long
async def test_a_long_pattern_is_searched_for_aside(large: Instance) -> None:
    """It is found all the same."""
    label = "x" * 100
    await large.insert("problem", {"short_description": label})
    found = await large.call("GET", f"/api/now/table/problem?sysparm_query=short_descriptionLIKE{label}")
    assert [row["short_description"] for row in found.result] == [label]


@pytest.mark.long
async def test_others_are_answered_during_a_long_read_in_a_batch(large: Instance) -> None:
    """Each of its items may be one; what is asked in vain is told once."""
    query = quote(f"{TESTS}^nothing=1")
    items = [{"id": "1", "method": "GET", "url": f"{COLUMNS}{query}"}, {"id": "2", "method": "GET", "url": SMALL}]
    body = {"batch_request_id": "1", "rest_requests": items}
    batch = asyncio.create_task(large.call("POST", "/api/now/v1/batch", json=body))
    assert await _answered_during(large, batch) > SOME
    assert [item["status_code"] for item in batch.result().body["serviced_requests"]] == [200, 200]
    findings = (await large.call("GET", "/__admin/findings", None)).body["findings"]
    assert [finding["rule"] for finding in findings] == ["query-term-ignored"]


@pytest.mark.long
async def test_a_reset_ends_a_long_read(large: Instance) -> None:
    """It is told that it was cancelled; what is read afterwards is what is there then."""
    read = _asked(large, COLUMNS + quote(TESTS))
    await large.call("GET", SMALL)
    await large.call("POST", "/__admin/reset", None)
    assert (await read).body["error"]["message"] == "Transaction cancelled: maximum execution time exceeded"
    assert (await large.call("GET", f"{COLUMNS}name=copies")).result == []


@pytest.mark.long
async def test_a_long_read_ends_with_its_caller(large: Instance) -> None:
    """The next one does not wait for it."""
    for _ in range(5):
        read = _asked(large, COLUMNS + quote(TESTS))
        await large.call("GET", SMALL)
        read.cancel()
    assert (await large.call("GET", COLUMNS + quote(f"{TESTS}^ORelement=copy7"))).result != []


# Long texts are searched for what they nearly have everywhere; with a limit, that seems to be little.
SEARCHED = "^OR".join(f"descriptionLIKE{'a' * 60}{letter}" for letter in "bcdef")


@pytest.mark.long
@pytest.mark.parametrize("limit", ["", "&sysparm_limit=1"])
async def test_a_small_read_waits_for_no_long_one(large: Instance, limit: str) -> None:
    """It meets a long text, so that it is made again elsewhere as well; a long one may have seemed small, too."""
    rows = [{"description": "a" * 900_000 + str(number)} for number in range(6)]
    [read, *_] = [(await large.insert("problem", row)).result["sys_id"] for row in rows]
    long = _asked(large, f"/api/now/table/problem?sysparm_query={SEARCHED}{limit}")
    for _ in range(SOME):
        await large.call("GET", SMALL)
    answer = await large.call("GET", f"/api/now/table/problem/{read}")
    assert not long.done()
    assert answer.result["description"] == rows[0]["description"]
    long.cancel()
