"""Each row of the page about fidelity says how faithful it is, and names its test."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")
STATES = ("faithful", "inferred", "missing", "stricter")


def _rows() -> dict[str, list[str]]:
    """Return the cells of each row of the tables of rows, by its first cell."""
    tables = re.findall(r"^\| Row \| Behaviour \| State \| Test \|\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    lines = [line for table in tables for line in table.splitlines()]
    return {line.split(" | ")[0]: re.split(r"(?<!\\) *\| ?", line[2:].removesuffix("|")) for line in lines}


def _unknown(file: str, subjects: str) -> list[str]:
    """Return the subjects that no test of the file is named after; raises StopIteration if there is no such file."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob(file))
    names = " ".join(re.findall(r"(?:def test_|class Test)(\w+)", text)).lower()
    meant = [
        re.sub(r"\W+", "_", each.strip().lower()) for each in re.split("[,;]", subjects.partition("the packaged")[0])
    ]
    return [subject for subject in meant if subject not in names] if names else [file]


@pytest.mark.parametrize("cells", _rows().values(), ids=_rows())
def test_a_row_has_a_state_and_a_test(cells: list[str]) -> None:
    """Only what is missing has no test; each test is a file below tests."""
    _, _, state, tests, *more = (cell.strip() for cell in cells)
    assert not any(more)
    assert any(word in state for word in STATES), state
    assert tests or state.startswith("missing")
    named = re.findall(r"`([\w/]+\.py)`([^`]*)", tests)
    assert bool(named) == bool(tests)
    assert [f"{file} {subject}" for file, subjects in named for subject in _unknown(file, subjects)] == []


def test_both_parties_have_rows() -> None:
    """The platform's and the console's."""
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert {"Table API", "The console: set-up", "The console's API"} <= {*headings}
    assert len(_rows()) > 100
