"""What a real instance shows of its names: its dictionary, and its refusals."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from privman_contracts import WireNames
from privman_scenarios.commands.cli import main

from .stub_instance import StubInstance

SCOPE = "x_thyti_thycotic_p_"


@pytest.mark.long
def test_a_real_instance_shows_its_names(
    tmp_path: Path, real_instance: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A console and an approver who know none of its names learn them from what it answers."""
    scenario, out = tmp_path / "one.yaml", tmp_path / "real.har"
    steps = "[{console.ask: }, {servicenow.approve: {comment: Fine}}, {console.expect-approval: Approved}]"
    scenario.write_text(f"title: An approval\nsteps: {steps}\n", encoding="utf-8")
    theirs = {
        "columns": {"request": {"comment": "comments"}},
        "words": {"request_status": {"pending": "Requested"}},
    }
    url = real_instance(yaml.safe_dump(theirs))
    assert main(["record", str(scenario), "--servicenow-url", url, "--patience", "1", "--out", str(out)]) == 1
    capsys.readouterr()
    assert main(["drift", str(out)]) == 1
    assert yaml.safe_load(capsys.readouterr().out) == theirs


def columns_of_app() -> list[dict[str, str]]:
    """Return the entries of a dictionary that has the packaged names."""
    names = WireNames.load()
    return [
        {"name": table, "element": column}
        for word, table in names.group("tables").items()
        for column in names.group(f"columns.{word}").values()
    ]


@pytest.mark.long
@pytest.mark.parametrize("total", [2_500, 3_000, 100])
def test_a_long_dictionary_is_read_to_its_end(total: int, compare: Callable[[StubInstance], str]) -> None:
    """Tables of the scope that stand before those of the app fill pages, the last one perhaps to its last row."""
    own, stub = columns_of_app(), StubInstance()
    others = [{"name": f"{SCOPE}a{number}", "element": "x"} for number in range(total - len(own))]
    stub.tables["sys_dictionary"] = [{"sys_id": f"d{number}", **row} for number, row in enumerate([*others, *own])]
    assert compare(stub).endswith("; 0 names differ, 0 differences are of another kind")
    assert stub.lists["sys_dictionary"] == total // 1_000 + 1


@pytest.mark.long
@pytest.mark.parametrize("broken", ["endless", "hidden"])
def test_a_dictionary_that_is_not_read_to_its_end_says_nothing(
    broken: str, compare: Callable[[StubInstance], str]
) -> None:
    """What is missing may be on another page; there is a bound to how many are asked for."""
    stub = StubInstance()
    stub.endless = "sys_dictionary" if broken == "endless" else ""
    stub.hidden = {"sys_dictionary"} if broken == "hidden" else set()
    assert compare(stub).endswith("; 0 names differ, 0 differences are of another kind")
    assert stub.lists["sys_dictionary"] <= 20


OTHERWISE = {
    "columns that only their labels tell": {
        "columns": {"request": {"instance_id": "zugqip", "activity_type_id": "mvqiqpw"}}
    },
    "the activity type's instance": {"columns": {"activity_type": {"instance_id": "integration_id"}}},
    "the request's instance": {"columns": {"request": {"instance_id": "registration"}}},
    "a table": {"tables": {"response": "x_thyti_thycotic_p_answers"}},
    "a table and a column": {
        "tables": {"activity_type": "x_thyti_thycotic_p_kinds"},
        "columns": {"request": {"activity_type_id": "kind_of_activity"}},
    },
}


@pytest.mark.long
@pytest.mark.parametrize("theirs", OTHERWISE.values(), ids=OTHERWISE)
def test_a_real_instance_that_refuses_shows_its_names(
    theirs: dict[str, Any], tmp_path: Path, real_instance: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every message is refused for a name; the recording has the dictionary, so that drift prints what mends it."""
    scenario, out = tmp_path / "one.yaml", tmp_path / "real.har"
    steps = "[{console.ask: }, {servicenow.approve: {comment: Fine}}, {console.expect-approval: Approved}]"
    scenario.write_text(f"title: An approval\nsteps: {steps}\n", encoding="utf-8")
    url = real_instance(yaml.safe_dump(theirs))
    main(["record", str(scenario), "--servicenow-url", url, "--patience", "1", "--out", str(out)])
    capsys.readouterr()
    assert main(["drift", str(out)]) == 1
    assert yaml.safe_load(capsys.readouterr().out) == theirs
