"""Measures the response time of the pages of tables with 1,000,000 rows each.

CPU time is that of server, client and PostgreSQL together (on Linux; else without PostgreSQL); it depends less on what
else the machine does. The tables are filled behind the instance's back, so it makes their indexes once it serves; they
are awaited.

python -m benchmarks.pages [postgresql]
"""

import asyncio
import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import psycopg
import sqlalchemy as sa
from aiohttp import ClientSession, CookieJar
from rich.console import Console
from rich.table import Table

from mock_servicenow.app import create_app
from mock_servicenow.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock
from tests.conftest import serving_postgresql

ROWS = 1_000_000
ROUNDS = 9
GOAL_MS = 25
REQUEST, RESPONSE = "x_thyti_thycotic_p_request", "x_thyti_thycotic_p_response"
OURS = "'privman.integration'"
USUAL = {
    "sys_created_on": "strftime('%Y-%m-%d %H:%M:%S', 1700000000 + n * 7, 'unixepoch')",
    "sys_updated_on": "strftime('%Y-%m-%d %H:%M:%S', 1700000000 + n * 11, 'unixepoch')",
    "sys_created_by": OURS,
    "sys_updated_by": "'privman.approver'",
    "sys_mod_count": "1",
}
COUNTED = f"WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < {ROWS})"  # noqa: S608 - ours
GUID = "printf('%08x-0000-4000-8000-%012x', n, n)"
ROWS_OF: Mapping[str, Mapping[str, str]] = {
    REQUEST: {
        **USUAL,
        "sys_id": "printf('%032x', n)",
        "request_id": GUID,
        "status": "iif(n % 1000, iif(n % 3, 'Approve', 'Deny'), 'Pending')",
        "metadata": """printf('{"PolicyName": "Policy %d", "UserReason": "Reason %d"}', n % 500, n)""",
        "comment": "printf('Comment %d', n % 9973)",
    },
    RESPONSE: {
        **USUAL,
        "sys_id": "printf('%032x', n)",
        "request_id": GUID,
        "response": "iif(n % 3, 'Approve', 'Deny')",
        "response_status_code": "200",
        "retry_attempts": "n % 4",
        "request": "printf('%032x', n)",
    },
    "task": {
        **USUAL,
        "sys_id": "printf('%032x', n)",
        "sys_class_name": "'incident'",
        "number": "printf('INC%07d', n)",
        "short_description": "printf('Printer %d burns', n % 7919)",
        "category": "iif(n % 2, 'network', 'software')",
        "priority": "n % 5 + 1",
        "active": "iif(n % 10, 'false', 'true')",
    },
}
PAGES = {
    "navigator": "/",
    "list, newest first": f"/{REQUEST}_list.do",
    "last page of a list": f"/{REQUEST}_list.do?sysparm_first_row=9981",
    "sorted by request id": f"/{REQUEST}_list.do?sysparm_query=ORDERBYrequest_id",
    "sorted by status, down": f"/{REQUEST}_list.do?sysparm_query=ORDERBYDESCstatus",
    "sorted by created": f"/{REQUEST}_list.do?sysparm_query=ORDERBYsys_created_on",
    "sorted by comment": f"/{REQUEST}_list.do?sysparm_query=ORDERBYcomment",
    "pending": f"/{REQUEST}_list.do?sysparm_query=status=Pending",
    "pending, sorted by created": f"/{REQUEST}_list.do?sysparm_query=status=Pending^ORDERBYsys_created_on",
    "approved, sorted by created": f"/{REQUEST}_list.do?sysparm_query=status=Approve^ORDERBYDESCsys_created_on",
    "comment is one of a hundred": f"/{REQUEST}_list.do?sysparm_query=comment=Comment 9972",
    "comment starts with 8,411": f"/{REQUEST}_list.do?sysparm_query=commentSTARTSWITHcomment 99",
    "contains: all rows": f"/{REQUEST}_list.do?sysparm_query=commentLIKEcomment",
    "contains: a tenth": f"/{REQUEST}_list.do?sysparm_query=commentLIKEcomment 9",
    "contains: a tenth, last page": f"/{REQUEST}_list.do?sysparm_query=commentLIKEcomment 9&sysparm_first_row=9981",
    "contains: a tenth, all of it old": f"/{REQUEST}_list.do?sysparm_query=metadataLIKEson 4",
    "contains: 2,000, of frequent parts": f"/{REQUEST}_list.do?sysparm_query=metadataLIKEpolicy 77",
    "contains: 100": f"/{REQUEST}_list.do?sysparm_query=commentLIKE9972",
    "contains: one": f"/{REQUEST}_list.do?sysparm_query=metadataLIKEreason 999999",
    "contains: none": f"/{REQUEST}_list.do?sysparm_query=metadataLIKEnowhere",
    "contains: two characters, many": f"/{REQUEST}_list.do?sysparm_query=commentLIKE77",
    "contains: two characters, none": f"/{REQUEST}_list.do?sysparm_query=commentLIKEzq",
    "contains: not ASCII, none": f"/{REQUEST}_list.do?sysparm_query=metadataLIKE\xfcber",
    "contains, in two columns": f"/{REQUEST}_list.do?sysparm_query=commentLIKE997^metadataLIKEpolicy 4",
    "contains, in either column": f"/{REQUEST}_list.do?sysparm_query=commentLIKE9972^ORmetadataLIKEreason 4711",
    "contains, sorted by another": f"/{REQUEST}_list.do?sysparm_query=commentLIKE777^ORDERBYsys_created_on",
    "contains: a tenth, sorted": f"/{REQUEST}_list.do?sysparm_query=commentLIKEcomment 9^ORDERBYsys_created_on",
    "responses": f"/{RESPONSE}_list.do",
    "responses, sorted by retries": f"/{RESPONSE}_list.do?sysparm_query=ORDERBYDESCretry_attempts",
    "responses to a request": f"/{RESPONSE}_list.do?sysparm_query=request={'0' * 27}abcde",
    "incidents": "/incident_list.do",
    "incidents, sorted by number": "/incident_list.do?sysparm_query=ORDERBYnumber",
    "incidents, description contains": "/incident_list.do?sysparm_query=short_descriptionLIKE777",
    "incidents, priority 3": "/incident_list.do?sysparm_query=priority=3",
    "incidents, active": "/incident_list.do?sysparm_query=active=true",
    "incidents, by short description": "/incident_list.do?sysparm_query=category=network^ORDERBYshort_description",
    "tasks": "/task_list.do",
    "form of a request": f"/{REQUEST}.do?sys_id={'0' * 27}abcde",
    "form of an incident": f"/incident.do?sys_id={'0' * 27}abcde",
    "new incident": "/incident.do?sys_id=-1",
    "cockpit: approvals": "/__cockpit/approvals",
    "cockpit: deliveries": "/__cockpit/deliveries",
}


