"""The sweep: each message of a scenario meets each fault."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from privman_core.clock import RealClock
from privman_scenarios.analysis.exploration import VariationRunner
from privman_scenarios.analysis.message_filter import MessageFilter
from privman_scenarios.analysis.mutants import Mutant, TamperedWorlds
from privman_scenarios.analysis.variations import Variation, distinct
from privman_scenarios.commands.cli import main
from privman_scenarios.language.loader import Loader
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.engine import Engine, Worlds
from privman_scenarios.playing.events import Event, JournalsRead
from privman_scenarios.playing.processes import Player
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder

from .targets import packaged, scenarios

FAULTS = ["lost before", "lost after commit", "duplicated", "late", "malformed", "401", "429", "503"]
APPROVE = "/tms/services/api/v1/approval/approve"
RESPONSES = "/api/now/table/x_thyti_thycotic_p_response"
# A scenario whose steps hold, though what they do breaks an invariant; only two messages flow.
TWICE = """
title: A response is written twice
given: nothing
steps:
  - servicenow.insert: {table: response, values: {request_id: 85d71683-7dac-4762-8120-76a9a564fdc1, response: Deny}}
  - servicenow.insert: {table: response, values: {request_id: 85d71683-7dac-4762-8120-76a9a564fdc1, response: Deny}}
  - servicenow.expect-records: {table: response, count: 2}
"""
ALIKE = """
title: One incident is written
given: nothing
steps:
  - servicenow.insert: {table: incident, values: {short_description: One}}
  - servicenow.expect-records: {table: incident, where: {short_description: One}, count: 1}
---
title: One incident is written, and is active
given: nothing
steps:
  - servicenow.insert: {table: incident, values: {short_description: One}}
  - servicenow.expect-records: {table: incident, where: {short_description: One, active: true}, count: 1}
"""
ASKED_AND_LISTED = """
- console.ask: {as: <name>}
- servicenow.call:
    {path: '/api/now/table/${table.request}?request_id=${request_id}', by: administrator, as: all}
"""
WHATEVER = """
title: Whatever a story may hold
examples: [{name: one, comment: Fine}]
steps:
  - console.fault: {kind: status, path: "*/approval/approve", times: 2, options: {status: 503}}
  - include: asked.steps.yaml
  - servicenow.update:
      table: request
      sys_id: ${all.body.result.0.sys_id}
      values: {status: Approve, comment: <comment>}
      by: scenario.approver
  - console.expect-approval: {state: Approved, comment: <comment>}
    eventually: 3 minutes
  - servicenow.expect-response: {retry_attempts: 2}
    soft: true
teardown:
  - servicenow.delete: {table: request, sys_id: "${all.body.result.0.sys_id}"}
