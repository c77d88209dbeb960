"""Steps that are waited for with a bound of their own, and checks after whose failure a scenario goes on."""

import pytest
import yaml

from privman_scenarios.analysis.regressions import to_yaml
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.engine import Engine
from privman_scenarios.playing.log_in import Credentials
from privman_scenarios.playing.target import Target
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder

from .played_story import play_stories, why_failed
from .stub_instance import StubInstance
from .targets import Hurried

RETRIED = """title: T
steps:
- console.ask:
- console.fault: {kind: status, path: "*/approval/approve", times: 2, options: {status: 503}}
- servicenow.approve:
"""
APPROVED = "- console.expect-approval: Approved\n  eventually: "
CALLED = (
    "- servicenow.call: {path: '/api/now/table/${table.response}', by: administrator,"
    "body: {result: [{response_status_code: 200}]}}\n"
)


def lines(text: str) -> list[int]:
    """Return the line of each failure of a story."""
    (ended,) = play_stories(text)
    return [each.line for each in (ended.failure.each if ended.failure else ())]


def refused(steps: str, head: str = "title: T\n") -> str:
    """Return why a story cannot be loaded."""
    with pytest.raises(ScenarioFileError) as caught:
        Loader(vocabulary()).parse(f"{head}steps:\n- console.ask:\n{steps}", "story.yaml")
    return str(caught.value)


@pytest.mark.long
def test_virtual_time_goes_on_until_it_holds_and_no_further() -> None:
    """Two retries come after 100 seconds: a bound just below is too short, and a longer one leaves time alone."""
    assert why_failed(f"{RETRIED}{APPROVED}100 seconds\n") == ""
    told = why_failed(f"{RETRIED}{APPROVED}99 seconds\n")
    assert told == "story.yaml:6: console.expect-approval: expected state 'Approved'; got state 'Pending', after 99 s"
    waits = "- servicenow.expect-request: Approve\n- console.run: allowed\n"
    assert why_failed(f"{RETRIED}{APPROVED}7 days\n{waits}") == ""


def test_what_never_happens_is_looked_for_to_the_end_of_the_bound() -> None:
    """From event to event, so that a week takes no longer than its events; also where each party has its own clock."""
    denied = "- console.expect-approval: Denied\n  eventually: 7 days\n"
    assert why_failed(f"{RETRIED}{denied}").endswith("got state 'Approved', after 604800 s")


def test_a_call_that_reads_is_waited_for() -> None:
    """It changes nothing, however often it is sent."""
    assert why_failed(f"{RETRIED}{CALLED}  eventually: 2 minutes\n") == ""


@pytest.mark.parametrize(
    ("bound", "outcome"), [("10 seconds", "failed"), ("25 seconds", "passed"), ("0.5 seconds", "failed")]
)
async def test_a_real_system_is_waited_for_as_long_as_the_step_says(
    stub: tuple[StubInstance, WorldBuilder], bound: str, outcome: str
) -> None:
    """Instead of as long as the patience of the run."""
    stub[0].late = 20 if bound != "0.5 seconds" else 5  # within the patience
    worlds = WorldBuilder(0, servicenow=Target(stub[0].url, Credentials("integration", "s3cret")), pauses=Hurried())
    text = (
        "title: T\nsteps:\n- console.ask:\n- servicenow.deny:\n"
        f"- servicenow.expect-response: {{response_status_code: 200}}\n  eventually: {bound}\n"
    )
    (story,) = Loader(vocabulary()).parse(text, "story.yaml")
    assert (await Engine(vocabulary(), worlds, [], Hurried()).play(story)).outcome == outcome


