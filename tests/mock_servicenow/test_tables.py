"""The app's tables, as the wire names list them."""

from pathlib import Path

import pytest
import yaml
from aiohttp import ClientSession, encode_basic_auth

from privman_contracts import WireNames
from privman_scenarios.language import known
from privman_scenarios.playing.world_builder import fresh_servicenow

TABLES = tuple(WireNames.load().group("tables"))


async def _columns(inferred: Path | None, table: str) -> dict[str, tuple[str, str]]:
    """Return the columns of a table as an instance lists them, each with its type and the table that it refers to."""
    fields = {"sysparm_fields": "element,internal_type,reference", "sysparm_exclude_reference_link": "true"}
    asked = {"sysparm_query": f"name={WireNames.load(inferred).table(table)}", **fields}
    async with fresh_servicenow(inferred=inferred) as servicenow, ClientSession(servicenow.url) as session:
        headers = {"Authorization": encode_basic_auth(*servicenow.log_in.login)}
        async with session.get("/api/now/table/sys_dictionary", params=asked, headers=headers) as answer:
            rows = (await answer.json())["result"]
            return {row["element"]: (row["internal_type"], row["reference"]) for row in rows}


@pytest.mark.parametrize("table", TABLES)
async def test_every_table_and_column_of_the_wire_is_defined(table: str) -> None:
    """The instance has each table and column that the wire names list."""
    missing = set(WireNames.load().group(f"columns.{table}").values()) - (await _columns(None, table)).keys()
    assert not missing, f"privilege_manager/tables.py lacks columns of {table!r} in inferred.yaml: {', '.join(missing)}"


@pytest.mark.long
@pytest.mark.parametrize("table", TABLES)
async def test_columns_follow_the_file_of_inferred_names(table: str, tmp_path: Path) -> None:
    """Columns that a file spells in another way are defined in that spelling alone."""
    packaged = WireNames.load().group(f"columns.{table}")
    renamed = {column: f"u_{column}_2" for column in packaged}
    inferred = tmp_path / "ours.yaml"
    inferred.write_text(yaml.safe_dump({"columns": {table: renamed}}), encoding="utf-8")
    found = (await _columns(inferred, table)).keys()
    assert found >= set(renamed.values())
    assert found.isdisjoint(packaged.values())


@pytest.mark.parametrize("table", TABLES)
async def test_columns_have_the_type_of_what_they_hold(table: str) -> None:
    """A number is an integer, a flag is true or false, and a reference is to the table whose sys_ids it holds."""
    names, defined = WireNames.load(), await _columns(None, table)
    for name in (each for each in names if each.group == f"columns.{table}"):
        type_, reference = defined[str(name.value)]
        expected = {"integer": "number", "boolean": "flag"}.get(type_, "")
        assert name.holds == expected if expected else name.holds not in ("number", "flag")
        assert not reference or reference == names.group("tables").get(name.holds)


def test_clean_up_knows_every_table() -> None:
    """What a run deletes, it looks for in every table of the wire."""
    assert known.TABLES == TABLES
