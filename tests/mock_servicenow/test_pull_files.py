"""What a pull writes: every row that was asked for, in files that can be read, and nobody else's file is touched."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from mock_servicenow import MockServiceNow, Settings
from mock_servicenow.pull.pulled_files import rows_texts
from mock_servicenow.pull.read_only import PAGE

from .test_pull import pull

MORE = PAGE + 30
TABLES = """
- {name: u_desk, columns: {u_at: {type: integer}, u_note: {display: true}}}
- {name: incident, number: TKT}
"""


@pytest.fixture
def source(tmp_path: Path) -> Iterator[MockServiceNow]:
    """Serve an instance with more rows than a page has."""
    tables, data = tmp_path / "source.yaml", tmp_path / "rows.yaml"
    tables.write_text(TABLES)
    rows = [{"u_at": number * 7 % MORE, "u_note": f"a {number}"} for number in range(MORE)]
    data.write_text(yaml.safe_dump({"u_desk": rows}))
    with MockServiceNow(Settings(tables=(tables,), data=(data,))) as served:
        yield served


@pytest.mark.long
@pytest.mark.parametrize("order", ["ORDERBYDESCu_at", "u_at>=0^ORDERBYu_at"])
def test_a_query_with_an_order_gets_every_row(source: MockServiceNow, tmp_path: Path, order: str) -> None:
    """On every page; with fewer rows it gets the first ones."""
    out = tmp_path / "pulled"
    for most in (2 * PAGE, 5):
        assert pull(source, out, "--query", f"u_desk={order}", "--rows", str(most), tables="u_desk") == 0
        found = [row["u_at"] for row in yaml.safe_load((out / "data.yaml").read_text())["u_desk"]]
        first = range(MORE - 1, MORE - 6, -1) if "DESC" in order else range(5)
        assert sorted(map(int, found)) == sorted(first if most < MORE else range(MORE))


def test_files_of_others_stay(source: MockServiceNow, tmp_path: Path) -> None:
    """A pull replaces the files of an earlier one alone."""
    out = tmp_path / "pulled"
    out.mkdir()
    for name in ("data-mine.yaml", "data-2.yaml", "mine.yaml"):
        (out / name).write_text("{}\n")
    assert pull(source, out, "--rows", "1", tables="u_desk") == 0
    assert {"data-mine.yaml", "mine.yaml", "data-2.yaml"} & {file.name for file in out.iterdir()} == {
        "data-mine.yaml",
        "mine.yaml",
    }


def test_a_number_of_the_instance_has_its_prefix(source: MockServiceNow, tmp_path: Path) -> None:
    """A table that ships, too."""
    out = tmp_path / "pulled"
    assert pull(source, out, "--rows", "1", tables="incident") == 0
    with MockServiceNow(Settings(tables=(out / "tables.yaml",))) as served:
        made = requests.post(f"{served.url}/api/now/table/incident", json={}, auth=served.auth, timeout=30)
        assert made.json()["result"]["number"].startswith("TKT")


@pytest.mark.parametrize("text", ["a \x85 b", "a\u2028b", "a\u2029b", "\ufeffa", "a\x7fb"])
def test_a_file_of_rows_has_every_text(text: str) -> None:
    """What YAML takes for the end of a line, or does not take at all, is escaped."""
    (written,) = rows_texts({"incident": [{"short_description": text}]})
    assert yaml.safe_load(written) == {"incident": [{"short_description": text}]}


def test_no_table_of_a_file_is_without_rows() -> None:
    """A file may end where the next table begins."""
    rows = {"incident": [{"sys_id": "a" * 32}], "problem": [{"sys_id": "b" * 32}], "task": []}
    for most in range(1, 150):
        found = [yaml.safe_load(text) for text in rows_texts(rows, most)]
        assert [table for each in found for table, listed in each.items() if not listed] == []