"""


def load(stem: str) -> Scenario:
    """Return a scenario of the catalog."""
    return scenarios(stem)[0]


def varied(scenario: Scenario, worlds: Worlds | None = None) -> Sequence[Variation]:
    """Return the variations of a scenario, which must pass."""
    return VariationRunner(Player(worlds or WorldBuilder(0)), sweep=True).vary(scenario).variations


def swept(scenario: Scenario, worlds: Worlds | None = None) -> list[Scenario]:
    """Return the variations of a scenario, which must pass, as they are played."""
    return [each.scenario for each in varied(scenario, worlds)]


def variation(title: str, scenarios: list[Scenario]) -> Scenario:
    """Return the one whose title ends like this."""
    (found,) = [each for each in scenarios if each.title.endswith(title)]
    return found


@pytest.mark.long
def test_each_message_meets_each_fault() -> None:
    """Every message of set-up, request, decision and delivery; only an instance hibernates.

    Only what the console receives can be overtaken, since whoever sends to ServiceNow waits for each answer.
    """
    titles = [
        each.title.removeprefix("A denial reaches the console; ")
        for each in swept(load("deny"))
        if "; restart of " not in each.title
    ]
    met = Counter(title.partition(": ")[0] for title in titles)
    messages = Counter(re.sub("/[0-9a-f]{32}", "/SYS_ID", title.partition(": ")[2]) for title in titles)
    assert messages == {
        "POST /api/now/table/x_thyti_thycotic_p_integration_configuration to servicenow": 9,
        "POST /api/now/table/x_thyti_thycotic_p_activity_type to servicenow": 9,
        "GET /api/now/table/x_thyti_thycotic_p_integration_configuration/SYS_ID to servicenow": 9,
        "GET /api/now/table/x_thyti_thycotic_p_activity_type/SYS_ID to servicenow": 9,
        "POST /api/now/table/x_thyti_thycotic_p_request to servicenow": 9,
        "PATCH /api/now/table/x_thyti_thycotic_p_request/SYS_ID to servicenow": 9,
        "POST /Tms/services/api/logon/token to console": 9,
        "POST /Tms/services/api/v1/approval/approve to console": 8,
    }
    assert met == {**dict.fromkeys(FAULTS, 8), "hibernation": 6, "reordered": 1}


async def struck(scenario: Scenario) -> list[str]:
    """Play a variation, which must hold, and return the faults that its messages met."""
    events: list[Event] = []
    ended = await Engine(vocabulary(), WorldBuilder(0), [events.append], RealClock(), journals=True).play(scenario)
    assert ended.failure is None
    (read,) = (event for event in events if isinstance(event, JournalsRead))
    return [each["fault"] for journal in read.journals.values() for each in journal if each["fault"]]


@pytest.mark.long
@pytest.mark.once
async def test_each_fault_strikes_once_and_breaks_nothing() -> None:
    """A sample that has each fault and each message: what was lost is said again, what came twice counts once."""
    played = await asyncio.to_thread(swept, load("deny"))
    variations = [each for each in played if "; restart of " not in each.title]
    reordered = variation("reordered: POST /Tms/services/api/logon/token to console", variations)
    assert [await struck(each) for each in [*variations[::8], reordered]] == [
        ["reset"],
        ["hibernating"],
        ["maintenance"],
        ["rate-limited"],
        ["status"],
        ["malformed"],
        ["slow"],
        ["duplicated"],
        ["answer-lost"],
        ["slow"],
    ]


@pytest.mark.long
async def test_either_party_restarts_between_any_two_steps() -> None:
    """Set-up, request and denial have two places between them."""
    restarted = [each for each in await asyncio.to_thread(swept, load("deny")) if "; restart of " in each.title]
    assert [each.title.partition("; ")[2] for each in restarted] == [
        f"restart of {party}: before {step}"
        for step in ("console.ask (step 2)", "servicenow.deny (step 3)")
        for party in ("servicenow", "console")
    ]
    for each in restarted:
        assert await struck(each) == []


@pytest.mark.long
def test_a_message_that_comes_again_in_its_step_meets_each_fault_too() -> None:
    """The fault lets those before it pass, and one that the scenario itself disturbs is left alone."""
    titles = [each.title for each in swept(load("retry-last-one-succeeds"))]
    turns = {title.partition(" to console")[2] for title in titles if "/approval/approve" in title}
    assert turns == {""}
    twice = [each for each in swept(load("token-logged-out")) if "/approval/approve to console (number 2" in each.title]
    assert {step.arguments["skip"] for each in twice for step in each.steps if step.verb == "console.fault"} == {1}


@pytest.mark.long
def test_of_many_repeats_the_first_and_the_last_meet_each_fault() -> None:
    """A console that polls for 20 minutes repeats one message 59 times."""
    polling = next(each for each in scenarios("both-integrations") if each.title.startswith("Over SOAP, a request is"))
    titles = [each.title for each in swept(polling) if "GetExecuteAppApprovalRequestStatus" in each.title]
    turns = Counter(title.partition(" to servicenow")[2] for title in titles)
    assert turns == {"": 9, " (number 59 of its step)": 9}


@pytest.mark.long
def test_a_planted_defect_is_found() -> None:
    """A repeated delivery that says the opposite is noticed where the first one fails, and only there."""
    touches = MessageFilter(at="console", side="request", path=APPROVE, skip=1)
    mutant = Mutant(
        "repeat-swapped", "A repeated delivery says the same.", touches, "approve", {"set": {"Response": "Deny"}}
    )
    worlds = TamperedWorlds(WorldBuilder(0), mutant)
    variations = swept(load("approve"), worlds)
    runner = VariationRunner(Player(worlds))
    delivery = "POST /Tms/services/api/v1/approval/approve to console"
    failure = runner.failure(variation(f"503: {delivery}", variations))
    assert failure is not None
    assert failure.step == "both-sides-agree"
    assert failure.got.endswith(" is Denied in the console, Approve in ServiceNow")
    assert runner.failure(variation(f"late: {delivery}", variations)) is None


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("table", ["integration_configuration", "activity_type"])
def test_a_second_registration_is_found(table: str) -> None:
    """A console that registers again after a lost answer, because its own record is not found, is noticed."""
    path = f"*_{table}"
    touches = MessageFilter(at="servicenow", side="answer", method="GET", path=path, times=1)
    mutant = Mutant("own-record-hidden", "A record is found.", touches, "approve", {"json": {"result": []}})
    worlds = TamperedWorlds(WorldBuilder(0), mutant)
    (lost,) = [
        each
        for each in swept(load("approve"), worlds)
        if re.search(f"; lost after commit: POST .*_{table} ", each.title)
    ]
    failure = VariationRunner(Player(worlds)).failure(lost)
    assert failure is not None
    assert failure.step == "registered-once"
    assert VariationRunner(Player(WorldBuilder(0))).failure(lost) is None


@pytest.mark.long
def test_variations_play_whatever_a_story_may_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Included steps, examples, captures, checks that wait and soft ones; the teardown is left out.

    What a fault took away, such as the capture, is not held against the parties.
    """
    (tmp_path / "asked.steps.yaml").write_text(ASKED_AND_LISTED, encoding="utf-8")
    story = tmp_path / "story.yaml"
    story.write_text(WHATEVER, encoding="utf-8")
    assert main(["run", str(story), "--sweep", "--min-coverage", "1"]) == 0, capsys.readouterr().out


