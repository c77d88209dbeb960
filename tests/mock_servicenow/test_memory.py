"""What callers send leaves nothing behind in memory but rows, and what the journal keeps."""

import gc
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from itertools import islice, permutations

import pytest

from mock_servicenow.blueprint import Blueprint
from mock_servicenow.settings import Settings

from .conftest import Instance, running

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