def of_server(database: str) -> float:
    """Return the seconds of the processor that the PostgreSQL of a benchmark has taken; 0 for a file."""
    started = Path(str(sa.make_url(database).query.get("host"))) / "data" / "postmaster.pid"
    if not started.exists():
        return 0.0
    server = int(started.read_text().splitlines()[0])
    return sum(_taken(process, server) for process in Path("/proc").glob("[0-9]*"))


def _taken(process: Path, server: int) -> float:
    """Return the seconds of a process if the server has started it."""
    with suppress(OSError):  # it has ended
        parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        return int((process / "schedstat").read_text().split()[0]) / 1e9 if parent == server else 0.0
    return 0.0


async def served(settings: Settings, paths: Mapping[str, str]) -> dict[str, list[tuple[float, float]]]:
    """Return how many milliseconds a browser without script waits for each page, and those of the processor."""
    clock = VirtualClock()
    app = create_app(settings, clock=clock, ids=Ids(1))
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in paths}
    async with serving(app, "127.0.0.1", 0) as url, ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        async with http.get(f"{url}/login.do") as answer:
            token = re.search(r'name="sysparm_ck" value="(\w+)"', await answer.text())
        form = {"user_name": "admin", "user_password": "admin", "sysparm_ck": token[1] if token else ""}
        await http.post(f"{url}/login.do", data=form)
        await indexed()
        for name, path in paths.items():
            for _ in range(ROUNDS + 1):
                served_before = of_server(settings.database)
                began, worked = perf_counter(), process_time()
                async with http.get(f"{url}{path}") as answer:
                    html = await answer.text()
                waited, own = perf_counter() - began, process_time() - worked
                own += of_server(settings.database) - served_before
                times[name].append((waited * 1000, own * 1000))
                if answer.status != 200 or (not path.startswith("/__") and "Log out" not in html):  # noqa: PLR2004 - OK
                    raise RuntimeError(f"{path} answered {answer.status}: {html[:500]}")
    await clock.aclose()
    return times


