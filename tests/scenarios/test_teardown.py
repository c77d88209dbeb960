"""Steps that are played after all others, whatever failed."""

import asyncio
import json
from pathlib import Path

import pytest

from privman_core.clock import UNLISTED, Label
from privman_scenarios.commands.cli import main
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.engine import Engine
from privman_scenarios.playing.events import Event, StepPassed
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder

from .played_story import play_stories, why_failed
from .stub_instance import StubInstance
from .targets import Hurried

HELD = "- console.expect-set-up: {steps: {register: ok}}\n"
FAILED = "- console.expect-webhooks: []\n"
MADE = "- servicenow.insert: {table: response, values: {response: Deny}, as: made}\n"
DELETED = "- servicenow.delete: {table: response, sys_id: '${made.sys_id}'}\n"
GONE = "- servicenow.expect-records: {table: response, count: 0}\n"
STILL_THERE = "- servicenow.expect-records: {table: response, where: {response: Deny}}\n"
NO_RECORD = f"- servicenow.delete: {{table: response, sys_id: '{'0' * 32}'}}\n"


@pytest.mark.parametrize(
    ("steps", "teardown", "failed"),
    [
        (HELD + MADE, DELETED + GONE, []),
        (MADE + FAILED, DELETED + GONE, [4]),
        (MADE + FAILED, STILL_THERE + DELETED + STILL_THERE, [4, 8]),
        (FAILED + MADE, DELETED + GONE, [3]),
        (HELD, STILL_THERE + GONE, [5]),
    ],
    ids=["nothing fails", "a step fails", "both fail", "nothing was saved", "only the teardown fails"],
)
def test_every_step_of_the_teardown_is_played(steps: str, teardown: str, failed: list[int]) -> None:
    """It cleans up after a failure, too; what the failed steps have not saved is no failure of its own."""
    (ended,) = play_stories(f"title: T\nsteps:\n{steps}teardown:\n{teardown}")
    assert [each.line for each in (ended.failure.each if ended.failure else ())] == failed


def test_a_refusal_may_be_expected_in_the_teardown() -> None:
    """Its steps read like any others."""
    refused = f"{NO_RECORD}- servicenow.expect-refusal: 404\n"
    assert why_failed(f"title: T\nsteps:\n{HELD}teardown:\n{refused}") == ""


@pytest.mark.long
def test_where_only_invariants_are_judged_steps_of_the_teardown_may_fail() -> None:
    """What it expects must hold."""
    head = "title: T\ncheck: invariants\nsteps:\n- console.ask:\nteardown:\n"
    assert why_failed(head + NO_RECORD + GONE) == ""
    assert why_failed(head + NO_RECORD + STILL_THERE).startswith("story.yaml:7: servicenow.expect-records: ")


@pytest.mark.parametrize(
    ("teardown", "message"),
    [
        ("teardown: []\n", "4: 'teardown' is []. Expected a list of steps."),
        ("teardown:\n- consle.restart:\n", "5: unknown step 'consle.restart'. Did you mean 'console.restart'?"),
        ("teardown:\n- servicenow.approve: {comment: '${made.status}'}\n", "5: servicenow.approve: no earlier step"),
        (
            "teardown:\n- together:\n  - console.restart:\n  - servicenow.restart:\n",
            "5: 'together' in 'teardown', whose steps are played one after the other.",
        ),
        ("tear_down:\n- console.restart:\n", "4: unknown key 'tear_down'. Did you mean 'teardown'?"),
    ],
)
def test_errors_of_the_teardown(teardown: str, message: str) -> None:
    """They name file, line and the nearest word, like those of any step."""
    with pytest.raises(ScenarioFileError) as caught:
        Loader(vocabulary()).parse(f"title: T\nsteps:\n- console.ask:\n{teardown}", "story.yaml")
    assert str(caught.value).startswith(f"story.yaml:{message}")


class Interrupted(Hurried):
    """A clock on which nobody waits to the end."""

    async def sleep(self, _seconds: float, _label: Label = UNLISTED) -> None:
        """Be cancelled, as by Ctrl-C."""
        raise asyncio.CancelledError


async def test_an_interrupted_scenario_is_torn_down(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Whoever presses Ctrl-C leaves nothing behind."""
    text = "title: T\nsteps:\n- console.ask:\n- console.expect-approval: Approved\nteardown:\n- servicenow.deny:\n"
    told: list[Event] = []
    engine = Engine(vocabulary(), stub[1], [told.append], Interrupted())
    with pytest.raises(asyncio.CancelledError):
        await engine.run(Loader(vocabulary()).parse(text, "story.yaml"), 0)
    played = [each.step.verb for each in told if isinstance(each, StepPassed)]
    assert played == ["console.set-up", "console.ask", "servicenow.deny"]


@pytest.mark.long
def test_every_report_has_each_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The terminal, an annotation each, and the files."""
    story = tmp_path / "story.yaml"
    story.write_text(f"title: T\nsteps:\n- console.ask:\n{FAILED}teardown:\n- servicenow.expect-request: Approve\n")
    html, report, junit = (tmp_path / name for name in ("report.html", "report.json", "junit.xml"))
    files = ["--html", str(html), "--json", str(report), "--junit-xml", str(junit)]
    assert main(["run", str(story), *files, "--github"]) == 1
    printed = capsys.readouterr().out
    for line, verb in ((4, "console.expect-webhooks"), (6, "servicenow.expect-request")):
        assert f"  {story}:{line}: {verb}\n" in printed
        assert f":{line}: {verb}: expected" in junit.read_text()
        assert f"<li class=bad>{verb}" in html.read_text()
    assert printed.count("::error ") == 2
    (further,) = json.loads(report.read_text())["scenarios"][0]["failure"]["further"]
    assert (further["step"], further["line"]) == ("servicenow.expect-request", 6)
