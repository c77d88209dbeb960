"""What counts as ServiceNow's own answer: refusals, lists and records."""

import re
from contextlib import nullcontext
from pathlib import Path

import pytest

from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.commands.cli import main
from privman_scenarios.errors import ExpectationError, TargetUnreachableError
from privman_scenarios.fixtures import ConsoleFixture, ServiceNowFixture, WorldFixture
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.log_in import Credentials
from privman_scenarios.playing.target import Target
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder

from .shared_instance import shared_mock
from .stub_instance import REQUEST, RESPONSE, StubInstance
from .targets import Hurried, play, scenarios

APPROVED = """title: T
steps:
- console.ask: {as: one}
- console.ask: {as: two}
- servicenow.approve: {request: one}
- servicenow.approve: {request: two}
"""
ONE_REQUEST = APPROVED + "- servicenow.expect-records: {table: request, where: {status: Approve}, count: 1}\n"
NO_RESPONSE = (
    APPROVED + '- servicenow.expect-records: {table: response, where: {request_id: "${request_id}"}, count: 0}\n'
)


OTHERS_RESPONSE = """title: T
steps:
- console.ask: {as: one}
- servicenow.approve:
- servicenow.expect-response: Approve
- console.ask: {as: two}
- servicenow.expect-response: {request: two, response: Approve}
"""


@pytest.mark.long
async def test_a_list_of_another_request_is_none_of_this_one(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """As what ignores the query answers it, such as a cache on the way: the second request has no response."""
    stub[0].deaf = True
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(OTHERS_RESPONSE, "t.yaml")))
    assert ended.failure is not None
    assert ended.failure.line == 7
    assert ended.failure.expected.startswith("only records with request_id '")


@pytest.mark.parametrize(("expected", "outcome"), [("", "failed"), (" 500", "passed")])
async def test_a_failure_of_the_server_is_no_refusal(
    expected: str, outcome: str, stub: tuple[StubInstance, WorldBuilder]
) -> None:
    """Unless the scenario names its status."""
    stub[0].decisions_answer = (500, "Internal Server Error")
    text = f"title: T\nsteps:\n- console.ask:\n- servicenow.approve:\n- servicenow.expect-refusal:{expected}\n"
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(text, "t.yaml")))
    assert ended.outcome == outcome


RACES = {
    "decide-at-once": "- servicenow.decide-at-once: {decisions: [{response: Approve}, {response: Deny}], accepted: 0}",
    "together": "- together:\n  - servicenow.approve:\n  - servicenow.deny:\n- console.expect-approval: Pending",
}


