"""Records of sys_db_object, sys_dictionary and sys_choice act from the request on that writes them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from aiohttp import ClientSession, CookieJar

from mock_servicenow.app import Blueprint
from mock_servicenow.settings import Settings

from .conftest import RESPONSE, Instance, running
from .dictionary_records import SHOWN, delete_record, ignored, make_record

CENTRE = {"name": "incident", "element": "u_cost_centre", "column_label": "Cost centre", "max_length": "20"}
CLOUD = {"name": "incident", "element": "category", "value": "cloud", "label": "Cloud service"}


@pytest.mark.long
async def test_a_new_column_is_stored_shown_queried_and_on_pages(instance: Instance) -> None:
    """From the answer on it is like a column that ships; its default and its attributes count."""
    await make_record(instance, "sys_dictionary", **CENTRE, default_value="CC-0", mandatory="true")
    first, second = (
        await make_record(instance, "incident"),
        await make_record(instance, "incident", u_cost_centre="CC-1"),
    )
    rows = await instance.read(
        "incident", query="u_cost_centreSTARTSWITHCC^ORDERBYu_cost_centre", sysparm_fields="sys_id,u_cost_centre"
    )
    assert rows == [{"sys_id": first, "u_cost_centre": "CC-0"}, {"sys_id": second, "u_cost_centre": "CC-1"}]
    assert await _page(instance, f"/incident.do?sys_id={second}", "Cost centre", "CC-1")


async def _page(instance: Instance, path: str, *texts: str) -> bool:
    """Return whether an administrator reads these texts on a page."""
    async with ClientSession(instance.url, cookie_jar=CookieJar(unsafe=True)) as browser:
        html = await (await browser.get("/login.do")).text()
        ticket = html.partition('name="sysparm_ck" value="')[2].partition('"')[0]
        form = {"user_name": "admin", "user_password": "admin", "sysparm_ck": ticket}
        await browser.post("/login.do", data=form)
        answer = await browser.get(path)
        page = await answer.text()
        return answer.status == 200 and all(text in page for text in texts)


async def test_a_changed_column_acts(instance: Instance) -> None:
    """Label, default, length and flags of a column that ships follow its record; its type and name stay."""
    [record] = await instance.read("sys_dictionary", query="name=incident^element=subcategory")
    changes = {"column_label": "Kind", "default_value": "none", "internal_type": "integer", "active": "false"}
    assert (await instance.update("sys_dictionary", record["sys_id"], changes)).status == 200
    assert (await instance.insert("incident", {})).result["subcategory"] == "none"
    assert await ignored(instance) == [
        "column 'incident.subcategory' keeps its internal_type 'string', which is now 'integer'",
        "column 'incident.subcategory' ships, or comes from a file, and stays active",
    ]


@pytest.mark.long
async def test_the_label_of_a_choice_is_its_display_value(instance: Instance) -> None:
    """Of a column that ships, of one that a parent has, until it is inactive or deleted."""
    sys_id = await make_record(instance, "incident", category="cloud", escalation="9")
    choices = [await make_record(instance, "sys_choice", **CLOUD)]
    choices.append(
        await make_record(instance, "sys_choice", name="incident", element="escalation", value="9", label="Nine")
    )
    fields = {"sysparm_fields": "category,escalation", **SHOWN}
    assert await instance.read("incident", sys_id, **fields) == {"category": "Cloud service", "escalation": "Nine"}
    assert (await instance.update("sys_choice", choices[0], {"inactive": "true"})).status == 200
    assert await delete_record(instance, "sys_choice", choices[1]) == 204
    assert await instance.read("incident", sys_id, **fields) == {"category": "cloud", "escalation": "9"}
    for known in await instance.read("sys_choice", query="name=incident^element=category"):
        assert await delete_record(instance, "sys_choice", known["sys_id"]) == 204
    assert await instance.read("incident", sys_id, **fields) == {"category": "cloud", "escalation": "9"}


@pytest.mark.long
async def test_a_new_table_answers_and_extends(instance: Instance) -> None:
    """Its columns are defined by records too; those that it inherits are there."""
    [task] = await instance.read("sys_db_object", query="name=task")
    await make_record(instance, "sys_db_object", name="u_case", label="Case", super_class=task["sys_id"])
    await make_record(instance, "sys_db_object", name="u_part", is_extendable="true")
    await make_record(
        instance, "sys_dictionary", name="u_part", element="u_case", internal_type="reference", reference="u_case"
    )
    await make_record(
        instance, "sys_dictionary", name="u_case", element="u_size", internal_type="integer", default_value="3"
    )
    case = await make_record(instance, "u_case", short_description="Moved")
    await make_record(instance, "u_part", u_case=case)
    [row] = await instance.read(
        "u_part", query="u_case.u_size=3", sysparm_fields="u_case.short_description,sys_class_name"
    )
    assert row == {"u_case.short_description": "Moved", "sys_class_name": "u_part"}
    [row] = await instance.read("task", query="sys_class_name=u_case", sysparm_fields="sys_class_name", **SHOWN)
    assert row == {"sys_class_name": "Case"}
    assert await _page(instance, "/u_case_list.do", "Moved")
    assert not await ignored(instance)


@pytest.mark.long
async def test_deletion_acts(instance: Instance) -> None:
    """A deleted column and its values are gone; so are a deleted table, its records, its columns and choices."""
    column = await make_record(instance, "sys_dictionary", **CENTRE, unique="true")
    sys_id = await make_record(instance, "incident", u_cost_centre="CC-1")
    assert (await instance.insert("incident", {"u_cost_centre": "CC-1"})).status == 403
    await make_record(instance, "sys_choice", name="incident", element="u_cost_centre", value="CC-1", label="One")
    assert await delete_record(instance, "sys_dictionary", column) == 204
    assert "u_cost_centre" not in await instance.read("incident", sys_id)
    await make_record(instance, "sys_dictionary", **CENTRE, internal_type="integer")
    assert (await instance.read("incident", sys_id, **SHOWN))["u_cost_centre"] == ""

    tables = {
        name: await make_record(instance, "sys_db_object", name=name, super_class=parent)
        for name, parent in (("u_base", ""), ("u_case", "u_base"), ("u_job", "task"))
    }
    await make_record(instance, "sys_dictionary", name="u_job", element="u_hours", internal_type="integer")
    job = await make_record(instance, "u_job", u_hours="8")
    assert await delete_record(instance, "sys_db_object", tables["u_base"]) == 403
    for name in ("u_job", "u_case", "u_base"):
        assert await delete_record(instance, "sys_db_object", tables[name]) == 204
        assert (await instance.call("GET", f"/api/now/table/{name}")).status == 400
    assert (await instance.call("GET", f"/api/now/table/task/{job}")).status == 404
    assert not await instance.read("sys_dictionary", query="name=u_job")
    assert not await _page(instance, "/u_base_list.do")


async def test_what_ships_stays(instance: Instance) -> None:
    """Tables and columns that the instance relies on cannot be deleted."""
    for table, query in (("sys_db_object", "name=incident"), ("sys_dictionary", "name=sys_user^element=user_name")):
        [record] = await instance.read(table, query=query)
        assert await delete_record(instance, table, record["sys_id"]) == 403


async def test_administrators_alone_define_tables(instance: Instance) -> None:
    """Others are refused, and nothing changes."""
    auth = await instance.add_user("anna", "itil")
    for table, values in (("sys_dictionary", CENTRE), ("sys_choice", CLOUD), ("sys_db_object", {"name": "u_case"})):
        assert (await instance.insert(table, dict(values), auth)).status == 403
    assert "u_cost_centre" not in (await instance.insert("incident", {})).result


@pytest.mark.long
@pytest.mark.parametrize(
    ("table", "values", "why"),
    [
        (
            "sys_db_object",
            {"name": "u case"},
            "table has name 'u case'; expected letters, digits and _, a letter first",
        ),
        ("sys_db_object", {"name": "INCIDENT"}, "table 'INCIDENT' differs only in case from table 'incident'"),
        ("sys_db_object", {"name": "sqlite_x"}, "table 'sqlite_x' has a name that is reserved"),
        (
            "sys_db_object",
            {"name": "u_x", "super_class": "u_none"},
            "table 'u_x' extends 'u_none', which is not defined",
        ),
        (
            "sys_dictionary",
            {"name": "u_x", "element": "u_a"},
            "column 'u_x.u_a' is of table 'u_x', which is not defined",
        ),
        ("sys_dictionary", {"name": "task", "element": "a b"}, "column 'task.a b' has name 'a b'; expected letters"),
        ("sys_dictionary", {"name": "task", "element": "sys_id"}, "column 'task.sys_id' is one that every table has"),
        (
            "sys_dictionary",
            {"name": "task", "element": "rowid"},
            "column 'task.rowid' has a name that databases reserve",
        ),
        ("sys_dictionary", {"name": "incident", "element": "number"}, "column 'incident.number' is defined already in"),
        ("sys_dictionary", {"name": "task", "element": "Number"}, "column 'task.Number' differs only in case from"),
        (
            "sys_dictionary",
            {"name": "task", "element": "severity", "internal_type": "string"},
            "column 'task.severity' has type 'string'; its hierarchy stores that column as 'integer'",
        ),
        (
            "sys_dictionary",
            {"name": "task", "element": "u_a", "internal_type": "intger"},
            "column 'task.u_a' has type 'intger', which is unknown: it holds texts",
        ),
        (
            "sys_dictionary",
            {"name": "task", "element": "u_a", "internal_type": "reference", "reference": "u_none"},
            "column 'task.u_a' refers to table 'u_none', which is not defined",
        ),
        (
            "sys_dictionary",
            {"name": "task", "element": "u_a", "internal_type": "integer", "default_value": "few"},
            "column 'task.u_a' has default 'few'; expected a value of type integer",
        ),
        (
            "sys_choice",
            {"name": "u_x", "element": "u_a", "value": "1"},
            "choices of 'u_x.u_a': the table is not defined",
        ),
        (
            "sys_choice",
            {"name": "task", "element": "u_a", "value": "1"},
            "choices of 'task.u_a': there is no such column",
        ),
        (
            "sys_choice",
            {"name": "task", "element": "active", "value": "1"},
            "choices of 'task.active': a column of type",
        ),
        (
            "sys_choice",
            {"name": "task", "element": "state", "value": "x"},
            "choices of 'task.state': 'x' is not a value of",
        ),
    ],
)
async def test_what_has_no_effect_is_a_finding(
    instance: Instance, table: str, values: dict[str, str], why: str
) -> None:
    """The record is stored, as ServiceNow takes it; the finding says why it does nothing."""
    await make_record(instance, table, **values)
    [message] = await ignored(instance)
    assert message.startswith(why)
    assert (await instance.insert("incident", {})).status == 201
    assert [message] == await ignored(instance)


@pytest.mark.long
async def test_records_without_meaning_are_no_findings(instance: Instance) -> None:
    """A collection's own record, an inactive one, another language, a second record of a choice, a changed comment."""
    await make_record(instance, "sys_dictionary", name="incident", internal_type="collection")
    await make_record(instance, "sys_dictionary", **CENTRE, active="false")
    await make_record(instance, "sys_choice", **CLOUD | {"language": "de", "label": "Wolke"})
    for label in ("Cloud service", "Second"):
        await make_record(instance, "sys_choice", **CLOUD | {"label": label})
    [table] = await instance.read("sys_db_object", query="name=incident")
    assert (await instance.update("sys_db_object", table["sys_id"], {"sys_update_name": "x"})).status == 200
    made = await instance.insert("incident", {"category": "cloud"})
    assert "u_cost_centre" not in made.result
    assert (await instance.read("incident", made.result["sys_id"], **SHOWN))["category"] == "Cloud service"
    assert not await ignored(instance)


