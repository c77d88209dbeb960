"""A run that is split among jobs, and joined again."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privman_scenarios.commands.cli import main
from privman_scenarios.commands.shards import Shard, joined

HELD = "title: {}\nsteps:\n- console.ask:\n- console.expect-approval: {{state: {}}}\n"
ROUND_TRIP = (
    "title: Round trip\nsteps:\n- console.ask:\n- servicenow.deny:\n- console.expect-approval: {state: Denied}\n"
)


@given(items=st.lists(st.integers()), count=st.integers(1, 12))
def test_each_item_is_in_one_shard(items: list[int], count: int) -> None:
    """All of them together are the whole, in order, and none is larger than another one by more than an item."""
    parts = [Shard(count, number).of(items) for number in range(1, count + 1)]
    assert joined(parts) == items
    assert sum(map(len, parts)) == len(items)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["", "2", "0/5", "6/5", "1/0", "-1/5", "1/5/9", "a/b", "1/1001", "²/5"])
def test_what_is_no_shard_is_one_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It shows the value and what was expected."""
    with pytest.raises(SystemExit) as ended:
        main(["run", f"--shard={text}"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert f"invalid shard {text!r}: expected N/M, as 2/5, with N from 1 to M, and M at most 1000" in told


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with four scenarios."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stories").mkdir()
    (tmp_path / "stories" / "0.yaml").write_text(ROUND_TRIP.replace("deny:", "approve:").replace("Denied", "Approved"))
    for number in range(1, 3):
        (tmp_path / "stories" / f"{number}.yaml").write_text(HELD.format(f"Story {number}", "Pending"))
    (tmp_path / "stories" / "3.yaml").write_text(ROUND_TRIP)
    return tmp_path


def shards(count: int, *more: str, code: int = 0) -> list[str]:
    """Play each shard and return the names of the reports."""
    names = [f"{number}.json" for number in range(1, count + 1)]
    for number, name in enumerate(names, 1):
        assert main(["run", "stories", "--jobs", "1", "--shard", f"{number}/{count}", "--json", name, *more]) == code
    return names


def read(name: str) -> dict[str, Any]:
    """Return a report without its date and how long things took."""
    report: dict[str, Any] = json.loads(Path(name).read_text())
    for timed in (report, *report["scenarios"]):
        del timed["seconds"]
    del report["context"]["at"]
    return report


@pytest.mark.long
def test_shards_are_joined_to_the_report_of_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """With the same scenarios in the same order, and the same contract coverage; in every kind of report."""
    assert main(["run", "stories", "--json", "whole.json", "--html", "whole.html"]) == 0
    names = shards(3)
    capsys.readouterr()
    reports = ["--json", "merged.json", "--html", "merged.html", "--junit-xml", "merged.xml"]
    assert main(["report", "merge", *reversed(names), *reports, "--max-skipped", "0", "--min-coverage", "1"]) == 0
    assert capsys.readouterr().out.startswith("4 passed, 0 failed, 0 skipped; 4 expectations in ")
    whole, merged = read("whole.json"), read("merged.json")
    for scenario in (*whole["scenarios"], *merged["scenarios"]):
        scenario["messages"] = len(scenario["messages"])
    assert merged == whole
    assert Path("merged.html").read_text().count("<svg ") == 4
    assert Path("merged.xml").read_text().count("<testcase ") == 4


@pytest.mark.long
def test_limits_are_judged_over_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """A part may exercise less than is demanded of all, which no part alone can tell."""
    names = shards(2)
    percent = [json.loads(Path(name).read_text())["coverage"]["percent"] for name in names]
    demanded = ["--min-coverage", str(max(percent) + 0.1)]
    capsys.readouterr()
    assert main(["report", "merge", *names, *demanded, "--coverage"]) == 0
    assert "Contract " in capsys.readouterr().out
    assert main(["report", "merge", *names, "--min-coverage", "99", "--json", "merged.json"]) == 1
    assert capsys.readouterr().out.endswith(", less than the 99% of --min-coverage.\n")
    assert json.loads(Path("merged.json").read_text())["held"] is False


@pytest.mark.parametrize("option", ["--min-coverage", "--max-skipped"])
def test_a_shard_takes_no_limit_of_the_whole(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line names the command that does."""
    assert main(["run", "stories", "--shard", "1/2", option, "5"]) == 2
    told = f"privman-scenarios: {option} is judged over all shards. Expected it at 'privman-scenarios report merge'.\n"
    assert capsys.readouterr().err == told


@pytest.mark.long
def test_a_failure_of_a_shard_fails_the_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is shown again, at its place, as the shard has shown it."""
    (folder / "stories" / "1.yaml").write_text(HELD.format("Bad", "Approved"))
    (first, second) = ["1.json", "2.json"]
    assert main(["run", "stories", "--shard", "1/2", "--json", first]) == 0
    capsys.readouterr()
    assert main(["run", "stories", "--shard", "2/2", "--json", second]) == 1
    *failed, _again = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("failed", "  "))]
    assert failed[:4] == [
        "failed  Bad",
        "  stories/1.yaml:4: console.expect-approval",
        "    expected state 'Approved'",
        "    got      state 'Pending'",
    ]
    assert len(failed) > 4
    assert main(["report", "merge", first, second]) == 1
    assert capsys.readouterr().out.splitlines()[: len(failed)] == failed


