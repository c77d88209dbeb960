"""Calls of an instance on PostgreSQL are answered in threads, which share what has been worked out."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from mock_servicenow.blueprint import Blueprint
from mock_servicenow.settings import Settings

from .conftest import REQUEST, RESPONSE, Answer, Instance, running

TABLES = (
    *("incident", "problem", "task", "change_request", "sys_user", "sys_user_group", "sys_user_role", "sys_choice"),
    *("sys_dictionary", "sys_db_object", "sys_audit", "sys_script", "sys_attachment", "cmdb_ci", "core_company"),
    *(REQUEST, RESPONSE),
)
QUERIES = ("", "active=true^ORDERBYnumber", "nameLIKEa", "sys_created_by=admin^ORsys_updated_by=admin")
TURNS, CALLERS = 3, 40


class Callers:
    """Ask an instance whatever is drawn."""

    def __init__(self, instance: Instance, ids: tuple[str, str], draw: random.Random) -> None:
        self._instance = instance
        self._ids = ids
        self._draw = draw

    async def status(self, number: int) -> int:
        """Return the status of an answer to the caller of that number."""
        kinds: tuple[Callable[[int], Awaitable[Answer]], ...] = (
            *(self._list, self._aggregate, self._batch),
            *(self._add_user, self._deliveries, self._decide),
        )
        return (await self._draw.choice(kinds)(number)).status

    async def _list(self, _number: int) -> Answer:
        query, shown = self._draw.choice(QUERIES), self._draw.choice(("true", "all"))
        page = {"sysparm_limit": "5", "sysparm_query": query, "sysparm_display_value": shown}
        return await self._instance.call("GET", f"/api/now/table/{self._draw.choice(TABLES)}", params=page)

    async def _aggregate(self, _number: int) -> Answer:
        wanted = {"sysparm_count": "true", "sysparm_group_by": "sys_created_by"}
        return await self._instance.call("GET", f"/api/now/stats/{self._draw.choice(TABLES)}", params=wanted)

    async def _batch(self, _number: int) -> Answer:
        tables = self._draw.sample(TABLES, 3)
        items = [{"id": table, "method": "GET", "url": f"/api/now/table/{table}?sysparm_limit=1"} for table in tables]
        return await self._instance.call("POST", "/api/now/v1/batch", json={"rest_requests": items})

    async def _add_user(self, number: int) -> Answer:
        return await self._instance.insert("sys_user", {"user_name": f"user{number}"})

    async def _deliveries(self, _number: int) -> Answer:
        return await self._instance.call("GET", "/__admin/deliveries", None)

    async def _decide(self, number: int) -> Answer:
        sys_id = await self._instance.asked(self._ids, request_id=f"85d71683-7dac-4762-8120-{number:012x}")
        return await self._instance.update(REQUEST, sys_id, {"status": self._draw.choice(("Approve", "Deny"))})


@pytest.fixture
def url(postgresql: Any) -> Iterator[str]:
    """Give the URL of an empty database."""
    with postgresql.database() as url:
        yield url


@pytest.fixture
async def new_instance(url: str) -> AsyncIterator[Instance]:
    """Serve an instance that has worked nothing out yet."""
    async with running(Settings(database=url), Blueprint.draw(Settings())) as instance:
        yield instance


@pytest.mark.long
@pytest.mark.usefixtures("often_switching")
@pytest.mark.parametrize("seed", range(4))
async def test_nobody_meets_what_another_thread_has_half_made(new_instance: Instance, seed: int) -> None:
    """Whatever many callers ask at once of an instance that has just started, none gets a 5xx."""
    callers = Callers(new_instance, await new_instance.set_up(), random.Random(seed))  # noqa: S311 - no secret
    for turn in range(TURNS):
        statuses = await asyncio.gather(*(callers.status(CALLERS * turn + each) for each in range(CALLERS)))
        assert max(statuses) < 500


@pytest.mark.long
async def test_long_lists_leave_threads_to_others(new_instance: Instance, url: str) -> None:
    """However many lists without a limit wait for the database, a short one of another table is answered."""
    assert (await new_instance.call("GET", "/api/now/table/sys_user?sysparm_limit=1")).status == 200
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("LOCK TABLE task IN ACCESS EXCLUSIVE MODE")
        lists = [asyncio.create_task(new_instance.call("GET", "/api/now/table/incident")) for _ in range(50)]
        for _ in range(50):
            assert (await new_instance.call("GET", "/api/now/table/sys_user?sysparm_limit=1")).status == 200
        assert not any(each.done() for each in lists)
    engine.dispose()
    assert {answer.status for answer in await asyncio.gather(*lists)} == {200}