def test_what_failed_is_not_varied() -> None:
    """It has nothing to lose; what was skipped neither."""
    (failing,) = Loader(vocabulary()).parse(
        "title: T\nsteps: [{console.ask: }, {console.expect-approval: Denied}]", "t"
    )
    played = VariationRunner(Player(WorldBuilder(0)), sweep=True).vary(failing)
    assert (played.ended.outcome, played.variations) == ("failed", ())


@pytest.mark.long
def test_a_request_that_is_to_be_refused_is_not_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The invariants are about the set-up then."""
    file = tmp_path / "refused.yaml"
    file.write_text("title: T\nsteps: [{console.ask: {metadata: {no key: none}}}, {console.expect-refusal: 400}]\n")
    assert main(["run", str(file), "--sweep", "--jobs", "1"]) == 0, capsys.readouterr().out


@pytest.mark.long
def test_the_command_tells_of_variations_that_fail_and_counts_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that hold are quiet; exit code 1."""
    file = tmp_path / "twice.yaml"
    file.write_text(TWICE)
    assert main(["run", str(file), "--sweep", "--jobs", "2"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "passed  A response is written twice"
    failed = [line.rpartition("; ")[2] for line in lines if line.startswith("failed  ")]
    committed = ("lost after commit", "duplicated", "late", "malformed")
    assert failed == [
        *(f"{fault}: POST {RESPONSES} to servicenow" for _ in range(2) for fault in committed),
        *(f"restart of {party}: before servicenow.insert (step 2)" for party in ("servicenow", "console")),
    ]
    assert lines[-2].startswith("11 passed, 10 failed, 0 skipped; 221 expectations in ")
    assert lines[-1] == "20 variations were played, 10 of them failed"


@pytest.mark.long
def test_variations_that_begin_alike_are_played_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run prints and reports how many it has left out."""
    file, report = tmp_path / "alike.yaml", tmp_path / "report.json"
    file.write_text(ALIKE)
    assert main(["run", str(file), "--sweep", "--jobs", "1", "--json", str(report)]) == 0
    left_out = "9 variations were left out, as each begins like one that was played"
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["9 variations were played, 0 of them failed", f"{left_out}."]
    assert json.loads(report.read_text())["variations"] == 9
    assert json.loads(report.read_text())["remarks"] == [left_out]


@pytest.mark.long
def test_a_fault_in_the_set_up_strikes_once_whatever_follows() -> None:
    """So does a restart before the same step; a fault at a later message strikes before each other step."""
    denied, approved = varied(load("deny")), varied(load("approve"))
    again = [each.title.partition("; ")[2] for each in distinct([*denied, *approved])[len(denied) :]]
    titles = [each.scenario.title.partition("; ")[2] for each in approved]
    left_out = [title for title in titles if title not in again]
    assert left_out[-2:] == [f"restart of {party}: before console.ask (step 2)" for party in ("servicenow", "console")]
    assert len(left_out[:-2]) == 36
    assert all(re.search("_integration_configuration|_activity_type", title) for title in left_out[:-2])


def test_a_sweep_without_variations_has_not_held(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What met no fault says nothing; exit code 1."""
    file = tmp_path / "quiet.yaml"
    file.write_text("title: T\ngiven: nothing\nsteps: [{servicenow.expect-records: {table: request, count: 0}}]\n")
    assert main(["run", str(file), "--sweep"]) == 1
    assert capsys.readouterr().out.endswith("No variation was played, so the run fails.\n")


@pytest.mark.long
def test_variations_without_a_scenario_have_not_held(capsys: pytest.CaptureFixture[str]) -> None:
    """A text that no title has chooses nothing, whatever is generated besides."""
    deny = packaged("deny")
    assert main(["run", deny, "-k", "nosuch", "--generate", "1"]) == 1
    assert capsys.readouterr().out.endswith("No scenario of a file was played, so the run fails.\n")


@pytest.mark.parametrize(("option", "value"), [("--jobs", "0"), ("--jobs", "many"), ("--orders", "-1")])
def test_a_count_begins_with_one(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and the value is shown."""
    with pytest.raises(SystemExit) as ended:
        main(["run", "--sweep", option, value])
    assert ended.value.code == 2
    assert f"invalid count {value!r}: expected a whole number from 1" in capsys.readouterr().err
