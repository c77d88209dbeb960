"""The page about fidelity is made of its rows; each says how faithful it is, and names its tests."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
STATES = ("faithful", "inferred", "missing", "stricter")


def _page_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fidelity_page", ROOT / "docs" / "fidelity_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


page = _page_module()
CONTENT = page.load()
ROWS = {row["row"]: row for row in page.rows(CONTENT)}
PASSED = json.loads((ROOT / "docs" / "fidelity-passed.json").read_text(encoding="utf-8"))


def test_the_page_is_made_of_its_rows() -> None:
    """Whoever changes fidelity.yaml runs ``python docs/fidelity_page.py``."""
    assert (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8") == page.rendered(CONTENT, PASSED)
    assert PASSED.keys() <= ROWS.keys()
    assert len(ROWS) == len(list(page.rows(CONTENT)))


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_has_a_state_and_a_test(row: dict[str, str]) -> None:
    """Only what is missing has no test; each is a file below tests, and each subject is in the name of a test there."""
    tests = row.get("tests", "")
    assert any(word in row["state"] for word in STATES), row["state"]
    assert tests or row["state"].startswith("missing")
    named = page.named_tests(tests)
    assert bool(named) == bool(tests)
    for each in named:
        files = list((ROOT / "tests").rglob(each.file))
        assert files, each.file
        text = "".join(file.read_text(encoding="utf-8") for file in files)
        names = " ".join(re.findall(r"(?:def test_|class Test)(\w+)", text)).lower()
        assert [subject for subject in each.subjects if subject not in names] == []


@pytest.mark.parametrize("row", [row for row in ROWS.values() if "gap" in row], ids=lambda row: row["gap"])
def test_readme_names_what_is_missing(row: dict[str, str]) -> None:
    """The first page tells of every API that a client may miss."""
    assert row["gap"] in (ROOT / "README.md").read_text(encoding="utf-8")


def test_both_parties_have_rows() -> None:
    """The platform's and the console's."""
    titles = {section["title"] for section in CONTENT["sections"]}
    assert {"Table API", "The console: set-up", "The console's API"} <= titles
    assert len(ROWS) > 100


def test_a_row_has_the_day_on_which_all_its_tests_passed(tmp_path: Path) -> None:
    """The oldest of several; none if a test failed, was skipped, or did not run."""
    suite = ET.Element("testsuite", timestamp="2026-01-02T03:04:05")
    for name, outcome in (("test_links[a]", ""), ("test_view", "failure"), ("test_head", "skipped")):
        case = ET.SubElement(suite, "testcase", classname="tests.now_platform.test_reading", name=name)
        if outcome:
            ET.SubElement(case, outcome)
    report = tmp_path / "report.xml"
    ET.ElementTree(suite).write(report)
    found = list(page.outcomes(report))
    days = {
        tests: page.last_passed({"tests": tests}, found)
        for tests in (
            "`test_reading.py` links",
            "`test_reading.py` links, view",
            "`test_reading.py` head",
            "`test_stats.py`",
        )
    }
    assert list(days.values()) == ["2026-01-02", "", "", ""]
