import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession, CookieJar

from mock_servicenow.app import create_app
from mock_servicenow.now_platform.records.list_indexes import LARGE, MOST
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


def _made(database: Path) -> set[str]:
    """Return the names of the indexes that lists have made, and take them away."""
    with closing(sqlite3.connect(database)) as connection, connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE name LIKE '.task.%'")}
        for name in names:
            connection.execute(f'DROP INDEX "{name}"')
    return names


async def _numbers(person: Person, query: str) -> list[str]:
    path = "/incident_list.do?sysparm_fields=number&sysparm_query="
    return re.findall(r'id="r\w{32}" href="[^"]+">(\w+)<', (await person.get(path + query)).html)


@pytest.mark.long
@pytest.mark.parametrize(
    ("query", "first", "index"),
    [
        ("ORDERBYDESCnumber", f"INC9{LARGE:06d}", ".task.sys_class_name.number"),
        ("category=network^ORDERBYnumber", "INC9000001", ".task.sys_class_name.category.number"),
        ("priority=3^category=software^numberSTARTSWITHINC9", None, ".task.sys_class_name.category.priority"),
    ],
)
async def test_large_list_gets_an_index_once(
    person: Person, database: Path, query: str, first: str | None, index: str
) -> None:
    """One index has the compared and the sorting columns; the list is the same with it, and the next one reuses it."""
    numbers = await _numbers(person, query)
    assert numbers[:1] == ([first] if first else [])
    assert await _numbers(person, query) == numbers
    assert _made(database) == {index}


@pytest.mark.long
async def test_number_of_indexes_is_limited(person: Person, database: Path) -> None:
    """However users filter and sort, a table has a bounded number of such indexes, including the newest."""
    columns = [
        "active",
        "approval",
        "description",
        "impact",
        "number",
        "priority",
        "state",
        "urgency",
        "short_description",
    ]
    for equal in ("category", "contact_type"):
        for column in columns:
            await _numbers(person, f"{equal}=none^ORDERBY{column}")
    made = _made(database)
    assert len(made) == MOST
    assert ".task.sys_class_name.contact_type.short_description" in made
    assert ".task.sys_class_name.category.active" not in made


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize(
    "query",
    [
        "",
        "ORDERBYsys_id",
        "ORDERBYcaller_id",
        "ORDERBYcaller_id.name",
        "ORDERBYno_column",
        "caller_id=x",
        "caller_id.name=x",
        "numberLIKE7",
        "category=a^ORcategory=b",
        "category=a^NQcategory=b",
        "123TEXTQUERY321=x",
    ],
)
async def test_unsupported_filters_get_no_index(person: Person, database: Path, query: str) -> None:
    """Alternatives, parts of texts, displayed references and insertion order cannot use an index."""
    await _numbers(person, query)
    assert _made(database) == set()


@pytest.mark.long
@pytest.mark.parametrize(("column", "indexes"), [("number", set()), ("priority", {".task.priority"})])
async def test_indexed_column_gets_no_second_index(
    person: Person, database: Path, column: str, indexes: set[str]
) -> None:
    """An index of the dictionary already serves the list."""
    assert (await person.get(f"/task_list.do?sysparm_query=ORDERBY{column}")).status == 200
    assert _made(database) == indexes


@pytest.mark.long
async def test_small_table_gets_no_index(person: Person, database: Path) -> None:
    """Tables with few rows, or without rows, are sorted as they are."""
    for table in ("sys_user", "u_toy"):
        assert (await person.get(f"/{table}_list.do?sysparm_query=ORDERBYsys_created_on")).status == 200
    assert _made(database) == set()


@pytest.mark.long
async def test_large_list_ends_at_its_ten_thousandth_row(person: Person) -> None:
    """The last page explains how to reach the other rows."""
    before = await person.get("/incident_list.do?sysparm_first_row=9961")
    assert ("of more than 10,000" in before.html, 'rel="next"' in before.html) == (True, True)
    last = await person.get("/incident_list.do?sysparm_first_row=9981")
    assert "9,981 to 10,000 of more than 10,000" in last.html
    assert ("Lists end at row 10,000" in last.html, 'rel="next"' in last.html) == (True, False)