@pytest.mark.long
def test_a_scenario_goes_on_after_a_soft_check() -> None:
    """It fails at its end, with each failure; a step that is not soft ends it."""
    wrong = "- console.expect-approval: Denied\n"
    soft = f"{wrong}  soft: true\n"
    head = "title: T\nsteps:\n- console.ask:\n"
    assert lines(f"{head}{soft}- servicenow.approve:\n- console.expect-approval: Approved\n  soft: true\n") == [4]
    assert lines(f"{head}{soft}{soft}- servicenow.approve:\n") == [4, 6]
    assert lines(f"{head}{soft}{wrong}{soft}") == [4, 6]
    assert lines(f"{head}{wrong}  eventually: 1 minute\n  soft: true\n{soft}") == [4, 7]


def test_a_soft_failure_has_the_exchanges_of_its_moment() -> None:
    """What follows is not in the way."""
    text = "title: T\nsteps:\n- console.ask:\n- console.expect-approval: Denied\n  soft: true\n- servicenow.approve:\n"
    (ended,) = play_stories(text)
    assert ended.failure
    assert "PATCH" not in "".join(ended.failure.exchanges)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("- console.restart:\n  eventually: 1 minute\n", "5: 'eventually': console.restart acts."),
        ("- console.run: asked\n  eventually: 1 minute\n", "5: 'eventually': console.run acts."),
        (f"{CALLED[:-2]}, method: POST, json: {{}}}}\n  soft: true\n", "5: 'soft': servicenow.call acts."),
        (
            "- console.expect-approval: Pending\n  eventually: soon\n",
            "5: 'eventually' is 'soon'. invalid span of time 'soon'.",
        ),
        (
            "- console.expect-approval: Pending\n  eventually: 0 seconds\n",
            "Expected more than 0 seconds and at most 7 days.",
        ),
        ("- console.expect-approval: Pending\n  eventually: 8 days\n", "5: 'eventually' is '8 days'."),
        ("- console.expect-approval: Pending\n  soft: false\n", "5: 'soft' is False. Expected true."),
        (
            "- console.expect-approval: Pending\n  eventualy: 1 minute\n",
            "5: unknown key 'eventualy' beside console.expect-approval. Did you mean 'eventually'?",
        ),
        ("- eventually: 1 minute\n", "4: a step is {'eventually': '1 minute'}. Expected one '<party>.<verb>:'"),
        ("- console.ask:\n  console.restart:\n", "4: a step is {'console.ask': None, 'console.restart': None}."),
        ("- 5\n", "4: a step is 5. Expected one"),
        (
            "- servicenow.deny:\n- servicenow.expect-refusal: 403\n  eventually: 1 minute\n",
            "6: 'eventually': servicenow.expect-refusal looks at an answer that came before, which cannot change.",
        ),
        (
            "- together:\n  - console.expect-approval: Pending\n    eventually: 1 minute\n  - console.restart:\n",
            "'eventually' in 'together', whose steps happen at the same moment.",
        ),
    ],
)
def test_modifiers_that_make_no_sense(steps: str, message: str) -> None:
    """They are refused at load, with file, line and the nearest word."""
    told = refused(steps)
    assert told.startswith("story.yaml:")
    assert message in told


def test_invariants_are_judged_once() -> None:
    """There is nothing to go on to."""
    soft = "- console.expect-approval: Pending\n  soft: true\n"
    assert refused(soft, "title: T\ncheck: invariants\n").startswith(
        "story.yaml:5: 'soft': a scenario with 'check: inv"
    )


def test_variations_let_the_time_pass() -> None:
    """`check: invariants` goes the same way as the scenario; a regression keeps the modifiers."""
    text = f"{RETRIED}{APPROVED}3 minutes\n- servicenow.expect-response: {{retry_attempts: 2}}\n  soft: true\n"
    assert why_failed(f"check: invariants\n{RETRIED}{APPROVED}3 minutes\n") == ""
    (scenario,) = Loader(vocabulary()).parse(text, "story.yaml")
    assert yaml.safe_load(to_yaml(scenario))["steps"][3:] == [
        {"console.expect-approval": {"state": "Approved"}, "eventually": "3 minutes"},
        {"servicenow.expect-response": {"retry_attempts": 2}, "soft": True},
    ]