@pytest.mark.long
def test_an_empty_shard_holds_and_an_empty_run_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    """There may be more jobs than scenarios; a text that no title has fails each of them, and the whole."""
    names = shards(5)
    assert main(["report", "merge", *names]) == 0
    names = shards(2, "-k", "nosuch", code=1)
    capsys.readouterr()
    assert main(["report", "merge", *names]) == 1
    assert "No scenario was played, so the run fails.\n" in capsys.readouterr().out


@pytest.mark.long
def test_a_sweep_is_split(capsys: pytest.CaptureFixture[str]) -> None:
    """Each shard varies its own scenarios, and the generated ones are dealt out too."""
    (names, more) = (["1.json", "2.json"], ["--interleave", "--generate", "3", "--jobs", "1"])
    for number, name in enumerate(names, 1):
        assert main(["run", "stories", "--shard", f"{number}/2", "--json", name, *more]) == 0
    varied = [json.loads(Path(name).read_text())["variations"] for name in names]
    assert varied == [2, 1]
    assert main(["report", "merge", *names, "--json", "merged.json"]) == 0
    assert json.loads(Path("merged.json").read_text())["variations"] == 3
    for number, name in enumerate(names, 1):
        assert main(["run", "stories", "--shard", f"{number}/2", "--json", name, "--interleave"]) == 0
    capsys.readouterr()
    assert main(["report", "merge", *names]) == 1
    assert "No variation was played, so the run fails.\n" in capsys.readouterr().out


