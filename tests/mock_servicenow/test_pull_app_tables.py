"""``mock-servicenow pull`` of the app's tables, under the names that ``learn`` has found and without them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mock_servicenow import MockServiceNow, Settings
from mock_servicenow.blueprint import StartError
from mock_servicenow.cli import main

from .pulling import column, defined, read, stub

LEARNED = """
tables: {activity_type: x_acme_kind, integration_configuration: x_acme_endpoint}
columns: {activity_type: {name: kind_name, instance_id: cfg}, integration_configuration: {instance_metadata: settings}}
"""
ENDPOINT, KIND = "e" * 32, "f" * 32
INSTANCE = {
    "sys_db_object": [defined(1, "x_acme_kind"), defined(2, "x_acme_endpoint")],
    "sys_dictionary": [
        column(1, "kind_name", "string", "x_acme_kind", max_length="80"),
        column(2, "cfg", "reference", "x_acme_kind", reference="x_acme_endpoint"),
        column(3, "u_more", "boolean", "x_acme_kind"),
        column(4, "settings", "string", "x_acme_endpoint", max_length="65000"),
    ],
    "x_acme_kind": [{"sys_id": KIND, "kind_name": "Elevation", "cfg": ENDPOINT, "u_more": "true"}],
    "x_acme_endpoint": [{"sys_id": ENDPOINT, "settings": '{"Password": "hunter2"}'}],
}


@pytest.fixture(autouse=True)
def _instance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    Path("ours.yaml").write_text(LEARNED)
    with stub(INSTANCE) as url:
        monkeypatch.setenv("SERVICENOW_URL", url)
        yield


def test_tables_of_the_app_by_learned_names() -> None:
    """With the names that learn has found, the app's tables are those that ship: a mock starts with both files."""
    options = ["--inferred", "ours.yaml", "--tables", "x_acme_kind,x_acme_endpoint", "--out", "pulled"]
    assert main(["pull", *options]) == 0
    line = "column 'x_acme_kind.cfg': left out: type reference to x_acme_endpoint: the mock's is string"
    assert line in Path("pulled", "report.txt").read_text()
    assert "hunter2" not in Path("pulled", "data.yaml").read_text()
    settings = Settings(
        inferred=Path("ours.yaml"), tables=(Path("pulled", "tables.yaml"),), data=(Path("pulled", "data.yaml"),)
    )
    with MockServiceNow(settings) as here:
        rows = read(here, "x_acme_kind", sysparm_fields="sys_id,kind_name,cfg,u_more")
    assert rows == [{"sys_id": KIND, "kind_name": "Elevation", "cfg": ENDPOINT, "u_more": "true"}]


DATA = ['{"UserName": "Zwick"}', '[{"Endpoint Url": "https://zwick.test"}', "{'User': 'Zwick'}", "<?xml?><a>Zwick</a>"]
RENAMED = "{request: {metadata: asked}, integration_configuration: {instance_metadata: settings}}"


@pytest.mark.parametrize("options", [[], ["--inferred", "theirs.yaml"]])
def test_data_of_the_app_is_no_free_text(options: list[str]) -> None:
    """--keep-text copies neither settings nor what users ask for, whatever their columns are called."""
    Path("theirs.yaml").write_text(f"tables: {{request: x_acme_asked}}\ncolumns: {RENAMED}\n")
    names = ["metadata", "instance_metadata", "settings", "asked"]
    given = {
        "sys_db_object": [defined(1, "x_acme_asked")],
        "sys_dictionary": [
            column(at, name, "string", "x_acme_asked", max_length="65000") for at, name in enumerate(names)
        ],
        "x_acme_asked": [{"sys_id": f"{at:032x}", **dict.fromkeys(names, text)} for at, text in enumerate(DATA)],
    }
    with stub(given) as url:
        asked = ["--servicenow-url", url, "--keep-text", "--tables", "x_acme_asked", "--out", "pulled", *options]
        assert main(["pull", *asked]) == 0
    assert "zwick" not in Path("pulled", "data.yaml").read_text().lower()


def test_tables_of_the_app_pulled_as_new_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """Without the names the files define the tables: a mock starts with them, and one with names says what to do."""
    assert main(["pull", "--tables", "x_acme_kind,x_acme_endpoint", "--out", "pulled"]) == 0
    files = ["--tables", "pulled/tables.yaml", "--data", "pulled/data.yaml"]
    settings = Settings(tables=(Path("pulled", "tables.yaml"),), data=(Path("pulled", "data.yaml"),))
    with MockServiceNow(settings) as here:
        assert read(here, "x_acme_kind", sysparm_fields="cfg,u_more") == [{"cfg": ENDPOINT, "u_more": "true"}]
    capsys.readouterr()
    assert main(["serve", "--inferred", "ours.yaml", *files]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "tables.yaml:3: table 'x_acme_kind' is not new: it ships. If it was pulled, " in said
    assert "pull it again with the same --inferred, or serve without that\n" in said


def test_columns_of_the_app_pulled_as_others() -> None:
    """A file that gives such a table's column another type gets the same advice."""
    Path("tables.yaml").write_text("- {name: x_acme_kind, columns: {cfg: {reference: x_acme_endpoint}}}")
    error = "column 'cfg' has reference ''; it cannot become 'x_acme_endpoint'. If it was pulled, pull it again"
    settings = Settings(inferred=Path("ours.yaml"), tables=(Path("tables.yaml"),))
    with pytest.raises(StartError, match=error), MockServiceNow(settings):
        pass


def test_names_that_are_not_those_of_the_app(capsys: pytest.CaptureFixture[str]) -> None:
    """A file of names that cannot be used ends the command in one line before anything is read."""
    Path("theirs.yaml").write_text("tables: {activty_type: x_acme_kind}")
    options = ["--servicenow-url", "http://127.0.0.1:1", "--tables", "incident", "--inferred", "theirs.yaml"]
    assert main(["pull", *options]) == 2
    assert "theirs.yaml: " in capsys.readouterr().err
