"""When the invariants are judged in a run, and what is said of one that is broken."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from aiohttp import web

from mock_servicenow.conditions import CONDITIONS
from privman_core.clock import RealClock
from privman_core.faults import NUMBER, Strike
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.engine import Engine
from privman_scenarios.playing.events import Failure, ScenarioEnded
from privman_scenarios.playing.invariants import INVARIANTS
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder

from .observed_story import APPROVE, WELL, received


async def played(steps: str) -> ScenarioEnded:
    """Play a scenario of which the invariants are asked."""
    (scenario,) = Loader(vocabulary()).parse(f"title: T\ncheck: invariants\nsteps:\n{steps}", "t.yaml")
    return await Engine(vocabulary(), WorldBuilder(0), [], RealClock()).play(scenario)


async def failure(steps: str) -> Failure:
    """Play a scenario of which the invariants are asked and return why it failed."""
    ended = await played(steps)
    assert ended.failure is not None
    return ended.failure


async def test_whatever_becomes_of_the_steps_only_the_invariants_count() -> None:
    """Refusals, faults and requests without an end are no failures; each invariant is one check."""
    ended = await played(
        "- servicenow.deny:\n"
        "- console.ask: {as: first}\n"
        "- console.fault: {kind: status, path: '*/approve', times: null}\n"
        "- servicenow.approve:\n"
        "- servicenow.deny:\n"
        "- console.ask: {as: second}\n"
    )
    assert (ended.outcome, ended.checks) == ("passed", len(INVARIANTS))


async def test_messages_that_the_scenario_breaks_itself_are_no_violations() -> None:
    """A contract that a step breaks on purpose says nothing of the parties."""
    call = f"- console.call: {{method: POST, path: {APPROVE}, text: 'no JSON', status: 401}}\n"
    assert (await played(call)).outcome == "passed"


async def _queue(strike: Strike) -> web.StreamResponse:
    """Wait before it does what was asked."""
    await strike.clock.sleep(strike.options.get("seconds", 60))
    return await strike.proceed()


@pytest.fixture
def queued() -> Iterator[str]:
    """Return another kind of fault of the instance that holds the true answer back."""
    CONDITIONS.kind("queued", holds=True, seconds=NUMBER)(_queue)
    vocabulary.cache_clear()
    yield "queued"
    del CONDITIONS["queued"]
    vocabulary.cache_clear()


def test_a_condition_that_holds_the_answer_back_needs_a_shared_clock(queued: str) -> None:
    """Its caller waits on another clock otherwise, which nothing advances."""
    assert "a shared clock" in vocabulary()["servicenow.fault"].needs_of({"kind": queued})


def test_a_decision_that_a_condition_held_back_was_taken(queued: str) -> None:
    """The party itself gave the answer."""
    exchange = received("POST", APPROVE, {"RequestId": "r1", "Response": "Approve"}, fault=queued)
    assert list(replace(WELL, received={"console": [exchange]}).taken()) == [("r1", "Approve")]


@pytest.mark.long
@pytest.mark.parametrize("kind", ["slow", "queued"])
@pytest.mark.usefixtures("queued")
async def test_a_slow_servicenow_keeps_only_its_caller_waiting(kind: str) -> None:
    """A message that a fault holds arrives when its time has come, though its sender waits for the answer."""
    ended = await played(
        f"- servicenow.fault: {{kind: {kind}, path: '*_request', options: {{seconds: 20}}}}\n"
        "- console.ask:\n"
        "- clock.advance: 1 minute\n"
        "- servicenow.approve:\n"
    )
    assert ended.outcome == "passed"


async def test_an_expectation_among_the_steps_counts_too() -> None:
    """What a step expects must hold at its place, and its line is named."""
    ended = await failure("- console.ask:\n- console.expect-approval: Approved\n")
    assert (ended.step, ended.line, ended.got) == ("console.expect-approval", 5, "state 'Pending'")


@pytest.mark.long
async def test_a_broken_invariant_is_named() -> None:
    """The failure says which, and what it promises."""
    record = "{request_id: 85d71683-7dac-4762-8120-76a9a564fdc1, response: Approve}"
    insert = f"- servicenow.insert: {{table: response, values: {record}}}\n"
    ended = await failure(insert + insert)
    assert ended.message == (
        "t.yaml:1: one-record-each: expected that a request is one row in a ServiceNow and has at most one response "
        "there; got the response to request 85d71683-7dac-4762-8120-76a9a564fdc1 exists 2 times in servicenow"
    )
