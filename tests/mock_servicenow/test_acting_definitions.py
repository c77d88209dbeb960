"""A record of the dictionary that acts keeps its table or column, whatever is written later; others own nothing."""

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from mock_servicenow.app import Blueprint, StartError
from mock_servicenow.settings import Settings
from tests.generated import examples

from .conftest import Instance, running
from .dictionary_records import CHOICE, COLUMN, SHOWN, TABLE, change_record, delete_record, ignored, make_record


async def _own_table(instance: Instance, name: str = "u_case", **column: str) -> dict[str, str]:
    """Make a table with a column, a choice of it and a row; return their sys_ids."""
    made = {"table": await make_record(instance, TABLE, name=name)}
    made["column"] = await make_record(instance, COLUMN, name=name, element="u_size", **column)
    made["choice"] = await make_record(instance, CHOICE, name=name, element="u_size", value="7", label="Seven")
    made["row"] = await make_record(instance, name, u_size="7")
    return made


async def _size(instance: Instance, made: dict[str, str], name: str = "u_case") -> Any:
    return (await instance.read(name, made["row"], **SHOWN)).get("u_size", "no such column")


@pytest.mark.long
async def test_unique_over_equal_values_is_refused(lasting: str) -> None:
    """Nothing has changed, reads and writes go on, and the database starts again."""
    async with running(Settings(database=lasting)) as instance:
        made = await _own_table(instance)
        await make_record(instance, "u_case", u_size="7")
        answer = await instance.update(COLUMN, made["column"], {"unique": "true"})
        assert (answer.status, answer.body["error"]["detail"]) == (
            403,
            "Unique Key violation detected by database (records have equal values for key 'u_case.u_size')",
        )
        assert (await instance.read(COLUMN, made["column"]))["unique"] == "false"
        incident = await make_record(instance, "incident")
        await make_record(instance, TABLE, name="u_other")
        assert (await instance.read("incident", incident))["sys_id"] == incident
    async with running(Settings(database=lasting)) as instance:
        assert (await instance.read("incident", incident))["sys_id"] == incident
        assert (await instance.call("POST", "/__admin/reset", None)).status == 204


@pytest.mark.long
async def test_unique_acts_and_ends(instance: Instance) -> None:
    """Where values differ, until the record says otherwise."""
    made = await _own_table(instance)
    for unique, status in (("true", 403), ("false", 201), ("false", 201)):
        assert await change_record(instance, COLUMN, made["column"], unique=unique) == 200
        assert (await instance.insert("u_case", {"u_size": "7"})).status == status


@pytest.mark.long
async def test_a_file_of_rows_that_cannot_act_ends_the_start(tmp_path: Path) -> None:
    """In one line that says why; the database stays as it was."""
    database = f"sqlite:///{tmp_path / 'instance.db'}"
    async with running(Settings(database=database)) as instance:
        made = await _own_table(instance)
        await make_record(instance, "u_case", u_size="7")
    file = tmp_path / "rows.yaml"
    file.write_text(yaml.safe_dump({COLUMN: [{"sys_id": made["column"], "unique": "true"}]}))
    with pytest.raises(StartError, match=r"^the database cannot be used: .*'u_case\.u_size'\)$"):
        await _start(Settings(database=database, data=(file,)))
    await _start(Settings(database=database))


async def _start(settings: Settings) -> None:
    async with running(settings):
        pass


async def test_a_file_that_cannot_be_brought_up_ends_the_start(tmp_path: Path) -> None:
    """In one line: an index that is missing cannot be made over equal values."""
    file = tmp_path / "instance.db"
    await _start(Settings(database=f"sqlite:///{file}"))
    with closing(sqlite3.connect(file, isolation_level=None)) as changed:
        changed.execute('DROP INDEX "sys_user.user_name"')
        changed.execute("UPDATE sys_user SET user_name = 'admin' WHERE user_name = 'admin.01'")
    with pytest.raises(StartError, match=r"^the database cannot be used: UNIQUE constraint failed: .*user_name$"):
        await _start(Settings(database=f"sqlite:///{file}"))


