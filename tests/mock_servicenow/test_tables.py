"""The app's tables, as the wire names list them."""

from pathlib import Path

import pytest
import yaml
from aiohttp import ClientSession, encode_basic_auth

from privman_contracts import WireNames
from privman_scenarios.language import known
from privman_scenarios.playing.world_builder import fresh_servicenow

TABLES = tuple(WireNames.load().group("tables"))


async def _columns(inferred: Path | None, table: str) -> set[str]:
    """Return the columns of a table as an instance lists them."""
    asked = {"sysparm_query": f"name={WireNames.load(inferred).table(table)}", "sysparm_fields": "element"}
    async with fresh_servicenow(inferred=inferred) as servicenow, ClientSession(servicenow.url) as session:
        headers = {"Authorization": encode_basic_auth(servicenow.user, servicenow.password)}
        async with session.get("/api/now/table/sys_dictionary", params=asked, headers=headers) as answer:
            return {row["element"] for row in (await answer.json())["result"]}


@pytest.mark.parametrize("table", TABLES)
async def test_every_table_and_column_of_the_wire_is_defined(table: str) -> None:
    """The instance has each table and column that the wire names list."""
    assert await _columns(None, table) >= set(WireNames.load().group(f"columns.{table}").values())


@pytest.mark.parametrize("table", TABLES)
async def test_columns_follow_the_file_of_inferred_names(table: str, tmp_path: Path) -> None:
    """Columns that a file spells in another way are defined in that spelling alone."""
    packaged = WireNames.load().group(f"columns.{table}")
    renamed = {column: f"u_{column}_2" for column in packaged}
    inferred = tmp_path / "ours.yaml"
    inferred.write_text(yaml.safe_dump({"columns": {table: renamed}}), encoding="utf-8")
    found = await _columns(inferred, table)
    assert found >= set(renamed.values())
    assert found.isdisjoint(packaged.values())


def test_clean_up_knows_every_table() -> None:
    """What a run deletes, it looks for in every table of the wire."""
    assert known.TABLES == TABLES
