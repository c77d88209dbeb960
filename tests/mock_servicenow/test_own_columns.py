"""Columns, choices and rules of a user's own on tables that ship, through the APIs and the pages."""

from pathlib import Path

import pytest
import yaml

from mock_servicenow import StartError
from mock_servicenow.settings import Settings

from .conftest import running

TABLES = """
- name: incident
  acls: [{operation: delete, roles: [u_cleaner]}]
  columns:
    u_cost_centre: {label: Cost centre, reference: u_cost_centre}
    category: {choices: {cloud: Cloud service}}
- name: u_cost_centre
  columns: {u_code: {display: true}}
- name: u_contractor
  extends: sys_user
  columns: {u_agency: {}}
"""
ROWS = """
sys_user_role: [{name: u_cleaner}]
u_cost_centre: [{u_code: CC-1}, {u_code: CC-2}]
u_contractor: [{user_name: carla, user_password: secret, u_agency: Acme}]
"""


ACLS = """acls:
  - {operation: create}
  - operation: write
    %s"""


@pytest.mark.long
async def test_a_shipped_table_has_own_columns_choices_and_rules(tmp_path: Path) -> None:
    """A record takes the column, queries and pages know it, a choice has its label, and a rule refuses."""
    tables, rows = tmp_path / "tables.yaml", tmp_path / "rows.yaml"
    tables.write_text(TABLES)
    rows.write_text(ROWS)
    async with running(Settings(tables=(tables,), data=(rows,))) as instance:
        made = await instance.insert("incident", {"u_cost_centre": "CC-2", "category": "cloud"})
        [row] = await instance.read(
            "incident",
            query="u_cost_centre.u_code=CC-2",
            sysparm_fields="u_cost_centre,category",
            sysparm_display_value="true",
            sysparm_exclude_reference_link="true",
        )
        assert row == {"u_cost_centre": "CC-2", "category": "Cloud service"}
        record = f"/api/now/table/incident/{made.result['sys_id']}"
        assert (await instance.call("DELETE", record, ("carla", "secret"))).status == 403
        assert (await instance.call("DELETE", record)).status == 204
        people = await instance.read(
            "sys_user", query="user_name=carla^ORuser_name=admin", sysparm_fields="sys_class_name"
        )
        assert {row["sys_class_name"] for row in people} == {"sys_user", "u_contractor"}
        [described] = await instance.read("sys_dictionary", query="name=incident^element=u_cost_centre")
        assert [described["column_label"], described["internal_type"]] == ["Cost centre", "reference"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            "roles: [u_cleaner, itill]",
            "acl has role 'itill' (did you mean 'itil'?); expected a role that ships or is in",
        ),
        ("condition: sttae=1", "'sttae=1' is ignored: table 'incident' has no column 'sttae' (did you mean 'state'?)"),
        (
            "condition: active=true^caller_id.mangaer.name=x",
            "'caller_id.mangaer.name=x' is ignored: table 'sys_user' has no column 'mangaer' (did you mean 'manager'?)",
        ),
        (
            "condition: sys_id.name=x",
            "acl has condition 'sys_id.name=x': 'sys_id.name=x' is ignored: column 'sys_id' is not a reference",
        ),
        ("condition: state=abc", "'state=abc' compares with a value that no row can have: it is not a number"),
        ("condition: RLQUERYtask.x^ENDRLQUERY", "acl has condition 'RLQUERYtask.x^ENDRLQUERY': "),
    ],
)
@pytest.mark.parametrize("stored", [False, True])
async def test_a_rule_that_cannot_act(rule: str, told: str, tmp_path: Path, *, stored: bool) -> None:
    """Nobody can have the role, or no record meets the condition: the start is refused with file and line."""
    tables, rows, database = tmp_path / "tables.yaml", tmp_path / "rows.yaml", f"sqlite:///{tmp_path / 'instance.db'}"
    rows.write_text(ROWS)
    tables.write_text(TABLES)
    if stored:
        async with running(Settings(database=database, tables=(tables,), data=(rows,))):
            pass
    tables.write_text(TABLES.replace("acls: [{operation: delete, roles: [u_cleaner]}]", ACLS % rule))
    settings = Settings(database=database if stored else "sqlite://", tables=(tables,), data=(rows,))
    with pytest.raises(StartError) as caught:
        async with running(settings):
            pass
    assert str(caught.value).startswith("tables.yaml:6: table 'incident', acl has ")
    assert told in str(caught.value)