@pytest.mark.long
@pytest.mark.parametrize(
    ("table", "name"), [("u_case", "u_case"), ("incident", "incident"), ("U_CASE", "u_case")], ids=str
)
async def test_a_second_record_of_a_table_owns_nothing(instance: Instance, table: str, name: str) -> None:
    """Its deletion leaves the table, its columns, its choices and its rows."""
    made = await _own_table(instance)
    before = [len(await instance.read(each, query=f"name={name}")) for each in (COLUMN, CHOICE)]
    assert await delete_record(instance, TABLE, await make_record(instance, TABLE, name=table)) == 204
    assert [len(await instance.read(each, query=f"name={name}")) for each in (COLUMN, CHOICE)] == before
    assert await _size(instance, made) == "Seven"


@pytest.mark.long
async def test_a_second_record_of_a_column_owns_nothing(instance: Instance) -> None:
    """Its deletion leaves the column with its values and choices, of a table that ships, too."""
    made = await _own_table(instance)
    assert (
        await delete_record(instance, COLUMN, await make_record(instance, COLUMN, name="u_case", element="u_size"))
        == 204
    )
    assert await _size(instance, made) == "Seven"
    second = await make_record(instance, COLUMN, name="change_request", element="state")
    choices = await instance.read(CHOICE, query="name=change_request^element=state")
    assert await delete_record(instance, COLUMN, second) == 204
    assert await instance.read(CHOICE, query="name=change_request^element=state") == choices


@pytest.mark.long
async def test_the_second_record_follows_a_deleted_one(lasting: str) -> None:
    """It then defines the column, without the values of the one that was deleted, and of its own type."""
    async with running(Settings(database=lasting)) as instance:
        made = await _own_table(instance)
        second = await make_record(instance, COLUMN, name="u_case", element="u_size", internal_type="integer")
        assert await delete_record(instance, COLUMN, made["column"]) == 204
        assert await _size(instance, made) == ""
        assert await change_record(instance, "u_case", made["row"], u_size="8") == 200
        again = await make_record(instance, TABLE, name="u_case")
        assert await delete_record(instance, TABLE, made["table"]) == 204
        assert not await instance.read("u_case")
        assert (await instance.call("GET", f"/api/now/table/{COLUMN}/{second}")).status == 404
        assert await delete_record(instance, TABLE, again) == 204
        assert (await instance.call("GET", "/api/now/table/u_case")).status == 400


@pytest.mark.long
async def test_a_file_takes_over_what_a_record_made(tmp_path: Path) -> None:
    """The values and choices stay, and stay when the record is deleted."""
    file, database = tmp_path / "tables.yaml", f"sqlite:///{tmp_path / 'instance.db'}"
    async with running(Settings(database=database)) as instance:
        column = await make_record(instance, COLUMN, name="incident", element="u_size")
        row = await make_record(instance, "incident", u_size="7")
        await make_record(instance, CHOICE, name="incident", element="u_size", value="7", label="Seven")
    file.write_text("- {name: incident, columns: {u_size: {}}}")
    async with running(Settings(database=database, tables=(file,))) as instance:
        assert await delete_record(instance, COLUMN, column) == 204
        assert (await instance.read("incident", row))["u_size"] == "7"
        assert (await instance.read("incident", row, **SHOWN))["u_size"] == "Seven"


CHANGES = [
    ("table", {"super_class": "task"}, "table 'u_case' keeps its super_class '', which is now 'task'"),
    ("column", {"active": "false"}, "column 'u_case.u_size' keeps its active 'true', which is now 'false'"),
    (
        "column",
        {"internal_type": "integer"},
        "column 'u_case.u_size' keeps its internal_type 'string', which is now 'integer'",
    ),
]


