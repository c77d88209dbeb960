"""A kind of report is one row: its option, its file, and what renders it."""

from pathlib import Path

import pytest

from privman_scenarios.commands.cli import main
from privman_scenarios.commands.reports.report_kinds import REPORTS, ReportKind, mark_unfinished

from .recorded_runs import recorded

KINDS = pytest.mark.parametrize("kind", REPORTS, ids=lambda kind: kind.dest)
HELD = "title: T\nsteps: [{console.ask: }, {console.expect-approval: Pending}]\n"


@KINDS
def test_what_a_kind_writes_is_its_own(kind: ReportKind, tmp_path: Path) -> None:
    """Finished or not, it may be written over by the same option and by no other."""
    file = tmp_path / "report"
    for text in (kind.unfinished, kind.render(recorded())):
        file.write_text(text)
        assert [each for each in REPORTS if each.is_ours(file)] == [kind]


@pytest.mark.long
@KINDS
def test_option_writes_the_report(kind: ReportKind, tmp_path: Path) -> None:
    """A run leaves a finished report in the named file."""
    scenario, file = tmp_path / "one.yaml", tmp_path / "report"
    scenario.write_text(HELD)
    assert main(["run", str(scenario), kind.option, str(file)]) == 0
    assert kind.is_ours(file)
    assert "has not ended" not in file.read_text()


@KINDS
def test_earlier_report_is_unfinished_before_anything_is_imported(kind: ReportKind, tmp_path: Path) -> None:
    """An interrupt leaves no green report of another run; help leaves it as it is."""
    file = tmp_path / "report"
    green = kind.render(recorded())
    file.write_text(green)
    mark_unfinished(["run", f"{kind.option}={file}", "--help"])
    assert file.read_text() == green
    mark_unfinished(["run", f"{kind.option}={file}"])
    assert file.read_text() == kind.unfinished


@KINDS
def test_run_that_cannot_begin_voids_the_report(kind: ReportKind, tmp_path: Path) -> None:
    """The report says why; an earlier one does not stay green."""
    file = tmp_path / "report"
    file.write_text(kind.render(recorded()))
    assert main(["run", str(tmp_path / "nowhere.yaml"), kind.option, str(file)]) == 2
    assert "nowhere.yaml" in file.read_text()
