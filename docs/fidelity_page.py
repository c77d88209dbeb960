"""Writes docs/fidelity.md from docs/fidelity.yaml; with reports of pytest it notes first when each row's tests passed.

python docs/fidelity_page.py [JUNIT_XML …]
"""

import json
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import yaml

DOCS = Path(__file__).parent
ROWS, PASSED, PAGE = DOCS / "fidelity.yaml", DOCS / "fidelity-passed.json", DOCS / "fidelity.md"
_HEADINGS = ("Row", "Behaviour", "State", "Test", "Last passed")
_TEST = re.compile(r"`([\w/]+\.py)`([^`]*)")


class NamedTest(NamedTuple):
    """Tests that a row names.

    Attributes:
        file: below ``tests/``, with as much of its path as tells it from others.
        subjects: words in the names of tests, with underscores between them; every test of the file if empty.
    """

    file: str
    subjects: tuple[str, ...]

    def covers(self, file: str, name: str) -> bool:
        """Return whether it means that test."""
        return f"/{file}".endswith(f"/{self.file}") and (
            not self.subjects or any(each in name for each in self.subjects)
        )


def named_tests(cell: str) -> list[NamedTest]:
    """Return the tests that a row's cell names."""
    return [NamedTest(file, tuple(_subjects(words))) for file, words in _TEST.findall(cell)]


def _subjects(words: str) -> Iterator[str]:
    for each in re.split("[,;]", words.partition("the packaged")[0]):
        if each.strip():
            yield re.sub(r"\W+", "_", each.strip().lower())


def load() -> dict[str, Any]:
    """Return what the page says."""
    loaded: dict[str, Any] = yaml.safe_load(ROWS.read_text(encoding="utf-8"))
    return loaded


def rows(page: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield every row of the page."""
    return (row for section in page["sections"] for row in section.get("rows", ()))


def rendered(page: Mapping[str, Any], passed: Mapping[str, str]) -> str:
    """Return the page.

    Args:
        page: what it says.
        passed: the day on which the tests of rows last passed, by their names.
    """
    return "\n".join(["# Fidelity", "", page["introduction"].strip(), *_sections(page["sections"], passed), ""])


def _sections(sections: Iterable[Mapping[str, Any]], passed: Mapping[str, str]) -> Iterator[str]:
    for section in sections:
        yield from ("", f"## {section['title']}", "")
        if "text" in section:
            yield section["text"].strip()
        if "rows" in section:
            yield from ("",) * ("text" in section)
            yield _line(_HEADINGS)
            yield f"|{'---|' * len(_HEADINGS)}"
            yield from (_line(_cells(row, passed)) for row in section["rows"])


def _cells(row: Mapping[str, str], passed: Mapping[str, str]) -> tuple[str, ...]:
    named = f"{row['row']} ({row['sources']})" if "sources" in row else row["row"]
    tests = row.get("tests", "")
    return named, row["behaviour"], row["state"], tests, passed.get(row["row"], "") if tests else ""


def _line(cells: Iterable[str]) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


class Outcome(NamedTuple):
    """What became of one test."""

    file: str
    name: str
    passed: bool
    day: date


def outcomes(report: Path) -> Iterator[Outcome]:
    """Yield the tests of a report that were not skipped."""
    for suite in ET.parse(report).iter("testsuite"):  # noqa: S314 - pytest's own report
        day = datetime.fromisoformat(suite.attrib["timestamp"]).date()
        for case in suite.iter("testcase"):
            if case.find("skipped") is None:
                file = f"{case.attrib['classname'].replace('.', '/')}.py"
                failed = case.find("failure") is not None or case.find("error") is not None
                yield Outcome(file, case.attrib["name"].partition("[")[0], not failed, day)


def last_passed(row: Mapping[str, str], found: Collection[Outcome]) -> str:
    """Return the day on which all tests of a row passed; empty if one failed, or did not run."""
    days: list[date] = []
    for named in named_tests(row.get("tests", "")):
        run = [each for each in found if named.covers(each.file, each.name)]
        if not run or not all(each.passed for each in run):
            return ""
        days += [each.day for each in run]
    return min(days).isoformat() if days else ""


def main(reports: list[str]) -> None:
    """Write the page."""
    page, passed = load(), json.loads(PASSED.read_text(encoding="utf-8"))
    found = [each for report in reports for each in outcomes(Path(report))]
    noted = {row["row"]: last_passed(row, found) or passed.get(row["row"], "") for row in rows(page)}
    noted = {name: day for name, day in noted.items() if day}
    PASSED.write_text(json.dumps(noted, indent=0, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(rendered(page, noted), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