@pytest.mark.long
@pytest.mark.parametrize(("record", "change", "why"), CHANGES)
async def test_a_change_that_would_lose_values_has_no_effect(
    tmp_path: Path, blueprint: Blueprint, record: str, change: dict[str, str], why: str
) -> None:
    """It is a finding; rows and values stay, after a restart, too, and the record's deletion still acts."""
    settings = Settings(database=f"sqlite:///{tmp_path / 'instance.db'}")
    table = TABLE if record == "table" else COLUMN
    async with running(settings, blueprint) as instance:
        made = await _own_table(instance, internal_type="string")
        assert await change_record(instance, table, made[record], **change) == 200
        assert await ignored(instance) == [why]
        assert await _size(instance, made) == "Seven"
    async with running(settings, blueprint) as instance:
        assert await _size(instance, made) == "Seven"
        assert await delete_record(instance, table, made[record]) == 204
        assert (await instance.call("GET", "/api/now/table/u_case")).status == (400 if table == TABLE else 200)
        assert (await instance.read(CHOICE, query=f"sys_id={made['choice']}")) == []


@pytest.mark.long
@pytest.mark.parametrize("lacking", [False, True])
async def test_the_name_of_what_exists_cannot_be_changed(instance: Instance, *, lacking: bool) -> None:
    """Of a table or a column that was made, or ships; a record without effect may get the name under which it acts."""
    made = await _own_table(instance)
    [column] = await instance.read(COLUMN, query="name=sys_user^element=user_name")
    [table] = await instance.read(TABLE, query="name=problem")
    for record, sys_id, names in (
        (TABLE, made["table"], {"name": "u_two"}),
        (COLUMN, made["column"], {"element": "u_y"}),
        (COLUMN, made["column"], {"name": "task"}),
        (TABLE, table["sys_id"], {"name": "u_problem"}),
        (COLUMN, column["sys_id"], {"element": "u_name"}),
        (COLUMN, column["sys_id"], {"name": "task"}),
    ):
        before = await instance.read(record, sys_id)
        assert await change_record(instance, record, sys_id, **names) == 403
        assert await instance.read(record, sys_id) == before
    assert await _size(instance, made) == "Seven"
    other = await make_record(instance, COLUMN, name="u_case", element="u size" if lacking else "u_size")
    assert await change_record(instance, COLUMN, other, element="u_length") == 200
    assert (await instance.insert("u_case", {"u_length": "3"})).result["u_length"] == "3"


@pytest.mark.long
async def test_a_type_of_the_same_values_acts(instance: Instance) -> None:
    """No stored value changes."""
    made = await _own_table(instance, internal_type="string")
    assert await change_record(instance, COLUMN, made["column"], internal_type="url") == 200
    assert await _size(instance, made) == "Seven"
    assert not await ignored(instance)


@pytest.mark.long
async def test_children_stay_where_parents_would_extend_them(instance: Instance) -> None:
    """Circles have no effect."""
    [task] = await instance.read(TABLE, query="name=task")
    parents = {"task": task["sys_id"], "u_base": await make_record(instance, TABLE, name="u_base")}
    for number, parent in enumerate(parents.values()):
        child = await make_record(instance, TABLE, name=f"u_case{number}", super_class=parent)
        row = await make_record(instance, f"u_case{number}")
        assert await change_record(instance, TABLE, parent, super_class=child) == 200
        assert await instance.read(f"u_case{number}", row, sysparm_fields="sys_id") == {"sys_id": row}
        assert await delete_record(instance, TABLE, parent) == 403
        assert await delete_record(instance, TABLE, child) == 204
        assert (await instance.call("GET", "/api/now/table/task")).status == 200


