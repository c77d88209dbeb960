"""The README of the contracts does what it says."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "contracts" / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
PROGRAMS = [text for language, text in BLOCKS if language == "python"]
OVERRIDE, LIST, CHECK, WEBHOOK = range(4)


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


@pytest.mark.parametrize(("program", "lines"), [(CHECK, 4), (WEBHOOK, 2)])
def test_the_check_prints_what_the_page_shows(capsys: pytest.CaptureFixture[str], program: int, lines: int) -> None:
    """Line by line."""
    _run(program)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == lines
    assert [line for line in printed if f"    {line}\n" not in README] == []


def test_every_mark_is_explained() -> None:
    """In the words of the package."""
    from privman_contracts.evidence import MEANING  # noqa: PLC0415 - read where it is compared

    assert [mark for mark, meaning in MEANING.items() if f"| {mark} | {meaning} |" not in README] == []