@pytest.mark.long
async def test_a_table_that_ships_may_become_extendable(instance: Instance) -> None:
    """Its label follows its record."""
    [table] = await instance.read("sys_db_object", query="name=sys_user")
    await instance.update("sys_db_object", table["sys_id"], {"label": "Person", "is_extendable": "true"})
    [admin] = await instance.read("sys_user", query="user_name=admin", **SHOWN)
    assert admin["sys_class_name"] == "Person"
    assert not await ignored(instance)


@pytest.mark.long
async def test_rows_of_files_define_tables_within_bounds(tmp_path: Path) -> None:
    """Such rows of --data act from the start on and after a reset; beyond a bound they have no effect."""
    file = tmp_path / "rows.yaml"
    tables = [{"name": f"u_t{number}"} for number in range(502)]
    columns = [{"name": "u_t0", "element": f"u_c{number}"} for number in range(1_002)]
    file.write_text(yaml.safe_dump({"sys_db_object": tables, "sys_dictionary": columns}))
    async with running(Settings(data=(file,))) as instance:
        for _ in range(2):
            made = await instance.insert("u_t0", {"u_c0": "first", "u_c1001": "beyond"})
            assert [made.result["u_c0"], made.result.get("u_c1001", "none")] == ["first", "none"]
            assert (await instance.call("GET", "/api/now/table/u_t499")).status == 200
            assert (await instance.call("GET", "/api/now/table/u_t500")).status == 400
            assert (await instance.call("POST", "/__admin/reset", None)).status == 204