@pytest.mark.long
async def test_names_that_a_file_of_rows_changes_have_no_effect(tmp_path: Path) -> None:
    """Tables and columns stay, with their records; so do records that another table's deletion meets."""
    file, database = tmp_path / "rows.yaml", f"sqlite:///{tmp_path / 'instance.db'}"
    async with running(Settings(database=database)) as instance:
        made = await _own_table(instance)
        [column] = await instance.read(COLUMN, query="name=sys_user^element=user_name")
        [table] = await instance.read(TABLE, query="name=problem")
        parents = {"u_case_child": made["table"], "u_problem_child": table["sys_id"]}
        children = {name: await make_record(instance, TABLE, name=name, super_class=of) for name, of in parents.items()}
        rows = {name: await make_record(instance, name) for name in children}
    renamed = {
        TABLE: [{"sys_id": made["table"], "name": "u_two"}, {"sys_id": table["sys_id"], "name": "x"}],
        COLUMN: [
            {"sys_id": made["column"], "name": "u_case", "element": "u_y"},
            {"sys_id": column["sys_id"], "name": "u_case", "element": "x"},
        ],
    }
    file.write_text(yaml.safe_dump(renamed))
    async with running(Settings(database=database, data=(file,))) as instance:
        assert await _size(instance, made) == "Seven"
        for name, row in rows.items():
            assert await instance.read(name, row, sysparm_fields="sys_id") == {"sys_id": row}
            assert await delete_record(instance, TABLE, children[name]) == 204
        late = await make_record(instance, TABLE, name="u_late", super_class=made["table"])
        assert await make_record(instance, "u_late", u_size="7")
        assert await delete_record(instance, TABLE, late) == 204
        assert await delete_record(instance, TABLE, table["sys_id"]) == 403
        assert await delete_record(instance, COLUMN, column["sys_id"]) == 403
        assert await change_record(instance, TABLE, made["table"], name="u_case", label="Case") == 200
        other = await make_record(instance, COLUMN, name="u_case", element="u_size")
        assert await delete_record(instance, TABLE, made["table"]) == 204
        assert (await instance.call("GET", f"/api/now/table/{COLUMN}/{column['sys_id']}")).status == 200
        assert (await instance.call("GET", f"/api/now/table/{COLUMN}/{other}")).status == 404
        assert (await instance.call("GET", "/api/now/table/problem")).status == 200


@pytest.mark.long
async def test_indexes_of_any_names_differ(lasting: str) -> None:
    """A table ``u_a`` with ``b_c`` and a table ``u_a_b`` with ``c`` have an index each, until its column is deleted."""
    pairs = (("u_a", "b_c"), ("u_a_b", "c"))
    async with running(Settings(database=lasting)) as instance:
        columns = []
        for table, column in pairs:
            await make_record(instance, TABLE, name=table)
            columns.append(await make_record(instance, COLUMN, name=table, element=column, unique="true"))
            assert [(await instance.insert(table, {column: "k"})).status for _ in range(2)] == [201, 403]
        assert await delete_record(instance, COLUMN, columns[0]) == 204
        assert (await instance.insert("u_a_b", {"c": "k"})).status == 403
    async with running(Settings(database=lasting)) as instance:
        assert (await instance.insert("u_a_b", {"c": "k"})).status == 403


NAMES, OWN = ("u_a", "u_b", "u_A", "incident"), ("u_a", "u_b")
ELEMENTS = ("u_x", "u_y", "state")
FIELDS: dict[str, dict[str, st.SearchStrategy[str]]] = {
    TABLE: {"name": st.sampled_from(NAMES), "super_class": st.sampled_from(["", "task", *OWN])},
    COLUMN: {
        "name": st.sampled_from([*NAMES, "task"]),
        "element": st.sampled_from(ELEMENTS),
        "internal_type": st.sampled_from(["string", "integer", "url"]),
        "unique": st.sampled_from(["true", "false"]),
        "active": st.sampled_from(["true", "true", "false"]),
    },
}
RECORDS = st.sampled_from([TABLE, COLUMN, COLUMN])
INSERTS = RECORDS.flatmap(lambda table: st.tuples(st.just(table), st.fixed_dictionaries(FIELDS[table])))
ROWS = st.tuples(
    st.sampled_from([*OWN, "incident"]), st.fixed_dictionaries({name: st.sampled_from("123") for name in ELEMENTS[:2]})
)
CHANGED = st.sampled_from([{name: values} for fields in FIELDS.values() for name, values in fields.items()])
WRITES = st.one_of(
    INSERTS,
    ROWS,
    ROWS,
    st.tuples(st.just("update"), st.integers(0, 20), CHANGED.flatmap(st.fixed_dictionaries)),
    st.tuples(st.just("delete"), st.integers(0, 20)),
)


FIRST = [
    (TABLE, {"name": "u_a", "super_class": ""}),
    (TABLE, {"name": "u_b", "super_class": "task"}),
    *((COLUMN, {"name": name, "element": "u_x", "internal_type": "string"}) for name in ("u_a", "u_b", "incident")),
    *((name, {"u_x": text}) for name in ("u_a", "u_b", "incident") for text in ("1", "1", "2")),
]
"""Something to lose."""
_NAMED_BY = {TABLE: "name", COLUMN: "element"}