@pytest.mark.long
def test_shards_that_are_not_one_run_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line each, with the file and what was expected; earlier reports are void."""
    one, two = shards(2)
    assert main(["run", "stories", "--json", "whole.json"]) == 0
    assert main(["run", "stories/0.yaml", "--shard", "2/2", "--json", "other.json"]) == 0
    assert main(["run", "stories", "--shard", "2/3", "--json", "third.json"]) == 0
    assert main(["run", "nowhere", "--shard", "2/2", "--json", "void.json"]) == 2
    (folder / "bad.json").write_text('{"seed": 1}')
    (folder / "worse.json").write_text("no JSON")
    (folder / "begun.json").write_text('{"seed": null, "error": "the run has not ended"}')
    assert main(["report", "merge", one, two, "--json", "merged.json"]) == 0
    capsys.readouterr()
    for names, told in {
        (one,): "missing shards: 2/2; expected a report of each of the 2",
        (one, two, two): "2.json: shard 2/2 was already given in 2.json",
        (one, "whole.json"): "whole.json: expected a report of 'run --shard'; it is of a whole run",
        (
            one,
            "other.json",
        ): "other.json: shard 2/2 was run with other scenarios or steps than 1.json; expected the same",
        (one, "third.json"): "third.json: shard 2/3 does not belong to shard 1/2 of 1.json; expected one of 2",
        (one, "void.json"): "void.json: expected a report of 'run --shard'; it says: nowhere",
        (one, "bad.json"): "bad.json: expected a report of 'run --json'; Object missing required field `context`",
        (one, "begun.json"): "begun.json: the run has not ended; expected a report of a run that has ended",
        (one, "worse.json"): "worse.json: expected a report of 'run --json'; JSON is malformed",
        (one, "none.json"): "none.json: No such file or directory",
    }.items():
        assert main(["report", "merge", *names, "--json", "merged.json"]) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"privman-scenarios: {told}")
        assert len(err.splitlines()) == 1
        assert json.loads(Path("merged.json").read_text())["held"] is False
        (folder / "merged.json").unlink()


@pytest.mark.long
@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--seed", "7"], "seed '7' and '0'"),
        (["--strict"], "Strict 'yes' and 'no'"),
        (["--release", "yokohama"], "Release 'yokohama' and 'default'"),
        (["--interleave"], "Other options '--interleave --orders 24' and 'none'"),
        (["--build", "App 2"], "build 'App 2' and ''"),
        (["--data", "rows.yaml"], "Rows 'rows.yaml' and 'none'"),
        (["--profile", "gate", "--seed", "7"], "seed '7' and '0'; profile 'gate' and ''"),
    ],
)
def test_shards_of_other_options_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], option: list[str], told: str
) -> None:
    """The line names what differs, with the value of both files."""
    (folder / "rows.yaml").write_text("{}\n")
    (folder / "privman.toml").write_text("[profiles.gate]\n")
    assert main(["run", "stories", "--shard", "1/2", "--json", "1.json"]) == 0
    assert main(["run", "stories", "--shard", "2/2", "--json", "2.json", *option]) == 0
    capsys.readouterr()
    assert main(["report", "merge", "1.json", "2.json"]) == 2
    refused = f"2.json and 1.json are not of one run: {told}; expected the same in each job"
    assert capsys.readouterr().err == f"privman-scenarios: {refused}\n"


@pytest.mark.long
def test_shards_of_other_tables_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their contents count, whether a file or its folder is named; what cannot be read has the mock's own message."""
    tables = folder / "tables"
    tables.mkdir()
    for number in (1, 2):
        (tables / "own.yaml").write_text(f"[{{name: u_own, columns: {{u_{number}: {{type: string}}}}}}]\n")
        run = ["run", "stories", "--shard", f"{number}/2", "--json", f"{number}.json", "--tables", "tables"]
        assert main(run) == 0
    capsys.readouterr()
    assert main(["report", "merge", "1.json", "2.json"]) == 2
    assert capsys.readouterr().err.startswith("privman-scenarios: 2.json and 1.json are not of one run: version of tab")
    assert main(["run", "stories", "--json", "1.json", "--data", "nowhere.yaml"]) == 2
    assert capsys.readouterr().err.startswith("privman-scenarios: --data: nowhere.yaml: ")


@pytest.mark.long
def test_versions_are_compared_with_each_shard(capsys: pytest.CaptureFixture[str]) -> None:
    """In any order, also where one shard has not reached the target that has a version."""
    names = shards(3)
    for name, version in zip(names, (None, "0.1.0", "0.2.0"), strict=True):
        report = json.loads(Path(name).read_text())
        report["context"]["versions"] |= {"the instance": version} if version else {}
        Path(name).write_text(json.dumps(report))
    one, two, three = names
    capsys.readouterr()
    for order, told in (
        ((one, two, three), "3.json and 2.json are not of one run: version of the instance '0.2.0' and '0.1.0'; "),
        ((two, one, three), "3.json and 2.json are not of one run: version of the instance '0.2.0' and '0.1.0'; "),
        ((three, two, one), "2.json and 3.json are not of one run: version of the instance '0.1.0' and '0.2.0'; "),
    ):
        assert main(["report", "merge", *order]) == 2
        assert capsys.readouterr().err.startswith(f"privman-scenarios: {told}")


@pytest.mark.long
def test_a_shard_that_was_interrupted_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """It fails the whole, though none of its scenarios failed and it says nothing else."""
    names = shards(2)
    report = json.loads(Path(names[1]).read_text())
    Path(names[1]).write_text(json.dumps({**report, "complete": False}))
    capsys.readouterr()
    assert main(["report", "merge", *names]) == 1
    assert capsys.readouterr().out.endswith("\nshard 2/2: the run did not come to its end.\n")