@pytest.mark.parametrize("race", RACES.values(), ids=RACES)
async def test_a_failure_of_the_server_is_no_lost_race(race: str, stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Who loses a race is refused: a status of 500 says that something went wrong."""
    stub[0].decisions_answer = (500, "Internal Server Error")
    text = f"title: T\nsteps:\n- console.ask:\n{race}\n"
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(text, "t.yaml")))
    assert ended.failure is not None
    assert "-> 500" in ended.failure.got


NOT_THERE = {
    "expect-response": "- servicenow.expect-response: {count: 0}",
    "expect-records": "- servicenow.expect-records: {table: response, count: 0}",
}


@pytest.mark.parametrize("step", NOT_THERE.values(), ids=NOT_THERE)
async def test_a_record_that_may_not_be_read_is_there(step: str, stub: tuple[StubInstance, WorldBuilder]) -> None:
    """An instance counts the rows that the user may not read: a list without them says nothing of their absence."""
    stub[0].unread = RESPONSE
    text = f"title: T\nsteps:\n- console.ask:\n- servicenow.approve:\n{step}\n"
    with pytest.raises(TargetUnreachableError, match=r"expected all 1 records of .*; got 0 of them"):
        await play(stub[1], list(Loader(vocabulary()).parse(text, "t.yaml")))


NOT_SERVICENOW = {
    "a firewall's page": (403, "<html><body>Blocked</body></html>"),
    "a text": (404, "Not Found"),
    "nothing": (403, ""),
    "a gateway": (403, '{"message":"Forbidden"}'),
    "another error": (400, '{"error":"invalid_request"}'),
    "a password that has changed": (401, '{"error":{"message":"User is not authenticated"},"status":"failure"}'),
    "a rate limit": (429, '{"error":{"message":"Rate limit exceeded"},"status":"failure"}'),
    "JSON that is no object": (403, '["Forbidden"]'),
}
NO_REFUSALS = {**RACES, "expect-refusal": "- servicenow.approve:\n- servicenow.expect-refusal:"}


@pytest.mark.long
@pytest.mark.parametrize("answer", NOT_SERVICENOW.values(), ids=NOT_SERVICENOW)
@pytest.mark.parametrize("steps", NO_REFUSALS.values(), ids=NO_REFUSALS)
async def test_only_servicenow_refuses_a_decision(
    steps: str, answer: tuple[int, str], stub: tuple[StubInstance, WorldBuilder]
) -> None:
    """What a proxy, a gateway or a limit refuses is neither a refusal nor a lost race."""
    stub[0].decisions_answer = answer
    text = f"title: T\nsteps:\n- console.ask:\n{steps}\n"
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(text, "t.yaml")))
    assert ended.failure is not None
    assert f"-> {answer[0]}" in ended.failure.got


@pytest.mark.parametrize(
    ("answer", "named", "outcome"),
    [
        (NOT_SERVICENOW["a firewall's page"], "403", "failed"),
        (NOT_SERVICENOW["a gateway"], "403", "failed"),
        (NOT_SERVICENOW["a gateway"], "{status: 403, body: {message: Forbidden}}", "passed"),
        (NOT_SERVICENOW["a rate limit"], "429", "passed"),
        (NOT_SERVICENOW["a password that has changed"], "401", "passed"),
    ],
)
async def test_a_status_that_is_named_is_servicenow_s(
    answer: tuple[int, str], named: str, outcome: str, stub: tuple[StubInstance, WorldBuilder]
) -> None:
    """Unless the body is named as well, a 4xx has to carry its error."""
    stub[0].decisions_answer = answer
    text = f"title: T\nsteps:\n- console.ask:\n- servicenow.approve:\n- servicenow.expect-refusal: {named}\n"
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(text, "t.yaml")))
    assert ended.outcome == outcome


@pytest.mark.parametrize("step", ["expect-records: {count: 1, ", "find: {as: found, "])
async def test_a_record_with_another_value_was_not_asked_for(
    step: str, stub: tuple[StubInstance, WorldBuilder]
) -> None:
    """An instance ignores a term of a query about which the user may not ask, and lists what lacks the value."""
    stub[0].unasked = "status"
    text = "title: T\nsteps:\n- console.ask:\n- servicenow.deny:\n"
    text += f"- servicenow.{step}table: request, where: {{status: Approve}}}}\n- servicenow.expect-request:\n"
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(text, "t.yaml")))
    assert ended.failure is not None
    assert (ended.failure.expected, ended.failure.got) == ("only records with status 'Approve'", "one with 'Deny'")


@pytest.mark.long
@pytest.mark.parametrize(
    ("stored", "got"),
    [
        ({"response": "Approve"}, "the response 'Approve'"),
        ({"comment": "Sure"}, "the comment 'Sure'"),
        ({"comment": ""}, "the comment ''"),
        ({"sys_created_by": "somebody"}, "the approver 'somebody'"),
        ({"sys_created_by": "system"}, ""),
        ({}, ""),
    ],
)
def test_another_decision_that_is_delivered_is_not_that_of_the_test(
    stored: dict[str, str], got: str, privman_loop: LoopThread
) -> None:
    """The console accepts both alike: response, comment and approver tell them apart."""
    instance = StubInstance()
    instance.stores = stored
    served = serving(instance.app())
    instance.url = privman_loop.run(served.__aenter__())
    opened = WorldBuilder(
        0, servicenow=Target(instance.url, Credentials("integration", "s3cret")), patience=1, pauses=Hurried()
    ).open()
    parties = privman_loop.run(opened.__aenter__())
    world = WorldFixture(
        privman_loop,
        parties,
        ServiceNowFixture(privman_loop, parties),
        console := ConsoleFixture(privman_loop, parties),
    )
    decision = world.decide(console.ask({}), "Deny", comment="Not today")
    expected = pytest.raises(ExpectationError, match=f"to be delivered; got {got}") if got else nullcontext()
    with expected:
        decision.delivered()
    privman_loop.run(opened.__aexit__(None, None, None))
    privman_loop.run(served.__aexit__(None, None, None))


@pytest.mark.long
@pytest.mark.parametrize("longest", [1, 2])
async def test_a_list_of_several_pages_is_read_to_its_end(
    longest: int, stub: tuple[StubInstance, WorldBuilder]
) -> None:
    """What stands on the second page is neither missed by an expectation nor left behind."""
    stub[0].longest = longest
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(ONE_REQUEST, "t.yaml")))
    assert ended.failure is not None
    assert (ended.failure.expected, ended.failure.got) == ("count 1", "count 2")
    assert {table: rows for table, rows in stub[0].tables.items() if rows and table != "sys_user_role"} == {}


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize(("row_size", "bound", "pages"), [(32, "1,000,000 rows", 101), (1_500, "64 MiB", 5)])
async def test_a_list_that_goes_on_is_given_up(
    row_size: int, bound: str, pages: int, stub: tuple[StubInstance, WorldBuilder]
) -> None:
    """Before it fills the memory, whether it has many rows or long ones."""
    stub[0].endless, stub[0].row_size = RESPONSE, row_size
    with pytest.raises(TargetUnreachableError, match=f"does not list its records: more than {bound}"):
        await play(stub[1], scenarios("deny"))
    assert stub[0].lists[RESPONSE] == pages


async def test_a_list_that_a_quota_cuts_off_is_no_list(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """A status of 200 with an error beside the rows: what is missing proves nothing."""
    stub[0].cancelled = RESPONSE
    with pytest.raises(TargetUnreachableError, match="maximum execution time exceeded"):
        await play(stub[1], list(Loader(vocabulary()).parse(NO_RESPONSE, "t.yaml")))


async def test_a_real_instance_has_no_control_plane(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Whoever asks for a journal there is told so."""
    async with stub[1].open() as world:
        with pytest.raises(
            ExpectationError, match=r"expected a control plane at http.*/__admin; got http.* has no control plane"
        ):
            await world.servicenow.control.journal()


@pytest.mark.long
async def test_a_failure_shows_the_calls_that_were_made(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Without a journal the harness shows its own last calls, secrets masked."""
    stub[0].late = 1_000
    (ended,) = await play(stub[1], scenarios("deny"))
    assert ended.failure is not None
    assert ended.failure.step == "servicenow.expect-response"
    shown = "\n".join(ended.failure.exchanges)
    assert f"servicenow: GET /api/now/table/{RESPONSE}?" in shown
    assert "console received #" in shown


async def test_spans_between_exchanges_are_compared_in_virtual_time_alone(
    stub: tuple[StubInstance, WorldBuilder],
) -> None:
    """Real time is never to the second, so that a scenario which compares what was waited is skipped, and says so."""
    (ended,) = await play(stub[1], scenarios("token-logged-out"))
    needs = re.escape(f" needs virtual time: {stub[0].url} keeps real time")
    assert re.fullmatch(rf"console\.expect-exchanges in line \d+{needs}", ended.reason)


async def test_a_refusal_of_a_real_instance_is_seen_by_its_answer(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Why it was refused stands in no journal there; the answer is compared all the same."""
    stub[0].refused = {REQUEST}
    head = "title: T\nsteps:\n- servicenow.insert: {table: request, values: {comment: x}}\n"
    texts = [f"{head}- servicenow.expect-refusal: {{status: {status}, finding: any reason}}\n" for status in (400, 403)]
    held, failed = await play(stub[1], [each for text in texts for each in Loader(vocabulary()).parse(text, "t.yaml")])
    assert (held.outcome, held.checks) == ("passed", 1)
    assert failed.failure is not None
    assert (failed.failure.expected, failed.failure.got) == ("status 403", "status 400")


LAPTOPS = "[{name: u_laptop, columns: {u_serial: {type: string}}}]"
STEPS = (
    "servicenow.find: {table: u_laptop, where: {u_serial: L-1}, as: one}",
    "servicenow.expect-records: {table: u_laptop, where: {u_serial: L-1}, count: 1}",
    "servicenow.insert: {table: u_laptop, values: {u_serial: L-1}}",
    "servicenow.call: {path: /api/now/table/u_laptop, by: administrator}",
)


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
def test_a_table_that_a_running_instance_lacks(
    step: str,
    privman_loop: LoopThread,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The failure says that --tables adds nothing to an instance that runs already."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    Path("tables.yaml").write_text(LAPTOPS)
    Path("story.yaml").write_text(f"title: T\ngiven: nothing\nsteps:\n- {step}\n")
    with shared_mock(privman_loop) as url:
        assert main(["run", "story.yaml", "--tables", "tables.yaml", "--servicenow-url", url, "--patience", "1"]) == 1
    assert ' -> 400 (--tables adds no table to an instance that already runs) {"error":' in capsys.readouterr().out
