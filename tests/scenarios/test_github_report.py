"""What a job of GitHub Actions is told of a run: annotations of its files, and its summary."""

from dataclasses import replace
from pathlib import Path

import pytest

from privman_scenarios.commands.cli import main
from privman_scenarios.commands.reports.github import GitHubReport, summary
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.events import Event, Failure, RunEnded, RunStarted, ScenarioEnded

from .recorded_runs import ENDED, FAILURE, RUN, recorded
from .targets import packaged

FAILING = "title: T\nsteps:\n- console.ask:\n- console.expect-approval:\n    state: Approved\n"


@pytest.fixture(autouse=True)
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder below the workspace of a job."""
    (tmp_path / "part").mkdir()
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.chdir(tmp_path / "part")
    return tmp_path


def printed(workspace: Path, *events: Event) -> list[str]:
    """Return the lines that events lead to."""
    lines: list[str] = []
    report = GitHubReport(lines.append, workspace)
    for event in events:
        report(event)
    return lines


def test_annotations_have_paths_in_the_workspace_and_the_line_of_the_failed_step(job: Path) -> None:
    """A failure is an error, findings are a warning; commas and colons are escaped."""
    file = job / "tests" / "odd.yaml"
    odd = Scenario("50%: a, b", (), str(file), 7)
    failed = ScenarioEnded(odd, "failed", 0.1, failure=Failure("a.b", str(file), 12, "1", "2"))
    mismatch = "console.expect-approval: expected state 'Denied'; got state 'Pending\ufffd'"
    assert printed(job, RunStarted(3, 0), *ENDED, failed) == [
        "::warning file=part/some/a.yaml,line=1,title=Approve <it>::servicenow: rule-aborted: kept",
        f"::error file=part/some/b.yaml,line=9,title=Deny [it]::{mismatch}",
        "::error file=tests/odd.yaml,line=12,title=50%25%3A a%2C b::a.b: expected 1; got 2",
    ]


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("/elsewhere/stories/a.yaml", "stories/a.yaml"),
        (packaged("deny"), "privman_scenarios/catalog/deny.yaml"),
    ],
)
def test_a_file_outside_of_the_workspace_is_named_in_the_message(file: str, place: str, job: Path) -> None:
    """GitHub could show no such file."""
    failed = ScenarioEnded(Scenario("T", (), file, 1), "failed", 0.1, failure=Failure("a.b", file, 4, "1", "2"))
    assert printed(job, failed) == [f"::error title=T::{place}:4: a.b: expected 1; got 2"]


def test_a_run_annotates_and_adds_to_the_summary_of_the_job(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the steps before have written stays; the paths are those of the checkout."""
    (job / "part" / "one.yaml").write_text(FAILING)
    (job / "summary.md").write_text("# Before\n")
    assert main(["run", "one.yaml", "--github", "--min-coverage", "99"]) == 1
    annotations = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    assert annotations[0] == (
        "::error file=part/one.yaml,line=4,title=T::console.expect-approval: expected state 'Approved'; got state "
        "'Pending'"
    )
    assert annotations[1].startswith("::error title=privman-scenarios::")
    assert annotations[1].endswith("less than the 99%25 of --min-coverage")
    text = (job / "summary.md").read_text()
    assert text.startswith("# Before\n### privman-scenarios: 0 passed, 1 failed, 0 skipped; ")
    why = "console.expect-approval: expected state &#x27;Approved&#x27;; got state &#x27;Pending&#x27;"
    assert f"| Failed | Where | Why |\n| --- | --- | --- |\n| T | one.yaml:4 | {why} |\n" in text