@pytest.mark.long
def test_shards_of_other_steps_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Though each scenario is at its place under its title."""
    assert main(["run", "stories", "--shard", "1/2", "--json", "1.json"]) == 0
    (folder / "stories" / "3.yaml").write_text(ROUND_TRIP.replace("servicenow.deny:", "servicenow.deny: {comment: No}"))
    assert main(["run", "stories", "--shard", "2/2", "--json", "2.json"]) == 0
    capsys.readouterr()
    assert main(["report", "merge", "1.json", "2.json"]) == 2
    told = "2.json: shard 2/2 was run with other scenarios or steps than 1.json; "
    assert capsys.readouterr().err.startswith(f"privman-scenarios: {told}")


@pytest.mark.long
def test_the_header_of_the_whole_is_that_of_every_part() -> None:
    """What only one part knows, such as the version of a target that it has reached, is in it; it began with the first.

    What was tested may be said once more.
    """
    one, two = shards(2, "--build", "App 1")
    first, second = (json.loads(Path(name).read_text()) for name in (one, two))
    first["context"]["versions"]["ServiceNow"] = "1"
    second["context"]["at"] = "2026-01-01T00:00:00+00:00"
    Path(one).write_text(json.dumps(first))
    Path(two).write_text(json.dumps(second))
    assert main(["report", "merge", one, two, "--json", "merged.json", "--html", "merged.html"]) == 0
    merged = json.loads(Path("merged.json").read_text())["context"]
    assert merged == {**first["context"], "at": "2026-01-01T00:00:00+00:00"}
    assert "<dt>Build</dt><dd>App 1</dd>" in Path("merged.html").read_text()
    assert "<dt>Strict</dt><dd>no</dd>" in Path("merged.html").read_text()
    assert main(["report", "merge", one, two, "--json", "merged.json", "--build", "App 2"]) == 0
    assert json.loads(Path("merged.json").read_text())["context"]["build"] == "App 2"


@pytest.mark.long
def test_the_whole_prints_what_one_run_prints(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each failure with the path that the run has named, and all of them again above the last line."""
    for number in (1, 2):
        (folder / "stories" / f"{number}.yaml").write_text(HELD.format(f"Bad {number}", "Approved"))
    named = str(folder / "stories")
    assert main(["run", named, "--json", "whole.json", "--jobs", "1"]) == 1
    ignored = ("passed", "    |")  # exchanges have the ports of each run
    of_failures = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(ignored)]
    for number in (1, 2):
        assert main(["run", named, "--shard", f"{number}/2", "--json", f"{number}.json", "--jobs", "1"]) == 1
    capsys.readouterr()
    assert main(["report", "merge", "1.json", "2.json"]) == 1
    merged = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(ignored)]
    assert merged[:-1] == of_failures[:-1]
    assert of_failures[-4] == "Failed:"
    assert of_failures[-3].startswith("  stories/1.yaml:4: Bad 1: console.expect-approval: expected ")


@pytest.mark.long
def test_a_shard_that_did_not_end_fails_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Its report says so, and so does that of the whole."""
    one, two = shards(2)
    report = json.loads(Path(two).read_text())
    Path(two).write_text(json.dumps({**report, "complete": False, "error": "the run did not come to its end"}))
    capsys.readouterr()
    assert main(["report", "merge", one, two, "--json", "merged.json"]) == 1
    merged = json.loads(Path("merged.json").read_text())
    assert (merged["complete"], merged["error"]) == (False, "shard 2/2: the run did not come to its end")


@pytest.mark.long
def test_shards_of_other_contracts_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Their coverage cannot be added up; coverage that one of them lacks meets no demand."""
    one, two = shards(2)
    report = json.loads(Path(two).read_text())
    kept = report["coverage"]["items"]
    report["coverage"]["items"] = [{**kept[0], "name": "other"}, *kept[1:]]
    Path(two).write_text(json.dumps(report))
    capsys.readouterr()
    assert main(["report", "merge", one, two]) == 2
    assert capsys.readouterr().err.startswith("privman-scenarios: the shards have measured different contracts: ")
    Path(two).write_text(json.dumps({**report, "coverage": None}))
    assert main(["report", "merge", one, two, "--min-coverage", "1"]) == 1
    assert "--min-coverage needs the contract coverage of every shard" in capsys.readouterr().out


@pytest.mark.long
def test_the_report_of_a_shard_is_not_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    """It is read, so it is kept, though it is a report."""
    one, two = shards(2)
    before = Path(one).read_text()
    for option in (["--json", one], [f"--json={one}"]):
        assert main(["report", "merge", one, two, *option]) == 2
        assert "--json is 1.json, which is read" in capsys.readouterr().err
        assert Path(one).read_text() == before