@pytest.mark.long
async def test_a_rule_for_queries(tmp_path: Path) -> None:
    """It refuses such queries of who has none of its roles; a rule for what is not known is refused at the start."""
    tables, rows = tmp_path / "tables.yaml", tmp_path / "rows.yaml"
    rows.write_text(ROWS)
    rule = "acls: [{operation: query_range, column: description, roles: [u_cleaner]}]"
    tables.write_text(TABLES.replace("acls: [{operation: delete, roles: [u_cleaner]}]", rule))
    settings = Settings(tables=(tables,), data=(rows,))
    async with running(settings) as instance:
        address = "/api/now/table/incident?sysparm_query=description"
        statuses = [
            (await instance.call("GET", address + rest, ("carla", "secret"))).status for rest in ("LIKEx", "=x")
        ]
    assert statuses == [403, 200]
    tables.write_text(tables.read_text().replace("query_range", "conditional_table_query_range"))
    with pytest.raises(StartError, match=r"'conditional_table_query_range'.*query_match, query_range"):
        async with running(settings):
            pass


@pytest.mark.long
async def test_a_numbered_table_has_numbers(tmp_path: Path) -> None:
    """Whoever gives a prefix need not define the column; who defines it, or extends a numbered table, has one only."""
    file = tmp_path / "tables.yaml"
    file.write_text(
        "- {name: u_asset, number: AST, extendable: true}\n- {name: u_car, extends: u_asset, number: CAR}\n"
        "- {name: u_tool, number: TOL, columns: {number: {label: Tag}}}\n"
    )
    async with running(Settings(tables=(file,))) as instance:
        rows = [(await instance.insert(name, {})).result["number"] for name in ("u_asset", "u_car", "u_tool")]
        labels = await instance.read("sys_dictionary", query="element=number^nameSTARTSWITHu_^ORDERBYname")
    assert rows == ["AST0010001", "CAR0010001", "TOL0010001"]
    assert [(each["name"], each["column_label"]) for each in labels] == [("u_asset", "Number"), ("u_tool", "Tag")]


@pytest.mark.long
async def test_a_default_has_the_form_that_records_store(tmp_path: Path) -> None:
    """Whatever form of it a file or a record writes: it is shown, and it is found."""
    duration, flag, day = ("glide_duration", "01:30:00"), ("boolean", "true"), ("glide_date", "2026-01-05")
    said = {"u_wait": duration, "u_flag": flag, "u_day": day}
    file = tmp_path / "tables.yaml"
    columns = {name: {"type": type_, "default": default} for name, (type_, default) in said.items()}
    file.write_text(yaml.safe_dump([{"name": "u_file", "columns": columns}]))
    async with running(Settings(tables=(file,))) as instance:
        await instance.insert("sys_db_object", {"name": "u_rest"})
        for name, (type_, default) in said.items():
            column = {
                "name": "u_rest",
                "element": name,
                "internal_type": type_,
                "default_value": default.replace("true", "yes"),
            }
            assert (await instance.insert("sys_dictionary", column)).status == 201
        for table in ("u_file", "u_rest"):
            assert (await instance.insert(table, {})).status == 201
            [shown] = await instance.read(table, query="u_flag=true^u_day=2026-01-05", sysparm_display_value="all")
            assert shown["u_wait"] == {"display_value": "1 Hour 30 Minutes", "value": "1970-01-01 01:30:00"}
            assert (shown["u_flag"]["value"], shown["u_day"]["value"]) == ("true", "2026-01-05")


@pytest.mark.long
async def test_rows_name_the_users_of_the_app(tmp_path: Path) -> None:
    """They ship, so rows may refer to them and change them, in a new database and in one that is there."""
    rows, database = tmp_path / "rows.yaml", f"sqlite:///{tmp_path / 'instance.db'}"
    for title in ("First", "Second"):
        user = {"user_name": "privman.approver", "title": title}
        incident = {"number": f"INC-{title}", "caller_id": "privman.approver"}
        rows.write_text(yaml.safe_dump({"sys_user": [user], "incident": [incident]}))
        async with running(Settings(database=database, data=(rows,))) as instance:
            [found] = await instance.read("incident", query=f"caller_id.title={title}^number=INC-{title}")
            [user] = await instance.read("sys_user", query="user_name=privman.approver")
            assert (found["caller_id"]["value"], user["name"]) == (user["sys_id"], "Privman Approver")
            assert (await instance.call("GET", "/api/now/table/incident", ("privman.approver", "admin"))).status == 200


@pytest.mark.long
async def test_an_existing_database_gets_the_columns_and_its_records_a_class(tmp_path: Path) -> None:
    """Records stored before their table was extended are of that table."""
    tables, rows, database = tmp_path / "tables.yaml", tmp_path / "rows.yaml", f"sqlite:///{tmp_path / 'instance.db'}"
    tables.write_text(TABLES)
    rows.write_text(ROWS)
    async with running(Settings(database=database)) as instance:
        sys_id = (await instance.insert("incident", {"short_description": "before"})).result["sys_id"]
    async with running(Settings(database=database, tables=(tables,), data=(rows,))) as instance:
        assert (await instance.update("incident", sys_id, {"u_cost_centre": "f" * 32})).status == 200
        [admin] = await instance.read("sys_user", query="user_name=admin")
        assert admin["sys_class_name"] == "sys_user"