@dataclass
class History:
    """What was written to an instance, and which values nobody has deleted.

    Attributes:
        records: the records of the dictionary that are there, each with all names that it has had.
        idle: those of which a finding said that they have no effect, as long as nothing else may have let them act.
        rows: values by table and sys_id.
    """

    records: list[tuple[str, str, set[str]]] = field(default_factory=list)
    idle: set[str] = field(default_factory=set)
    rows: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    async def write(self, instance: Instance, write: tuple[Any, ...]) -> None:
        """Write, and note what has to be there from now on."""
        if write[0] == "update":
            await self._update(instance, *write[1:])
        elif write[0] == "delete":
            await self._delete(instance, *write[1:])
        else:
            await self._insert(instance, *write)

    async def _insert(self, instance: Instance, table: str, values: dict[str, str]) -> None:
        known = len(await ignored(instance))
        answer = await instance.insert(table, values)
        assert answer.status in {201, 400, 403}, answer.body
        if answer.status != 201:
            return
        sys_id = answer.result["sys_id"]
        if table not in FIELDS:
            self.rows[table, sys_id] = {name: answer.result[name] for name in values if answer.result.get(name)}
            return
        self.records.append((table, sys_id, {values[_NAMED_BY[table]]}))
        if len(await ignored(instance)) > known:
            self.idle.add(sys_id)
        elif table == TABLE:
            self.idle.clear()

    async def _update(self, instance: Instance, number: int, values: dict[str, str]) -> None:
        if self.records:
            table, sys_id, names = self.records[number % len(self.records)]
            answer = await instance.update(table, sys_id, values)
            assert answer.status in {200, 403, 404}, answer.body  # its table may be deleted
            names.update(text for name, text in values.items() if name == _NAMED_BY[table])
            self.idle.clear()

    async def _delete(self, instance: Instance, number: int) -> None:
        if not self.records:
            return
        table, sys_id, names = record = self.records[number % len(self.records)]
        status = await delete_record(instance, table, sys_id)
        assert status in {204, 403, 404}
        if status == 403:
            return
        self.records.remove(record)
        if status == 404 or sys_id in self.idle:
            return
        self.idle.clear()
        if table == TABLE:
            self.rows = {key: row for key, row in self.rows.items() if key[0] not in names}
        else:
            for row in self.rows.values():
                for name in names:
                    row.pop(name, None)

    async def check(self, instance: Instance) -> None:
        """Assert that what nobody has deleted is there."""
        for table in ("task", "incident", COLUMN):
            answer = await instance.call("GET", f"/api/now/table/{table}", params={"sysparm_limit": "3"})
            assert answer.status == 200, answer.body
        for (table, sys_id), row in self.rows.items():
            answer = await instance.call("GET", f"/api/now/table/{table}/{sys_id}")
            assert answer.status == 200, (table, self)
            assert {name: answer.result.get(name) for name in row} == row


async def _tables(instance: Instance) -> list[Any]:
    shown = {"sysparm_exclude_reference_link": "true"}
    paths = [f"/api/now/table/{table}" for table in (*OWN, "u_A", "incident")]
    return [(await instance.call("GET", path, params=shown)).body for path in paths]


@pytest.mark.long
@examples(
    10,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(writes=st.lists(WRITES, min_size=8, max_size=20))
def test_no_sequence_of_records_loses_what_nobody_deleted(blueprint: Blueprint, writes: list[tuple[Any, ...]]) -> None:
    """The instance goes on answering, and has the same tables after a restart."""

    async def play(folder: str) -> None:
        settings, history = Settings(database=f"sqlite:///{folder}/instance.db"), History()
        async with running(settings, blueprint) as instance:
            for write in [*FIRST, *writes]:
                await history.write(instance, write)
                await history.check(instance)
            before = await _tables(instance)
        async with running(settings, blueprint, seed=2) as instance:
            await history.check(instance)
            assert await _tables(instance) == before

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(folder))
