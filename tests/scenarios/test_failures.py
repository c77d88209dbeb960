"""Failures that were found become scenarios that replay them."""

import re
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest

from privman_scenarios.analysis.exploration import VariationRunner
from privman_scenarios.analysis.regressions import keep_failures, shrink, to_yaml
from privman_scenarios.analysis.variations import without_expectations
from privman_scenarios.commands.cli import main
from privman_scenarios.language.loader import Loader, catalog_files
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.invariants import INVARIANTS
from privman_scenarios.playing.processes import Player
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder

# Its steps hold, though what they do breaks an invariant; the comments are not needed for that.
TWICE = """
title: A response is written twice
tags: [wire]
source: set-up-servicenow-webhook.md
given: nothing
steps:
  - servicenow.create-user: {name: scenario.bystander}
  - servicenow.insert:
      table: response
      as: first
      values: {request_id: 85d71683-7dac-4762-8120-76a9a564fdc1, response: Deny, comment: "it's one\\nor two"}
  - clock.advance: 16:30:00
  - servicenow.insert:
      table: response
      values: {request_id: 85d71683-7dac-4762-8120-76a9a564fdc1, response: Deny, comment: Große}
  - together:
      - console.restart:
      - console.log-out:
  - servicenow.expect-records: {table: response, count: 2}
"""
# Little of it can be left out.
SMALL = """
title: A response is written twice
given: nothing
steps:
  - servicenow.insert: {table: response, values: {request_id: 85d71683-7dac-4762-8120-76a9a564fdc1, response: Deny}}
  - together:
      - servicenow.insert: {table: response, values: {request_id: 85d71683-7dac-4762-8120-76a9a564fdc1, response: Deny}}
      - console.restart:
  - servicenow.expect-records: {table: response, count: 2}
"""


def load(file: Path) -> Scenario:
    """Return the scenario in a file."""
    (scenario,) = Loader(vocabulary()).load([file])
    return scenario


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file that has been written of the failures of two orders."""
    file = tmp_path_factory.mktemp("found") / "twice.yaml"
    file.write_text(TWICE, encoding="utf-8")
    folder = file.parent / "new" / "folder"
    arguments = ["run", str(file), "--interleave", "--seed", "3", "--jobs", "1", "--failures-dir", str(folder)]
    with redirect_stdout(StringIO()) as out:
        assert main(arguments) == 1
    (written,) = folder.iterdir()
    assert out.getvalue().endswith(f"wrote {written}\n")
    return written


@pytest.mark.long
def test_failures_of_one_kind_become_one_file_as_small_as_it_can_be(found: Path) -> None:
    """Named by scenario and invariant; steps and arguments that do not matter are gone, seed and clock are said."""
    assert found.name == "twice-one-record-each.yaml"
    scenario = load(found)
    assert (scenario.check, scenario.seed, scenario.given) == ("invariants", 3, None)
    assert scenario.clock == datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    assert (scenario.tags, scenario.source) == (frozenset({"regression", "wire"}), "set-up-servicenow-webhook.md")
    assert [(step.verb, sorted(step.arguments)) for step in scenario.steps] == [
        ("servicenow.insert", ["table", "values"]),
        ("servicenow.insert", ["table", "values"]),
    ]


@pytest.mark.long
def test_files_of_one_name_in_two_folders_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither failure takes the other one's place."""
    files = [tmp_path / folder / "twice.yaml" for folder in ("gate", "nightly")]
    for file in files:
        file.parent.mkdir()
        text = SMALL.replace("A response", f"In {file.parent.name} a response")
        # What two files have alike is played once.
        file.write_text(
            text.replace("response: Deny}", f"response: Deny, comment: {file.parent.name}}}"), encoding="utf-8"
        )
    folder = tmp_path / "found"
    assert main(["run", *map(str, files), "--interleave", "--jobs", "1", "--failures-dir", str(folder)]) == 1
    capsys.readouterr()
    written = sorted(folder.iterdir())
    assert [file.name for file in written] == ["twice-one-record-each-2.yaml", "twice-one-record-each.yaml"]
    assert [load(file).title[:5] for file in written] == ["In ni", "In ga"]


@pytest.mark.long
def test_files_of_somebody_else_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder may hold scenarios that somebody has written; what an earlier run found is replaced.

    A link is somebody else's, too: nothing is written where it leads, and a device without an end is not read.
    """
    file, folder = tmp_path / "twice.yaml", tmp_path / "found"
    file.write_text(SMALL, encoding="utf-8")
    theirs, *links, ours = (folder / f"twice-one-record-each{number}.yaml" for number in ("", "-2", "-3", "-4", "-5"))
    folder.mkdir()
    theirs.write_text("title: Theirs\n", encoding="utf-8")
    for link, target in zip(links, ("elsewhere", "/dev/zero", "."), strict=True):
        link.symlink_to(target)
    for _ in range(2):
        assert main(["run", str(file), "--interleave", "--jobs", "1", "--failures-dir", str(folder)]) == 1
    capsys.readouterr()
    assert theirs.read_text(encoding="utf-8") == "title: Theirs\n"
    assert all(link.is_symlink() for link in links)
    assert sorted(folder.iterdir()) == sorted([theirs, *links, ours])


@pytest.mark.long
def test_the_file_says_what_failed_and_how_to_send_it_again(found: Path) -> None:
    """The comment has the failure and a curl command for each message, on a line each and without secrets."""
    comment = [line for line in found.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert comment[0].startswith("# one-record-each: expected that a request is one row in a ServiceNow and ")
    sent = [line for line in comment if line.startswith("# curl ")]
    url = "http://servicenow/api/now/table/x_thyti_thycotic_p_response"
    head = (
        f"# curl -X POST {url} -u \"$SERVICENOW_USER:$SERVICENOW_PASSWORD\" -H 'Content-Type: application/json' --data "
    )
    key = '"request_id":"85d71683-7dac-4762-8120-76a9a564fdc1","response":"Deny"'
    assert sent == [
        head + "'{" + key + ""","comment":"it'"'"'s one\\nor two"}'""",
        head + "'{" + key + ""","comment":"Große"}'""",
    ]