@pytest.mark.long
async def test_a_password_column_hides_what_is_written_to_it(instance: Instance) -> None:
    """The journal does not show it, as it is stored one way."""
    await make_record(instance, "sys_dictionary", name="incident", element="u_pin", internal_type="password")
    await make_record(instance, "incident", u_pin="four")
    shown = (await instance.call("GET", "/__admin/requests", None)).body
    assert "four" not in str(shown)


@pytest.mark.long
async def test_a_reset_returns_to_the_tables_at_start(instance: Instance) -> None:
    """Columns, tables and choices made since are gone, and may be made again, of another type."""
    for type_ in ("string", "integer"):
        await make_record(instance, "sys_dictionary", **CENTRE, internal_type=type_)
        await make_record(instance, "sys_db_object", name="u_case")
        await make_record(instance, "sys_choice", **CLOUD)
        await make_record(instance, "u_case")
        assert (await instance.call("POST", "/__admin/reset", None)).status == 204
        made = await instance.insert("incident", {"category": "cloud"})
        assert "u_cost_centre" not in made.result
        assert (await instance.call("GET", "/api/now/table/u_case")).status == 400
        assert (await instance.read("incident", made.result["sys_id"], **SHOWN))["category"] == "cloud"


@pytest.mark.long
async def test_a_snapshot_has_the_tables_of_its_moment(blueprint: Blueprint) -> None:
    """Those made later are gone, and those deleted later are back with their records."""
    async with running(Settings(), blueprint) as instance:
        column = await make_record(instance, "sys_dictionary", **CENTRE)
        sys_id = await make_record(instance, "incident", u_cost_centre="CC-1")
        assert (await instance.call("POST", "/__admin/snapshots", None, json={"name": "then"})).status < 300
        assert await delete_record(instance, "sys_dictionary", column) == 204
        await make_record(instance, "sys_db_object", name="u_case")
        assert (await instance.call("POST", "/__admin/snapshots/then/restore", None)).status < 300
        assert (await instance.read("incident", sys_id))["u_cost_centre"] == "CC-1"
        assert (await instance.call("GET", "/api/now/table/u_case")).status == 400


