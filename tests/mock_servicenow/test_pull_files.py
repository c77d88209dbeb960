"""What a pull writes: every row that was asked for, in files that can be read, and nobody else's file is touched."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from mock_servicenow import MockServiceNow, Settings
from mock_servicenow.pull.pseudonyms import Pseudonyms
from mock_servicenow.pull.pulled_files import rows_texts
from privman_core.table_reader import PAGE

from .pulling import Rows, column, pull, pull_table

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
    out, rules = tmp_path / "pulled", tmp_path / "rules.yaml"
    rules.write_text("- {columns: [u_at], as: copy}")
    for most in (2 * PAGE, 5):
        options = ["--query", f"u_desk={order}", "--rows", str(most), "--rules", str(rules)]
        assert pull(source, out, *options, tables="u_desk") == 0
        found = [row["u_at"] for row in yaml.safe_load((out / "data.yaml").read_text())["u_desk"]]
        first = range(MORE - 1, MORE - 6, -1) if "DESC" in order else range(5)
        assert sorted(map(int, found)) == sorted(first if most < MORE else range(MORE))


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.parametrize("seed", ["a", "b"])
def test_no_two_numbers_have_one_pseudonym(seed: str) -> None:
    """And none is its own: a unique column keeps its rows."""
    pseudonyms = Pseudonyms(seed)
    for size in (1, 2, 3):
        numbers = [f"{each:0{size}d}" for each in range(10**size)]
        made = [pseudonyms.replaced("digits", each) for each in numbers]
        assert sorted(made) == numbers
        assert [each for each, other in zip(numbers, made, strict=True) if each == other] == []


def test_users_whose_names_differ_in_a_number_can_be_served(source: MockServiceNow, tmp_path: Path) -> None:
    """As those of the mock itself do, ``admin.03`` and ``admin.04``."""
    out = tmp_path / "pulled"
    assert pull(source, out, tables="sys_user") == 0
    pulled = yaml.safe_load((out / "data.yaml").read_text())["sys_user"]
    names = {row["user_name"] for row in pulled if "user_name" in row}
    assert len(names) > 12
    with MockServiceNow(Settings(data=(out / "data.yaml",))) as served:
        assert {row["user_name"] for row in served.find("sys_user")} > names


SECRETS = {
    "u_api_token": ("GUID", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"),
    "u_secret_doc": ("document_id", "0f1e2d3c4b5a69788796a5b4c3d2e1f1"),
    "u_api_keys": ("glide_list", "0f1e2d3c4b5a69788796a5b4c3d2e1f2"),
    "u_birthdate": ("longint", "19800517"),
    "u_geboren_am": ("glide_date_time", "1980-05-19 00:00:00"),
    "u_pin_code": ("integer", "471103"),
    "u_card_number": ("longint", "4111111111111111"),
    "u_SSN": ("integer", "219099"),
    "u_income": ("decimal", "98125.5"),
    "u_lat": ("float", "48.137154"),
}


def test_what_is_secret_by_its_name_is_left_out_whatever_its_type(tmp_path: Path) -> None:
    """With its default and its choices; a boolean says nothing."""
    columns = [
        column(at, name, type_, default_value=value) for at, (name, (type_, value)) in enumerate(SECRETS.items())
    ]
    flag = column(len(columns), "u_needs_password", "boolean")
    row = {name: value for name, (_, value) in SECRETS.items()} | {"u_needs_password": "true"}
    code, written = pull_table(tmp_path / "pulled", [*columns, flag], row)
    tables = (tmp_path / "pulled" / "tables.yaml").read_text()
    assert code == 0
    assert [value for _, value in SECRETS.values() if value in written + tables] == []
    assert '"u_needs_password":"true"' in written


def test_a_user_who_was_copied_can_get_a_password(source: MockServiceNow, tmp_path: Path) -> None:
    """Who failed to log in at the instance is not locked out here after fewer attempts."""
    url, out = f"{source.url}/api/now/table/sys_user", tmp_path / "pulled"
    made = requests.post(url, json={"user_name": "zed", "failed_attempts": "4"}, auth=source.auth, timeout=30)
    user = made.json()["result"]["sys_id"]
    assert pull(source, out, f"--query=sys_user=sys_id={user}", tables="sys_user") == 0
    with MockServiceNow(Settings(data=(out / "data.yaml",))) as served:
        url = f"{served.url}/api/now/table/sys_user/{user}"
        asked = {"sysparm_input_display_value": "true"}
        set_ = requests.patch(url, json={"user_password": "opensesame"}, params=asked, auth=served.auth, timeout=30)
        assert set_.json()["result"]["failed_attempts"] in {"", "0"}
        name = set_.json()["result"]["user_name"]
        assert requests.get(url, auth=(name, "opensesame"), timeout=30).status_code == 200


@pytest.mark.parametrize("text", ["DE89370400440532013555", "L01234567", "ZEBULON1980"])
def test_what_is_no_number_of_a_record_becomes_words(tmp_path: Path, text: str) -> None:
    """Whatever the column is called."""
    _, written = pull_table(tmp_path / "pulled", [column(1, "number", "string", max_length="40")], {"number": text})
    assert '"number":"' in written
    assert text not in written


def test_labels_have_no_address(tmp_path: Path) -> None:
    """Neither that of a table nor that of a column."""
    label = "Desk of zed@bank.test"
    (tmp_path / "t.yaml").write_text(
        f"- {{name: u_seat, label: {label}, columns: {{u_at: {{type: integer, label: {label}}}}}}}"
    )
    with MockServiceNow(Settings(tables=(tmp_path / "t.yaml",))) as served:
        assert pull(served, tmp_path / "pulled", tables="u_seat") == 0
    written = [file.read_text() for file in (tmp_path / "pulled").iterdir()]
    assert [text for text in written if "zed@bank.test" in text] == []
    assert "Desk of" in (tmp_path / "pulled" / "tables.yaml").read_text()


def test_many_rows_are_in_several_files() -> None:
    """No file of rows exceeds its bound, and together they have every row, below its table."""
    rows: dict[str, Rows] = {"incident": [{"sys_id": f"{number:032x}"} for number in range(10)], "task": [{}]}
    texts = list(rows_texts(rows, 200))
    assert max(map(len, texts)) < 220
    found = [yaml.safe_load(text) for text in texts]
    assert [row for each in found for row in each.get("incident") or ()] == rows["incident"]
