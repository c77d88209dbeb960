import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from http.client import NO_CONTENT
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, CookieJar, encode_basic_auth

from mock_servicenow.app import create_app
from mock_servicenow.now_platform.records.list_indexes import LARGE
from mock_servicenow.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

from .conftest import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")
ROWS = f"""
    WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < {LARGE})
    INSERT INTO task (sys_id, sys_class_name, number, category, priority, sys_mod_count)
    SELECT printf('%032x', n), 'incident', printf('INC9%06d', n), iif(n % 10, 'Network', 'software'), n % 5, 0 FROM i
"""  # noqa: S608 - the number is a constant


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Name the file in which the incidents are."""
    return tmp_path_factory.mktemp("large") / "instance.db"


@pytest_asyncio.fixture(loop_scope="session")
async def person(settings: Settings, database: Path) -> AsyncIterator[Person]:
    """Log in to an instance with many incidents."""
    if not database.exists():  # noqa: ASYNC240 - nothing else runs yet
        await _fill(settings, database)
    clock, http = VirtualClock(), ClientSession(cookie_jar=CookieJar(unsafe=True))
    app = create_app(replace(settings, database=f"sqlite:///{database}"), clock=clock, ids=Ids(2))
    async with serving(app, "127.0.0.1", 0) as url, http:
        person = Person(url, http)
        await person.log_in("admin")
        await _indexed()
        yield person
    await clock.aclose()


async def _fill(settings: Settings, database: Path) -> None:
    clock = VirtualClock()
    async with serving(
        create_app(replace(settings, database=f"sqlite:///{database}"), clock=clock, ids=Ids(1)), "127.0.0.1", 0
    ):
        pass
    await clock.aclose()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(ROWS)


async def _indexed() -> None:
    """Wait until the instance has indexed what it found: its background work goes on in tasks, which end with it."""
    while any(getattr(task.get_coro(), "__name__", "") == "_run_steps" for task in asyncio.all_tasks()):
        await asyncio.sleep(0)


def _made(database: Path) -> set[str]:
    """Return the names of the indexes for lists."""
    with closing(sqlite3.connect(database)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE name LIKE '.%'")}


async def _numbers(person: Person, query: str) -> list[str]:
    path = "/incident_list.do?sysparm_fields=number&sysparm_query="
    return re.findall(r'id="r\w{32}" href="[^"]+">(\w+)<', (await person.get(path + query)).html)


@pytest.mark.long
async def test_large_table_gets_its_indexes_after_the_start(person: Person, database: Path) -> None:
    """Those for the columns that lists of the table show are made. Lists make none, and small tables get none."""
    made = _made(database)
    assert {".task.priority", ".task.short_description", ".task.sys_created_on"} <= made
    assert {name.split(".")[1] for name in made} == {"task"}
    for query in ("ORDERBYDESCnumber", "category=network^ORDERBYurgency", "caller_id.name=x", "123TEXTQUERY321=x"):
        await _numbers(person, query)
    assert _made(database) == made


@pytest.mark.long
@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("ORDERBYDESCnumber", f"INC9{LARGE:06d}"),
        ("category=network^ORDERBYnumber", "INC9000001"),
        ("priority=3^category=software^numberSTARTSWITHINC9", None),
        ("priority=4^ORDERBYDESCnumber", f"INC9{LARGE - 1:06d}"),
        ("numberLIKEc90011^ORDERBYnumber", "INC9001100"),
        ("numberENDSWITH77", f"INC9{LARGE - 23:06d}"),
        ("numberLIKE7", f"INC9{LARGE - 3:06d}"),
    ],
)
async def test_large_list_is_filtered_and_sorted(person: Person, query: str, first: str | None) -> None:
    """Filters and orders of a large list are those of a small one."""
    assert (await _numbers(person, query))[:1] == ([first] if first else [])


@pytest.mark.long
async def test_search_finds_what_was_just_written(person: Person) -> None:
    """A record is found in a large list from its commit on, by what it says then."""
    incident = "/api/now/table/incident"
    headers = {"Authorization": encode_basic_auth("admin", "admin")}

    async def write(method: str, path: str, values: dict[str, str]) -> Any:
        async with person.http.request(method, person.url + path, json=values, headers=headers) as answer:
            return await answer.json() if answer.status != NO_CONTENT else None

    values = {"short_description": "The quokka has escaped", "number": "INC7"}
    record = (await write("POST", incident, values))["result"]
    assert await _numbers(person, "short_descriptionLIKEquokka") == ["INC7"]
    await write("PATCH", f"{incident}/{record['sys_id']}", {"short_description": "The wombat has escaped"})
    assert await _numbers(person, "short_descriptionLIKEquokka") == []
    assert await _numbers(person, "short_descriptionLIKEWOMBAT") == ["INC7"]
    await write("DELETE", f"{incident}/{record['sys_id']}", {})
    assert await _numbers(person, "short_descriptionLIKEWOMBAT") == []


@pytest.mark.long
async def test_large_list_ends_at_its_ten_thousandth_row(person: Person) -> None:
    """The last page explains how to reach the other rows."""
    before = await person.get("/incident_list.do?sysparm_first_row=9961")
    assert ("of more than 10,000" in before.html, 'rel="next"' in before.html) == (True, True)
    last = await person.get("/incident_list.do?sysparm_first_row=9981")
    assert "9,981 to 10,000 of more than 10,000" in last.html
    assert ("Lists end at row 10,000" in last.html, 'rel="next"' in last.html) == (True, False)
