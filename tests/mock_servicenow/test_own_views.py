"""Database views of a user's own, from files, through a start on rows that other files left."""

from pathlib import Path
from typing import Any

import pytest

from mock_servicenow import StartError
from mock_servicenow.settings import Settings

from .conftest import running

TABLES = """
- name: u_order
  columns: {u_name: {display: true}, u_size: {type: integer}, u_buyer: {reference: sys_user}}
- name: u_buyers
  label: Orders with buyers
  acls: [{operation: read, roles: [itil]}]
  view:
    - {table: u_order, prefix: ord, columns: [u_name, u_buyer, u_size]}
    - {table: sys_user, prefix: buyer, where: ord_u_buyer = buyer_sys_id, left_join: true}
"""
ROWS = """
u_order: [{u_name: Ink, u_size: 1, u_buyer: admin}, {u_name: Pen, u_size: 2}]
"""


@pytest.mark.long
async def test_a_view_of_a_file_follows_the_file(tmp_path: Path) -> None:
    """Its records describe it; a start with another file changes it, and one without the file leaves the records."""
    tables, rows, database = tmp_path / "tables.yaml", tmp_path / "rows.yaml", f"sqlite:///{tmp_path / 'instance.db'}"
    tables.write_text(TABLES)
    rows.write_text(ROWS)
    shown = {"query": "ORDERBYord_u_name", "sysparm_fields": "ord_u_name,buyer_user_name"}
    async with running(Settings(database=database, tables=(tables,), data=(rows,))) as instance:
        assert [list(row.values()) for row in await instance.read("u_buyers", **shown)] == [
            ["Ink", "admin"],
            ["Pen", ""],
        ]
        [view] = await instance.read("sys_db_view", query="name=u_buyers")
        fields = await instance.read("sys_db_view_table_field", query=f"view_table.view={view['sys_id']}")
        assert [field["field"] for field in fields] == ["u_name", "u_buyer", "u_size"]
    tables.write_text(TABLES.replace(", left_join: true", "").replace("buyer_sys_id", "buyer_sys_id && ord_u_size < 9"))
    async with running(Settings(database=database, tables=(tables,))) as instance:
        assert [row["ord_u_name"] for row in await instance.read("u_buyers", **shown)] == ["Ink"]
    async with running(Settings(database=database)) as instance:
        assert [row["ord_u_name"] for row in await instance.read("u_buyers", **shown)] == ["Ink"]
        [kept] = await instance.read("sys_db_view", query="name=u_buyers")
        assert (kept["sys_id"], kept["label"]) == (view["sys_id"], "Orders with buyers")


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "rows", "why"),
    [
        ("rows.yaml", "incident_sla: [{inc_number: X}]", "rows.yaml:1: table 'incident_sla' is a database view, which"),
        (
            "rows.xml",
            '<unload>\n<incident_sla action="INSERT_OR_UPDATE"><inc_number>X</inc_number></incident_sla></unload>',
            "rows.xml:2: incident_sla is of a database view, which has no records of its own",
        ),
    ],
)
async def test_a_view_takes_no_rows_of_files(tmp_path: Path, name: str, rows: str, why: str) -> None:
    """The error names file and line."""
    (tmp_path / name).write_text(rows)
    with pytest.raises(StartError) as caught:
        async with running(Settings(data=(tmp_path / name,))):
            pass
    assert why in str(caught.value)


CROSS = """
- name: u_cross
  view:
    - {table: sys_dictionary, prefix: a}
    - {table: sys_dictionary, prefix: b}
    - {table: sys_dictionary, prefix: c}
"""


@pytest.mark.long
@pytest.mark.store
async def test_a_join_that_takes_too_long_is_cancelled(postgresql: Any, first_state: str, tmp_path: Path) -> None:
    """As ServiceNow cancels it, and the instance goes on."""
    tables = tmp_path / "tables.yaml"
    tables.write_text(CROSS)
    with postgresql.database(first_state) as database:
        settings = Settings(database=f"{database}&options=-cstatement_timeout=2s", tables=(tables,))
        async with running(settings) as instance:
            answer = await instance.call("GET", "/api/now/table/u_cross?sysparm_limit=1")
            assert answer.status == 500
            assert answer.body["error"]["message"] == "Transaction cancelled: maximum execution time exceeded"
            assert await instance.read("incident") != []