def test_outside_of_a_job_there_is_no_summary(
    job: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Paths are then those below the current folder."""
    monkeypatch.delenv("GITHUB_WORKSPACE")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    (job / "part" / "one.yaml").write_text(FAILING)
    assert main(["run", "one.yaml", "--github"]) == 1
    assert "::error file=one.yaml,line=4,title=T::" in capsys.readouterr().out


def test_a_summary_that_cannot_be_written_is_one_line_before_anything_is_played(
    job: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the file."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(job / "nosuch" / "summary.md"))
    (job / "part" / "one.yaml").write_text(FAILING)
    assert main(["run", "one.yaml", "--github"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"privman-scenarios: {job}/nosuch/summary.md: No such file or directory\n"


def test_a_broken_file_is_annotated_at_its_lines(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each flaw at its own; the summary has them, too."""
    (job / "part" / "one.yaml").write_text(
        "title: T\nsteps:\n- console.aks:\n- console.deny:\n- clock.advance: 1 day\n"
    )
    assert main(["run", "one.yaml", "--github"]) == 2
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("::error file=part/one.yaml,line=3,title=privman-scenarios::unknown step 'console.aks'.")
    assert second.startswith("::error file=part/one.yaml,line=4,title=privman-scenarios::unknown step 'console.deny'.")
    text = (job / "summary.md").read_text()
    assert text.startswith("### privman-scenarios: 0 passed, 0 failed, 0 skipped; one.yaml:3: unknown step")


@pytest.mark.usefixtures("job")
def test_a_file_that_is_not_there_is_annotated(capsys: pytest.CaptureFixture[str]) -> None:
    """GitHub wants one all the same."""
    assert main(["run", "nosuch.yaml", "--github"]) == 2
    why = "cannot be read: No such file or directory."
    assert capsys.readouterr().out == f"::error file=part/nosuch.yaml,line=1,title=privman-scenarios::{why}\n"
    assert main(["run", "/nosuch/folder/story.yaml", "--github"]) == 2
    assert capsys.readouterr().out == f"::error title=privman-scenarios::folder/story.yaml: {why}\n"


def test_an_unusable_command_line_is_annotated(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has no file; once, though the run had begun."""
    (job / "part" / "one.yaml").write_text(FAILING)
    assert main(["run", "one.yaml", "--github", "--orders", "3"]) == 2
    assert capsys.readouterr().out == "::error title=privman-scenarios::--orders requires --interleave.\n"
    assert (job / "summary.md").read_text().count("###") == 1


@pytest.mark.long
def test_merged_shards_are_annotated(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the whole run would have been."""
    (job / "part" / "one.yaml").write_text(FAILING)
    found = '- servicenow.call: {method: GET, path: "/api/now/table/sys_user?sysparm_query=no=1", by: administrator}\n'
    two = FAILING.replace("Approved", "Pending").replace("- console.ask:\n", f"- console.ask:\n{found}")
    (job / "part" / "two.yaml").write_text(two)
    assert main(["run", "one.yaml", "two.yaml", "--shard", "1/1", "--json", "1.json"]) == 1
    capsys.readouterr()
    assert main(["report", "merge", "1.json", "--github"]) == 1
    error, warning = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    assert error.startswith("::error file=part/one.yaml,line=4,title=T::console.expect-approval: expected state 'Appr")
    assert warning.startswith("::warning file=part/two.yaml,line=4,title=T::servicenow #")


def test_a_shard_of_a_broken_file_is_annotated_at_its_lines(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As by the run itself."""
    (job / "part" / "one.yaml").write_text("title: T\nsteps:\n- console.aks:\n")
    assert main(["run", "one.yaml", "--shard", "1/1", "--json", "1.json"]) == 2
    capsys.readouterr()
    assert main(["report", "merge", "1.json", "--github"]) == 2
    told = capsys.readouterr()
    assert told.out.startswith("::error file=part/one.yaml,line=3,title=privman-scenarios::unknown step 'console.aks'.")
    assert told.err.startswith("privman-scenarios: 1.json: expected a report of 'run --shard'; it says: one.yaml:3: ")


def test_merged_shards_of_the_catalog_are_annotated_without_a_file(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """GitHub could show no such file, though another may have its path below the checkout."""
    report = GitHubReport(print, job)
    report.annotate(replace(recorded(*RUN), catalog=True))
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[2].partition("::")[0] for line in lines] == ["title=Approve <it>", "title=Deny [it]"]


def test_nothing_in_a_summary_is_markup() -> None:
    """A title may hold anything; a cell is one line."""
    text = summary(recorded(*RUN))
    assert "| Deny \\[it\\] | some/b.yaml:9 | console.expect-approval: expected state &#x27;Denied&#x27;; " in text
    assert "| Approve &lt;it&gt; | servicenow: rule-aborted: kept |" in text
    odd = Scenario("a|b\n`<img>", (), "f.yaml", 1)
    told = summary(recorded(ScenarioEnded(odd, "failed", 0.1, failure=FAILURE)))
    assert "| a\\|b \\`&lt;img&gt; | some/b.yaml:9 |" in told


def test_a_summary_is_bounded() -> None:
    """GitHub drops one of more than a megabyte; the reports have all."""
    long = Failure("a.b", "f.yaml", 1, "x" * 5_000, "y")
    ended = [ScenarioEnded(Scenario("T", (), "f.yaml", 1), "failed", 0.1, failure=long)] * 120
    text = summary(recorded(*ended, RunEnded(0, 120, 0, 0, 1)))
    assert text.count("| T | f.yaml:1 |") == 100
    assert "… and 20 more, in the reports.\n" in text
    assert len(text) < 150_000
