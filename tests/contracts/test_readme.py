"""The README of the contracts does what it says."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from privman_contracts import Contracts

README = (Path(__file__).parents[2] / "contracts" / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
PROGRAMS = [text for language, text in BLOCKS if language == "python"]
OVERRIDE, LIST, CHECK, PARTS, WEBHOOK = range(5)


@pytest.fixture(autouse=True)
def _our_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of names that the README prints, in the working directory."""
    (file,) = (text for language, text in BLOCKS if language == "yaml")
    (tmp_path / "our-instance.yaml").write_text(file, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def _run(program: int) -> None:
    exec(compile(PROGRAMS[program], "README.md", "exec"), {})  # noqa: S102 - our own page


def test_the_override_works() -> None:
    """The page's own assertions hold with the page's own file."""
    _run(OVERRIDE)


def test_the_inferred_parts_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """The body of the decision is among them."""
    _run(LIST)
    assert "decision $.Comment Comment\n" in capsys.readouterr().out


@pytest.mark.parametrize(("program", "lines"), [(CHECK, 4), (PARTS, 7), (WEBHOOK, 2)])
def test_the_check_prints_what_the_page_shows(capsys: pytest.CaptureFixture[str], program: int, lines: int) -> None:
    """Line by line."""
    _run(program)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == lines
    assert [line for line in printed if f"    {line}\n" not in README] == []


def _left_as_inferred() -> list[list[str]]:
    """Return the cells of each row of the page's list of what is inferred."""
    section = README.partition("## What is left as I\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    assert all(len(row) == 3 for row in rows)
    return rows


def test_what_is_left_as_inferred_is_listed(contracts: Contracts) -> None:
    """Each name and rule with mark I is in one row of the list, and each row is about some."""
    inferred = {name.path for name in contracts.names if name.evidence == "I"}
    patterns = [pattern for row in _left_as_inferred() for pattern in re.findall(r"`([^`]+)`", row[0])]
    assert len(patterns) == len({*patterns})
    meant = {pattern: {path for path in inferred if fnmatchcase(path, pattern)} for pattern in patterns}
    assert [pattern for pattern, paths in meant.items() if not paths] == []
    assert inferred - set().union(*meant.values()) == set()
    assert sum(map(len, meant.values())) == len(inferred)


def test_every_mark_is_explained() -> None:
    """In the words of the package."""
    from privman_contracts.evidence import MEANING  # noqa: PLC0415 - read where it is compared

    assert [mark for mark, meaning in MEANING.items() if f"| {mark} | {meaning} |" not in README] == []