async def indexed() -> None:
    """Wait until the instance has indexed what it found: its background work goes on in tasks, which end with it."""
    busy = {"_run_steps", "to_thread"}
    while any(  # noqa: ASYNC110 - they tell nobody when they end
        getattr(task.get_coro(), "__name__", "") in busy for task in asyncio.all_tasks()
    ):
        await asyncio.sleep(0.05)


def copy(file: Path, url: str) -> None:
    """Copy the rows of a file into PostgreSQL."""
    address = sa.make_url(url)
    reading = sqlite3.connect(file)
    with (
        closing(reading),
        psycopg.connect(host=str(address.query["host"]), user=address.username, dbname=address.database) as writing,
    ):
        for table, columns in ROWS_OF.items():
            named = ", ".join(columns)
            with writing.cursor().copy(f"COPY {table} ({named}) FROM STDIN".encode()) as rows:
                for row in reading.execute(f"SELECT {named} FROM {table} WHERE sys_created_by = {OURS} ORDER BY rowid"):  # noqa: S608 - ours
                    rows.write_row(row)
        writing.execute("ANALYZE")


@contextmanager
def filled(store: str, folder: Path) -> Iterator[str]:
    """Give the URL of a database with the rows."""
    file = folder / "pages.db"
    asyncio.run(served(Settings(database=f"sqlite:///{file}"), {}))
    fill(file)
    if store != "postgresql":
        yield f"sqlite:///{file}"
        return
    with serving_postgresql() as server, server.database() as url:
        asyncio.run(served(Settings(database=url), {}))
        copy(file, url)
        yield url


def fill(file: Path) -> None:
    """Insert the rows directly into the database."""
    with closing(sqlite3.connect(file)) as database, database:
        for table, columns in ROWS_OF.items():
            into, values = f"{table} ({', '.join(columns)})", ", ".join(columns.values())
            database.execute(f"{COUNTED} INSERT INTO {into} SELECT {values} FROM i")  # noqa: S608 - ours


def main() -> None:
    """Measure and print the table."""
    store = sys.argv[1] if len(sys.argv) > 1 else "file"
    with TemporaryDirectory() as folder, filled(store, Path(folder)) as url:
        times = asyncio.run(served(Settings(database=url), PAGES))
    table = Table("page", "first", "median", "processor, median", title=f"{ROWS:,} rows, {store} (goal: {GOAL_MS} ms)")
    for name, (first, *rest) in times.items():
        waited, worked = (median(column) for column in zip(*rest, strict=True))
        style = "red" if worked > GOAL_MS else ""
        table.add_row(name, f"{first[0]:.1f} ms", f"{waited:.1f} ms", f"{worked:.1f} ms", style=style)
    Console().print(table)


if __name__ == "__main__":
    main()
