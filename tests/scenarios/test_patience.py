"""How long an expectation of a system that keeps real time is looked at, and watched."""

from collections.abc import Awaitable, Callable

import pytest

from privman_core.clock import UNLISTED, Label
from privman_scenarios.language.loader import Loader
from privman_scenarios.language.vocabulary import Verbs, Vocabulary
from privman_scenarios.playing.engine import Engine
from privman_scenarios.playing.events import Event, ScenarioEnded, StepPassed
from privman_scenarios.playing.log_in import Credentials
from privman_scenarios.playing.target import Target
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder

from .stub_instance import StubInstance
from .targets import Hurried, play, scenarios


class Eventful(Hurried):
    """A hurried clock on which something happens in a certain second."""

    def __init__(self, second: int, happens: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._second = second
        self._happens = happens

    async def sleep(self, seconds: float, _label: Label = UNLISTED) -> None:
        """Return at once, but for what happens."""
        self._second -= int(seconds)
        if not self._second:
            await self._happens()


async def test_a_real_instance_gets_time_to_answer(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """What is not there yet is looked for again, a second apart."""
    stub[0].late = 3
    (ended,) = await play(stub[1], scenarios("deny"))
    assert ended.outcome == "passed"
    assert stub[0].late == 0


NOBODY_DECIDES = """title: T
steps:
- console.ask:
- servicenow.decide-at-once: {accepted: 0, decisions: [{response: Approve}, {response: Deny}]}
"""


@pytest.mark.long
@pytest.mark.parametrize(("patience", "outcome"), [(15, "failed"), (30, "passed")])
async def test_what_comes_late_is_waited_for_as_long_as_somebody_says(
    stub: tuple[StubInstance, WorldBuilder], patience: int, outcome: str
) -> None:
    """An event queue that is busy shows a response after twenty looks."""
    stub[0].late = 20
    worlds = WorldBuilder(
        0, servicenow=Target(stub[0].url, Credentials("integration", "s3cret")), pauses=Hurried(), patience=patience
    )
    (ended,) = await play(worlds, scenarios("deny"))
    assert ended.outcome == outcome


# Each holds as long as the instance has not acted upon the approval, and no longer.
NOT_YET = (
    "console.expect-approval: Pending",
    "console.expect-approval: {state: {not: Approved}}",
    "console.expect-approval: {state: {matches: '^(Pending|Denied)$'}}",
    "console.expect-approval: {state: {one-of: [Pending, Denied]}}",
    "console.expect-approval: {state: {contains: end}}",
    "console.expect-approval: {state: {not: {one-of: [Approved, Denied]}}}",
    "console.expect-approval: {responded_by: {absent: true}}",
    "console.call: {path: '/__admin/approval-requests/${one.request_id}', body: {state: Pending}, status: 200}",
    (
        "servicenow.call:\n    {path: '/api/now/table/${table.response}', by: administrator, "
        "answer-headers: {content-length: {'<': 20}}}"
    ),
    "console.expect-approval: {responded_by: {matches: '^$'}}",
    "console.expect-approval: {request: one, responded_by: ''}",
    "console.expect-exchanges: {direction: in, path: '*/approve', count: 0}",
    "servicenow.expect-response: {count: 0}",
    "servicenow.call: {path: '/api/now/table/${table.response}', body: {result: []}, by: administrator}",
)
HEAD = "title: T\nsteps:\n- console.ask: {as: one}\n- servicenow.approve:\n- "


async def answer_late(stub: StubInstance, expectation: str, second: int) -> ScenarioEnded:
    """Play an approval, upon which the instance acts in this second of an expectation that it does not."""
    stub.answering = 1_000
    played = list(Loader(vocabulary()).parse(f"{HEAD}{expectation}\n", "t.yaml"))
    worlds = WorldBuilder(0, servicenow=Target(stub.url, Credentials("integration", "s3cret")), pauses=Hurried())
    (ended,) = await play(worlds, played, Eventful(second, stub.act_upon_decision))
    return ended


@pytest.mark.long
@pytest.mark.parametrize("expectation", NOT_YET)
async def test_what_must_not_happen_is_watched(expectation: str, stub: tuple[StubInstance, WorldBuilder]) -> None:
    """In real time the first look proves nothing: it may come until the patience of the run ends."""
    late = await answer_late(stub[0], expectation, 15)
    assert late.failure is not None
    assert late.failure.line == 5
    assert late.failure.got.endswith(", 15 s after the last step that acted; earlier it held")
    assert (await answer_late(stub[0], expectation, 16)).outcome == "passed"


PENDING_AT_FIRST = """title: T
steps:
- console.ask:
- servicenow.expect-request: Pending
- servicenow.deny:
- servicenow.expect-request: {status: {not: Pending}}
- console.expect-approval: {state: {not: Approved}}
- console.expect-approval: Denied
- console.call:
    path: /Tms/services/api/logon/token
    method: DELETE
    status: 401
    answer-headers: {content-type: {contains: json}}
"""


async def watch(worlds: WorldBuilder, text: str, verbs: Vocabulary | None = None) -> tuple[list[int], list[int]]:
    """Return for how many seconds each step of a scenario was watched, and each pause."""
    pauses: list[int] = []

    class Noting(Hurried):
        async def sleep(self, seconds: float, _label: Label = UNLISTED) -> None:
            pauses.append(int(seconds))

    told: list[Event] = []
    verbs = verbs or vocabulary()
    await Engine(verbs, worlds, [told.append], Noting()).run(list(Loader(verbs).parse(text, "t.yaml")), 0)
    assert [event.outcome for event in told if isinstance(event, ScenarioEnded)] == ["passed"]
    return [event.watched for event in told if isinstance(event, StepPassed)], pauses


async def test_a_run_of_expectations_is_watched_once(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """The time counts from the last step that acted; a request that is pending before any decision has just arrived."""
    assert await watch(stub[1], PENDING_AT_FIRST) == ([0, 0, 0, 0, 15, 15, 0, 0], [1] * 15)


async def expect_no_second_message(_play: object, _party: str) -> None:
    """No second message comes."""


async def test_a_verb_may_say_that_something_must_not_happen(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Its steps are watched, though no argument says so."""
    own = Verbs()
    own.verb(forbids=True)(expect_no_second_message)
    text = "title: T\nsteps:\n- console.ask:\n- servicenow.expect-no-second-message:\n"
    assert await watch(stub[1], text, Vocabulary([*vocabulary(), *own.of("servicenow")])) == ([0, 0, 15], [1] * 15)


@pytest.mark.long
async def test_nothing_is_watched_in_virtual_time_and_in_a_dry_run(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """There nothing is under way once a step has ended, or nothing is at stake."""
    assert await watch(WorldBuilder(0), PENDING_AT_FIRST) == ([0] * 8, [])
    dry = WorldBuilder(
        0, servicenow=Target(stub[0].url, Credentials("integration", "s3cret")), pauses=Hurried(), dry_run=True
    )
    assert (await watch(dry, PENDING_AT_FIRST))[0] == [0] * 8


async def test_what_acts_is_not_taken_again_until_it_holds(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """The second time a decision is refused because the first one was accepted, which was the defect."""
    stub[0].decided_once = True
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(NOBODY_DECIDES, "t.yaml")))
    assert ended.failure is not None
    assert (ended.failure.expected, ended.failure.got[:2]) == ("0 accepted decisions", "1:")