@pytest.mark.long
async def test_a_restart_keeps_what_records_define(lasting: str, tmp_path: Path) -> None:
    """Also what they change and delete; untouched records follow the files."""
    tables = tmp_path / "tables.yaml"
    tables.write_text("- {name: incident, columns: {u_size: {label: Size}, u_kind: {label: Kind}}}")
    async with running(Settings(database=lasting, tables=(tables,))) as instance:
        await make_record(instance, "sys_dictionary", **CENTRE)
        await make_record(instance, "sys_db_object", name="u_case")
        await make_record(instance, "sys_choice", **CLOUD)
        for value, change in (("network", {}), ("database", {"value": "data"}), ("hardware", {"element": "priority"})):
            [choice] = await instance.read("sys_choice", query=f"name=incident^element=category^value={value}")
            assert (await instance.update("sys_choice", choice["sys_id"], change)).status == 200
            assert await delete_record(instance, "sys_choice", choice["sys_id"]) == 204
        [size] = await instance.read("sys_dictionary", query="name=incident^element=u_size")
        await instance.update("sys_dictionary", size["sys_id"], {"column_label": "Extent"})
    tables.write_text("- {name: incident, columns: {u_size: {label: Big}, u_kind: {label: Sort}}}")
    for _ in range(2):
        async with running(Settings(database=lasting, tables=(tables,))) as instance:
            sys_id = await make_record(instance, "incident", u_cost_centre="CC-1", category="cloud")
            fields = {"sysparm_fields": "u_cost_centre,category", **SHOWN}
            assert await instance.read("incident", sys_id, **fields) == {
                "u_cost_centre": "CC-1",
                "category": "Cloud service",
            }
            gone = "name=incident^element=category^valueINnetwork,database,hardware"
            assert not await instance.read("sys_choice", query=gone)
            assert await make_record(instance, "u_case")
            assert await _page(instance, f"/incident.do?sys_id={sys_id}", "Cost centre", "Extent", "Sort")
            assert not await ignored(instance)


