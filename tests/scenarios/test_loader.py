"""Scenario files: what is read, and what is refused with file and line."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.loader import Loader
from privman_scenarios.language.model import Scenario
from privman_scenarios.language.variables import long_text
from privman_scenarios.language.yaml_nodes import Located, fill_example, literal
from privman_scenarios.playing.verbs import vocabulary


def parse(text: str) -> list[Scenario]:
    """Return the scenarios in the text."""
    return list(Loader(vocabulary()).parse(text, "some.yaml"))


def test_a_scenario_keeps_the_lines_of_its_steps() -> None:
    """A failure can name file and line, because each step knows where it stands."""
    (scenario,) = parse(
        "title: An approval\n"
        "tags: [approve]\n"
        "source: set-up-servicenow-webhook.md\n"
        "steps:\n"
        "  - console.ask:\n"
        "  - servicenow.approve:\n"
        "      comment: Fine\n"
        "  - console.expect-approval: Approved\n"
    )
    assert [(step.verb, step.line) for step in scenario.steps] == [
        ("console.ask", 5),
        ("servicenow.approve", 6),
        ("console.expect-approval", 8),
    ]
    assert scenario.steps[2].arguments == {"state": "Approved"}
    assert scenario.tags == {"approve"}
    assert scenario.given == {}


def test_columns_of_the_activity_type_are_checked() -> None:
    """As in a step that changes one."""
    with pytest.raises(
        ScenarioFileError, match=r"2: given: activity_type: unknown column .* Did you mean .max_timeout"
    ):
        parse("title: T\ngiven: {activity_type: {max_timout: 1}}\nsteps:\n- console.ask:\n")


def test_steps_together_know_where_they_stand_together() -> None:
    """Two that race are told from two that follow each other."""
    (scenario,) = parse(
        "title: A race\n"
        "steps:\n"
        "  - console.ask:\n"
        "  - together:\n"
        "      - servicenow.approve:\n"
        "      - servicenow.deny:\n"
        "  - console.expect-approval: Approved\n"
    )
    assert [(step.line, step.together) for step in scenario.steps] == [(3, 0), (5, 4), (6, 4), (7, 0)]


def test_a_scenario_may_bring_its_seed_clock_and_check() -> None:
    """The moment is one in UTC, however it is written; without them the run's own are taken, and steps are checked."""
    pinned, free = parse(
        "title: T\ncheck: invariants\nseed: 7\nclock: 2026-03-01T10:00:00+01:00\nsteps: [{console.ask: }]\n---\n"
        "title: T\nsteps: [{console.ask: }]\n"
    )
    assert (pinned.check, pinned.seed, pinned.clock) == ("invariants", 7, datetime(2026, 3, 1, 9, 0, tzinfo=UTC))
    assert (free.check, free.seed, free.clock) == ("steps", None, None)


@pytest.mark.parametrize("moment", ["1970-01-01T00:00:00Z", "2999-12-31T23:59:59Z"])
def test_first_and_last_moment_of_a_clock(moment: str) -> None:
    """A clock may begin in any year from 1970 to 2999."""
    (scenario,) = parse(f"title: T\nclock: {moment}\nsteps: [{{console.ask: }}]\n")
    assert scenario.clock == datetime.fromisoformat(moment)


def test_long_texts_have_the_length_they_say() -> None:
    """``${text.4000}`` is one of 4,000 characters, whatever the number."""
    lengths = [*range(1, 130), 4_000, 65_000]
    assert [len(long_text(length)) for length in lengths] == lengths


def test_nothing_given_means_no_set_up() -> None:
    """A scenario about the set-up begins with nothing set up."""
    (scenario,) = parse("title: Bare\ngiven: nothing\nsteps: [{console.set-up: }]\n")
    assert scenario.given is None


def test_each_row_of_examples_is_a_scenario() -> None:
    """``<name>`` takes the row's value with its type, and inside a longer text its spelling."""
    first, second = parse(
        "title: Retries\n"
        "examples:\n"
        "  - {status: 503, kind: status, values: {a: b}, sent: [a, 1]}\n"
        "  - {status: 429, kind: status, values: {}, sent: []}\n"
        "steps:\n"
        "  - console.fault: {kind: <kind>, options: {status: <status>, body: 'is <status>', headers: <values>}}\n"
        "  - console.call: {path: /, unknown_path: true, method: POST, json: [<status>, true, <sent>]}\n"
    )
    assert first.steps[0].arguments == {
        "kind": "status",
        "options": {"status": 503, "body": "is 503", "headers": {"a": "b"}},
    }
    called = {"method": "POST", "path": "/", "unknown_path": True}
    assert second.steps[1].arguments == {**called, "json": [429, True, []]}
    assert first.steps[1].arguments == {**called, "json": [503, True, ["a", 1]]}
    assert second.name == "Retries [status=429, kind=status, values={}, sent=[]]"


PAYLOAD = """title: T
steps:
- console.ask: {metadata: {UserReason: "<<comment>> <<b>>bold</b> <br/> <a href='#'> 1 < 2 > 1 <<a b>> <<<c>>>"}}
- servicenow.call:
    {method: POST, path: /api/now/table/sys_user, text: '<?xml version="1.0"?><<request>><<id_1>>7</id_1></request>'}
"""
READ = "<comment> <b>bold</b> <br/> <a href='#'> 1 < 2 > 1 <<a b>> <<c>>"


@pytest.mark.parametrize("examples", ["", "examples: [{reason: <b>}]\n"])
def test_text_in_angle_brackets_is_doubled(examples: str) -> None:
    """XML and the like is a payload, too; what an example holds is taken as it is."""
    used = '- console.ask: {metadata: {UserReason: "<reason>"}}\n' if examples else ""
    (scenario,) = parse(f"{examples}{PAYLOAD}{used}")
    assert scenario.steps[0].arguments["metadata"]["UserReason"] == READ
    assert scenario.steps[1].arguments["text"] == '<?xml version="1.0"?><request><id_1>7</id_1></request>'
    assert not examples or scenario.steps[2].arguments["metadata"]["UserReason"] == "<b>"


@given(st.text("<>ab- 1/", max_size=20))
def test_a_text_is_kept_as_a_file_holds_it(text: str) -> None:
    """A failure that is written to a file is read again as it was."""
    assert fill_example(Located(literal(text), 1), {}, "t.yaml").value == text


def test_several_documents_in_one_file_are_several_scenarios() -> None:
    """Documents are parted by ---; an empty one is nothing."""
    text = "title: {}\nsteps: [{{console.ask: }}]\n---\n"
    assert [each.title for each in parse(text.format("One") + text.format("Two"))] == ["One", "Two"]


def test_a_span_of_time_stays_text() -> None:
    """16:30:00 and 1.5 and a comment of yes are read as editors read them, not as YAML 1.1 does."""
    (scenario,) = parse(
        "title: T\n"
        "steps:\n"
        "  - clock.advance: 16:30:00\n"
        "  - console.call: {method: POST, path: /, unknown_path: true, json: [yes, 1.5, -2, 1:30.5, null]}\n"
    )
    assert scenario.steps[0].arguments == {"by": "16:30:00"}
    assert scenario.steps[1].arguments["json"] == ["yes", 1.5, -2, "1:30.5", None]