@pytest.mark.long
def test_the_file_replays_the_failure_byte_for_byte(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the seed of the run: the same failure, the same messages; and what is found again is written alike."""
    shown = set()
    for seed in ("1", "2"):
        assert main(["run", str(found), "--seed", seed]) == 1
        shown.add(re.sub(r"in [0-9.]+ s", "", capsys.readouterr().out))
    (told,) = shown
    assert "exists 2 times in servicenow" in told
    runner = VariationRunner(Player(WorldBuilder(9)))
    ended = runner.play(load(found)).ended
    (again,) = keep_failures(runner, [ended, ended, runner.play(load(catalog("deny"))).ended], 9, tmp_path)
    assert without_title(again) == without_title(found)


def catalog(stem: str) -> Path:
    """Return a file of the catalog."""
    (file,) = (file for file in catalog_files() if file.stem == stem)
    return file


def without_title(file: Path) -> bytes:
    """Return what a file holds but for its title."""
    return file.read_bytes().partition(b"\ntags:")[2]


@pytest.mark.long
@pytest.mark.parametrize("file", catalog_files(), ids=lambda file: file.stem)
def test_whatever_a_scenario_says_is_read_as_it_was_written(file: Path) -> None:
    """Texts that look like numbers, spans of time or words of YAML stay texts."""
    for scenario in Loader(vocabulary()).load([file]):
        for each in (without_expectations(vocabulary(), scenario), replace(scenario, source="", seed=5)):
            assert said(*Loader(vocabulary()).parse(to_yaml(each), "t.yaml")) == said(each)


def said(scenario: Scenario) -> tuple[object, ...]:
    """Return what a scenario says, but for where."""
    steps = [(step.verb, step.arguments) for step in scenario.steps]
    return scenario.title, scenario.tags, scenario.source, scenario.check, scenario.seed, scenario.given, steps


def test_what_a_shell_would_take_for_more_than_a_text_is_quoted() -> None:
    """A body that is no single line of text is told as one line too."""
    body = "'a\nb $HOME'"
    call = f"- console.call: {{method: POST, path: /x, unknown_path: true, text: {body!r}, status: 404}}"
    (scenario,) = Loader(vocabulary()).parse(f"title: T\ngiven: nothing\nsteps:\n{call}\n", "t.yaml")
    told = VariationRunner(Player(WorldBuilder(0))).transcript(replace(scenario, check="invariants"))
    assert told.splitlines()[1].endswith(r"--data $'\'a\nb $HOME\''")
    assert told.splitlines()[0].endswith(" console: 404")


@pytest.mark.long
def test_regressions_are_part_of_the_catalog(capsys: pytest.CaptureFixture[str]) -> None:
    """What was found once is played with everything else, by its tag or alone."""
    regressions = [str(file) for file in catalog_files() if file.parent.name == "regressions"]
    assert regressions
    assert main(["run", "--tag", "regression", "--jobs", "1"]) == 0
    assert (
        f"{len(regressions)} passed, 0 failed, 0 skipped; {len(INVARIANTS) * len(regressions)} expectations"
        in capsys.readouterr().out
    )


def test_a_folder_for_failures_needs_something_that_finds_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alone it would stay empty, which is told; exit code 2."""
    assert main(["run", str(catalog("deny")), "--failures-dir", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "privman-scenarios: --failures-dir requires --sweep, --interleave or --generate.\n"
    )


def test_a_bound_on_orders_needs_orders(capsys: pytest.CaptureFixture[str]) -> None:
    """Alone it would count for nothing; exit code 2."""
    assert main(["run", str(catalog("deny")), "--orders", "3"]) == 2
    assert capsys.readouterr().err == ("privman-scenarios: --orders requires --interleave.\n")


def test_what_a_later_step_uses_is_not_left_out() -> None:
    """A smaller scenario is still one that can be read: the request stays, and its name."""
    (scenario,) = Loader(vocabulary()).parse(
        "title: T\nsteps:\n- console.ask: {as: first, metadata: {a: b}}\n- console.restart:\n"
        "- console.call: {path: '/${first.request_id}', unknown_path: true, status: 404}\n",
        "t.yaml",
    )
    smallest = shrink(vocabulary(), scenario, lambda each: each.steps[-1].verb == "console.call")
    assert [(step.verb, step.arguments) for step in smallest.steps] == [
        ("console.ask", {"as": "first"}),
        ("console.call", {"path": "/${first.request_id}"}),
    ]