@pytest.fixture
async def processes(postgresql: Any, blueprint: Blueprint) -> AsyncIterator[tuple[Instance, Instance]]:
    """Serve two instances from one database, as two processes would."""
    with postgresql.database() as url:
        settings = Settings(database=url)
        async with running(settings, blueprint) as one, running(settings, blueprint, seed=2) as other:
            yield one, other


@pytest.mark.long
async def test_a_request_meets_the_end_of_a_column(postgresql: Any, blueprint: Blueprint) -> None:
    """What began with the tables of before, and reads or writes once the column is gone, begins anew."""
    async with AsyncExitStack() as stack:
        url = stack.enter_context(postgresql.database())
        one, other = [
            await stack.enter_async_context(running(Settings(database=url), blueprint, seed=seed)) for seed in (1, 2)
        ]
        column = await make_record(one, "sys_dictionary", **CENTRE, internal_type="string")
        sys_id = await make_record(other, "incident", u_cost_centre="7")
        outside = stack.enter_context(closing(psycopg.connect(url.replace("+psycopg", ""))))
        outside.execute("LOCK TABLE task IN ACCESS SHARE MODE")  # for which the end of the column waits
        calls: list[asyncio.Task[Any]] = [asyncio.create_task(delete_record(other, "sys_dictionary", column))]
        await _waiting(outside, 1)
        calls.append(asyncio.create_task(one.call("GET", f"/api/now/table/incident/{sys_id}")))
        calls.append(asyncio.create_task(one.insert("incident", {"u_cost_centre": "8"})))
        await _waiting(outside, 3)
        outside.rollback()
        deleted, read, made = await asyncio.gather(*calls)
    assert (deleted, read.status, made.status) == (204, 200, 201)
    assert "u_cost_centre" not in read.result.keys() | made.result.keys()


