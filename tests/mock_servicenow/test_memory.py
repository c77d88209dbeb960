"""What callers send leaves nothing behind in memory but rows, and what the journal keeps."""

import asyncio
import gc
import socket
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from hashlib import shake_256
from io import BytesIO
from itertools import islice, permutations

import pytest
from aiohttp import encode_basic_auth
from yarl import URL

from mock_servicenow.blueprint import Blueprint
from mock_servicenow.settings import Settings

from .conftest import ADMIN, Instance, running

MEBIBYTE = 1024 * 1024
COLUMNS = ("number", "short_description", "description", "caller_id.name", "close_notes", "category")


@pytest.fixture
def traced() -> Iterator[None]:
    """Trace what Python takes."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


def _query(number: int) -> str:
    columns = (COLUMNS[(number + place * place) % len(COLUMNS)] for place in range(100))
    return "^".join(f"{column}LIKE{number}.{place}" for place, column in enumerate(columns))


@pytest.fixture
async def instance(blueprint: Blueprint) -> AsyncIterator[Instance]:
    """Serve an instance in memory, whatever the store: what is remembered of a query is the same."""
    async with running(Settings(), blueprint) as served:
        yield served


@pytest.mark.long
@pytest.mark.once
@pytest.mark.usefixtures("traced")
async def test_long_queries_are_forgotten(instance: Instance) -> None:
    """Queries of a hundred conditions, each another one."""
    await instance.call("GET", "/api/now/table/incident?sysparm_limit=1")
    before, _ = tracemalloc.get_traced_memory()
    for number in range(30):
        path = f"/api/now/table/incident?sysparm_limit=1&sysparm_query={_query(number)}"
        assert (await instance.call("GET", path)).status == 200
    await instance.call("DELETE", "/__admin/requests", None)
    gc.collect()
    assert tracemalloc.get_traced_memory()[0] - before < 8 * MEBIBYTE


@pytest.mark.long
@pytest.mark.once
async def test_queries_that_differ_leave_no_objects(instance: Instance) -> None:
    """Everybody waits while all objects are searched for garbage, for the longer the more there are."""
    await instance.call("GET", f"/api/now/stats/incident?sysparm_count=true&sysparm_group_by={','.join(COLUMNS)}")
    gc.collect()
    before = len(gc.get_objects())
    for order in islice(permutations(COLUMNS), 100):
        path = f"/api/now/stats/incident?sysparm_count=true&sysparm_group_by={','.join(order)}"
        assert (await instance.call("GET", path)).status == 200
        path = f"/api/now/table/incident?sysparm_limit=1&sysparm_query={'=1^'.join(order)}=1"
        assert (await instance.call("GET", path)).status == 200
    await instance.call("DELETE", "/__admin/requests", None)
    gc.collect()
    left = len(gc.get_objects()) - before
    assert left < 20_000


LONG_ROWS = 12


async def _long_rows(instance: Instance, count: int = LONG_ROWS) -> None:
    for number in range(count):
        values = {"description": "x" * 900_000, "category": "long", "number": f"LONG{number}"}
        assert (await instance.insert("incident", values)).status == 201


async def _asked(instance: Instance, path: str) -> asyncio.StreamWriter:
    """Ask, on a connection that takes little, and read nothing but that it is answered."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    narrow.settimeout(0)
    address = URL(instance.url)
    await asyncio.get_running_loop().sock_connect(narrow, (address.host, address.port))
    reader, writer = await asyncio.open_connection(sock=narrow, limit=1)
    head = f"GET {path} HTTP/1.0\r\nAuthorization: {encode_basic_auth(*ADMIN)}\r\n\r\n"
    writer.write(head.encode())
    assert await reader.readexactly(15) == b"HTTP/1.0 200 OK"
    return writer


async def _settled(instance: Instance, most: int) -> None:
    """Return once no more is in memory; the journal is bounded by itself."""
    while True:
        await instance.call("DELETE", "/__admin/requests", None)
        gc.collect()
        if tracemalloc.get_traced_memory()[0] < most:
            return


async def _leave_unread(instance: Instance, path: str, most: int) -> None:
    """Ask eight times, read nothing, and return once no more than that is in memory."""
    connections = [await _asked(instance, path) for _ in range(8)]
    async with asyncio.timeout(60):
        await _settled(instance, most)
    for writer in connections:
        writer.close()


@pytest.mark.long
@pytest.mark.once
@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("columns", ["", "&sysparm_display_value=all&sysparm_fields=number,description,sys_id"])
async def test_lists_that_nobody_reads_are_not_in_memory(instance: Instance, columns: str) -> None:
    """However many connections wait for rows that are long."""
    await _long_rows(instance)
    await _settled(instance, most := tracemalloc.get_traced_memory()[0] + 8 * MEBIBYTE)
    path = f"/api/now/table/incident?sysparm_query=category=long{columns}"
    await _leave_unread(instance, path, most)


@pytest.mark.long
@pytest.mark.once
@pytest.mark.usefixtures("traced")
async def test_files_that_nobody_reads_are_not_in_memory(instance: Instance) -> None:
    """However many connections wait for the same one."""
    record = (await instance.insert("incident", {})).body["result"]["sys_id"]
    path = f"/api/now/attachment/file?table_name=incident&table_sys_id={record}&file_name=packed"
    file = await instance.call("POST", path, data=BytesIO(shake_256(b"").digest(8 * MEBIBYTE)))
    await _settled(instance, most := tracemalloc.get_traced_memory()[0] + 4 * MEBIBYTE)
    path = f"/api/now/attachment/{file.body['result']['sys_id']}/file"
    await _leave_unread(instance, path, most)


@pytest.mark.long
@pytest.mark.once
@pytest.mark.usefixtures("traced")
async def test_batches_wait_outside_memory(instance: Instance) -> None:
    """What the calls of a batch answer is not in memory until all of them are made, however many batches there are."""
    await _long_rows(instance, 6)
    [row, *_] = await instance.read("incident", query="category=long", sysparm_fields="sys_id")
    urls = ["/api/now/table/incident?sysparm_query=category=long", f"/api/now/table/incident/{row['sys_id']}"]
    items = [{"id": str(number), "method": "GET", "url": urls[number % 2]} for number in range(8)]

    async def batch() -> int:
        body = {"batch_request_id": "1", "rest_requests": items}
        headers = {"Authorization": encode_basic_auth(*ADMIN)}
        async with instance.http.post(f"{instance.url}/api/now/v1/batch", json=body, headers=headers) as answer:
            return sum([len(piece) async for piece in answer.content.iter_any()])

    await instance.call("DELETE", "/__admin/requests", None)
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    sizes = await asyncio.gather(*[batch() for _ in range(6)])
    assert min(sizes) > 20 * MEBIBYTE
    # How much is on its way, in the client's buffers too, depends on how the two take turns.
    assert tracemalloc.get_traced_memory()[1] - before < sum(sizes) / 2