@pytest.mark.long
async def test_a_reset_and_a_new_column_do_not_wait_for_each_other(postgresql: Any, blueprint: Blueprint) -> None:
    """The column waits for the reset, which waits for nobody who waits for it."""
    async with AsyncExitStack() as stack:
        url = stack.enter_context(postgresql.database())
        one, other = [
            await stack.enter_async_context(running(Settings(database=url), blueprint, seed=seed)) for seed in (1, 2)
        ]
        outside = stack.enter_context(closing(psycopg.connect(url.replace("+psycopg", ""))))
        outside.execute(f"LOCK TABLE {RESPONSE} IN SHARE MODE")  # one of the last that a reset empties
        reset = asyncio.create_task(one.call("POST", "/__admin/reset", None))
        await _waiting(outside, 1)
        made = asyncio.create_task(other.insert("sys_dictionary", {**CENTRE, "internal_type": "string"}))
        await _waiting(outside, 2)
        outside.rollback()
        assert ((await reset).status, (await made).status) == (204, 201)
        assert "u_cost_centre" in (await one.insert("incident", {})).result


@pytest.mark.long
async def test_lists_are_answered_while_columns_change(postgresql: Any, blueprint: Blueprint) -> None:
    """A request in another thread keeps to the tables with which it began, and to what is known of these."""
    with postgresql.database() as url:
        async with running(Settings(database=url), blueprint) as instance:
            statuses: list[int] = []

            async def change() -> None:
                for _ in range(15):
                    column = await make_record(instance, "sys_dictionary", **CENTRE, internal_type="string")
                    await delete_record(instance, "sys_dictionary", column)

            async def look(query: str) -> None:
                while not changing.done():
                    path = f"/api/now/table/incident?sysparm_query={query}&sysparm_limit=5"
                    statuses.append((await instance.call("GET", path)).status)

            changing = asyncio.create_task(change())
            await asyncio.gather(*map(look, ("u_cost_centre=1", "caller_id.name=x^ORDERBYnumber", "numberISNOTEMPTY")))
            await changing
            assert 500 not in statuses


@pytest.mark.long
async def test_a_reset_that_waits_for_a_new_column_ends_it(postgresql: Any, blueprint: Blueprint) -> None:
    """The reset began while the column was not there yet; no process has it afterwards."""
    async with AsyncExitStack() as stack:
        url = stack.enter_context(postgresql.database())
        one, other = [
            await stack.enter_async_context(running(Settings(database=url), blueprint, seed=seed)) for seed in (1, 2)
        ]
        outside = stack.enter_context(closing(psycopg.connect(url.replace("+psycopg", ""))))
        outside.execute("SELECT pg_advisory_xact_lock(hashtextextended('tables', 0))")  # as a change of tables has it
        made = asyncio.create_task(other.insert("sys_dictionary", {**CENTRE, "internal_type": "string"}))
        await _waiting(outside, 1)
        reset = asyncio.create_task(one.call("POST", "/__admin/reset", None))
        await _waiting(outside, 2)
        outside.rollback()
        assert ((await reset).status, (await made).status) == (204, 201)
        for instance in (one, other):
            assert "u_cost_centre" not in (await instance.insert("incident", {})).result


async def _waiting(outside: "psycopg.Connection[Any]", number: int) -> None:
    """Return once so many wait for a lock of the database."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while outside.execute(waiting).fetchone() != (number,):
        await asyncio.sleep(0)


@pytest.mark.long
async def test_every_process_has_the_tables_at_once(processes: tuple[Instance, Instance]) -> None:
    """What one defines, changes, deletes or resets is so for the next request to another."""
    one, other = processes
    for type_ in ("string", "integer"):
        column = await make_record(one, "sys_dictionary", **CENTRE, internal_type=type_)
        sys_id = await make_record(other, "incident", u_cost_centre="7")
        for _ in range(8):  # so often that statements are prepared
            assert (await one.read("incident", sys_id))["u_cost_centre"] == "7"
        assert await delete_record(other, "sys_dictionary", column) == 204
        assert "u_cost_centre" not in await one.read("incident", sys_id)
    await make_record(other, "sys_db_object", name="u_case")
    assert await make_record(one, "u_case")
    assert (await one.call("POST", "/__admin/reset", None)).status == 204
    for instance in processes:
        assert (await instance.call("GET", "/api/now/table/u_case")).status == 400
