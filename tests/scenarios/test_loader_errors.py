"""Mistakes in scenario files, each named with its line."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from privman_scenarios.commands.cli import main
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.loader import Loader, catalog_files
from privman_scenarios.language.model import Scenario
from privman_scenarios.language.yaml_nodes import Located
from privman_scenarios.playing.verbs import vocabulary


def parse(text: str) -> list[Scenario]:
    """Return the scenarios in the text."""
    return list(Loader(vocabulary()).parse(text, "some.yaml"))


HEAD = "title: T\nsteps:\n"
BEFORE = "'given' goes before every step. To set up after one, write 'given: nothing' and a step console.set-up."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "1: a scenario is ['a']. Expected a mapping with title and steps."),
        ("titel: T\n", "1: unknown key 'titel'. Did you mean 'title'?"),
        ("title: T\nsteps: []\n", "2: 'steps' is empty. Expected a list of steps."),
        ("steps: [{console.ask: }]\n", "1: 'title' is missing. Expected text, one fact in a sentence."),
        ("title: ''\nsteps: [{console.ask: }]\n", "1: 'title' is ''. Expected text that is not empty."),
        ("title: [T]\nsteps: [{console.ask: }]\n", "1: 'title' is ['T']. Expected text that is not empty."),
        ("title: T\nsource: 8\nsteps: [{console.ask: }]\n", "2: 'source' is 8. Expected text."),
        ("title: T\nsteps:\n\t- console.ask:\n", "3: the line begins with a tab. Expected spaces."),
        ("title: T\nsteps:\n  - console.ask:\n\t  as: x\n", "4: the line begins with a tab. Expected spaces."),
        ("title: T\n steps: []\n", "2: mapping values are not allowed in this context. Expected keys of one"),
        (
            "title: T\nsteps:\n  - console.ask:\n - clock.advance: 1 hour\n",
            "4: did not find expected key. Expected keys of one",
        ),
        ("title: T\ntags: wire\nsteps: [{console.ask: }]\n", "2: 'tags' is 'wire'. Expected a list of words."),
        (
            "title: T\ngiven: all\nsteps: [{console.ask: }]\n",
            "2: 'given' is 'all'. Expected 'nothing', or options of the set-up.",
        ),
        (
            "title: T\ngiven: {servicenow_user: bob}\nsteps: [{servicenow.create-user: {name: bob}}]\n",
            f"2: given: no earlier step has created user 'bob'. Expected servicenow.create-user first. {BEFORE}",
        ),
        (
            "title: T\ngiven: {servicenow_url: '${second.servicenow}'}\nsteps: [{servicenow.use: second}]\n",
            f"2: given: no earlier step has saved 'second.servicenow'. Did you mean 'servicenow'? {BEFORE}",
        ),
        (
            "title: T\ngiven: {api_enabeld: true}\nsteps: [{console.ask: }]\n",
            "2: given has no argument 'api_enabeld'. Did you mean 'api_enabled'?",
        ),
        (
            "title: T\ncheck: all\nsteps: [{console.ask: }]\n",
            "2: 'check' is 'all'. Expected one of steps, invariants.",
        ),
        ("title: T\nseed: one\nsteps: [{console.ask: }]\n", "2: 'seed' is 'one'. Expected a whole number."),
        ("title: T\nseed: true\nsteps: [{console.ask: }]\n", "2: 'seed' is True. Expected a whole number."),
        (
            "title: T\nclock: noon\nsteps: [{console.ask: }]\n",
            "2: 'clock' is 'noon'. Expected a moment, '2026-01-05T09:00:00Z', from 1970 to 2999.",
        ),
        (
            "title: T\nclock: 2026-01-05T09:00:00\nsteps: [{console.ask: }]\n",
            "2: 'clock' is '2026-01-05T09:00:00'. Expected a moment, '2026-01-05T09:00:00Z', from 1970 to 2999.",
        ),
        (
            HEAD + "  - servicenow.call: {path: /, headers: {Accept: [a]}}\n",
            "3: servicenow.call: 'headers' is {'Accept': ['a']}. Expected a mapping of names to text.",
        ),
        (
            HEAD + "  - console.call: {path: /, unknown_path: true, answer-headers: {Vary: a, vary: b}}\n",
            "3: console.call: answer-headers: duplicate header 'vary'; case does not matter.",
        ),
        (
            HEAD + "  - console.call: {path: /, json: [18446744073709551616]}\n",
            "3: '18446744073709551616' is not a number",
        ),
        (
            HEAD + "  - console.call: {path: /, json: [-9223372036854775809]}\n",
            "3: '-9223372036854775809' is not a number",
        ),
        (
            HEAD + "  - servicenow.create-user: {name: administrator}\n",
            "3: servicenow.create-user: name: 'administrator' is the administrator. Expected another name.",
        ),
        (
            "title: T\nexamples: [{a: b}]\nsteps: [{console.ask: {metadata: {<a>: x, b: y}}}]\n",
            "3: duplicate key 'b' once the examples are filled in.",
        ),
        (HEAD + "  - togehter: []\n", "3: unknown step 'togehter'. Did you mean 'together'?"),
        (HEAD + "  - together: now\n", "3: 'together' is 'now'. Expected a list of at least two steps."),
        (
            HEAD + "  - together: [{console.restart: }]\n",
            "3: 'together' is [{'console.restart': None}]. Expected a list of at least two steps.",
        ),
        (HEAD + "  - together: [{console.restart: }, {together: []}]\n", "3: 'together' in 'together'."),
        (
            HEAD + "  - together: [{console.restart: }, {include: a.steps.yaml}]\n",
            "3: 'include' in 'together'. Expected the steps themselves.",
        ),
        (
            HEAD + "  - include: a.steps.yaml\n    soft: true\n",
            "3: 'include' takes no 'soft'. Expected it without another key.",
        ),
        (
            HEAD + "  - servicenow.aprove:\n",
            "3: unknown step 'servicenow.aprove'. Did you mean 'servicenow.approve'?",
        ),
        (
            HEAD + "  - servicenow.approve:\n      coment: Fine\n",
            "4: servicenow.approve has no argument 'coment'. Did you mean 'comment'?",
        ),
        (
            HEAD + "  - servicenow.approve:\n      comment: 5\n",
            "4: servicenow.approve: 'comment' is 5. Expected text (in quotes where YAML reads something else).",
        ),
        (
            HEAD + "  - servicenow.approve: Fine\n",
            "3: servicenow.approve is 'Fine'. Expected a mapping of arguments.",
        ),
        (HEAD + "  - clock.advance:\n", "3: clock.advance lacks its argument 'by'. Expected a span of time."),
        (
            HEAD + "  - clock.advance: 50 secs\n",
            "3: clock.advance: 'by' is '50 secs'. invalid span of time '50 secs'. Expected '50 seconds', '2 hours' or",
        ),
        (
            HEAD + "  - clock.advance: 50\n",
            "3: clock.advance: 'by' is 50. Expected '50 seconds', '2 hours' or '16:30:00'.",
        ),
        (
            HEAD + "  - console.expect-approval: {comment: {matches: '('}}\n",
            "3: console.expect-approval: 'comment' is {'matches': '('}. invalid regular expression '(': missing ): (.",
        ),
        (
            HEAD + "  - console.expect-approval: {comment: [{matches: 5}]}\n",
            "3: console.expect-approval: 'comment' is [{'matches': 5}]. 'matches' is 5. Expected a regular expression.",
        ),
        (
            HEAD + "  - console.expect-exchanges: {waits: 50 seconds}\n",
            "3: console.expect-exchanges: 'waits' is '50 seconds'. Expected a list of spans of time.",
        ),
        (
            HEAD + "  - servicenow.decide-at-once: {decisions: [{comment: Fine}]}\n",
            "3: servicenow.decide-at-once: 'decisions' is [{'comment': 'Fine'}]. Expected a list of mappings",
        ),
        (HEAD + "  - console.ask\n", "3: a step is 'console.ask'. Expected one '<party>.<verb>:' with its arguments."),
        (HEAD + "  - console.ask:\n    title: T\n", "4: unknown key 'title' beside console.ask. Exp"),
        ("title: T\ntitle: U\n", "2: duplicate key 'title'."),
        (
            HEAD + "  - console.fault: {kind: statu}\n",
            "3: console.fault: 'kind' is 'statu'. Did you mean 'status'?",
        ),
        (
            HEAD + "  - console.fault: {kind: hibernating}\n",
            "3: console.fault: 'kind' is 'hibernating'. Expected one of status, reset,",
        ),
        (
            HEAD + "  - console.run: pendin\n",
            "3: console.run: 'outcome' is 'pendin'. Did you mean 'pending'?",
        ),
        (
            f"title: T\nseed: {'9' * 5000}\n",
            "2: '9999999999999999999999999999999999999999…' is not a number that fits.",
        ),
        (
            "title: T\nclock: '9999-12-31T23:59:59Z'\nsteps: [{console.ask: }]\n",
            "2: 'clock' is '9999-12-31T23:59:59Z'.",
        ),
        (
            "title: T\nclock: '1969-12-31T23:59:59Z'\nsteps: [{console.ask: }]\n",
            "2: 'clock' is '1969-12-31T23:59:59Z'.",
        ),
        (
            "title: T\nclock: '3000-01-01T00:00:00Z'\nsteps: [{console.ask: }]\n",
            "2: 'clock' is '3000-01-01T00:00:00Z'.",
        ),
        (HEAD + "  - console.call: {path: /, status: 99}\n", "3: console.call: 'status' is 99. Expected a status"),
        (HEAD + "  - console.call: {path: /, status: 600}\n", "3: console.call: 'status' is 600. Expected a status"),
        (HEAD + "  - console.call: {path: /, status: true}\n", "3: console.call: 'status' is True. Expected a status"),
        (
            HEAD + "  - console.fault: {kind: reset, times: 0}\n",
            "3: console.fault: 'times' is 0. Expected a whole number from 1, or null for every time.",
        ),
        (
            HEAD + "  - console.fault: {kind: reset, skip: -1}\n",
            "3: console.fault: 'skip' is -1. Expected a whole number from 0.",
        ),
        (
            HEAD + "  - servicenow.decide-at-once: {decisions: []}\n",
            "3: servicenow.decide-at-once: 'decisions' is []. Expected a list of mappings",
        ),
        (HEAD + "  - clock.advance: 5000 days\n", "3: clock.advance: 'by' is '5000 days'. '5000 days' is too long."),
        (HEAD + f"  - clock.advance: {'9' * 5000} days\n", "3: clock.advance: 'by' is '999"),
        ("title: &a [*a]\n", "1: the alias 'a' refers to a value that contains it."),
        ("title: .inf\nsteps: []\n", "2: 'steps' is empty. Expected a list of steps."),
        ("? [a]\n: b\n", "1: a key is a list or a mapping. Expected a word."),
        ("title: [\n", "2: did not find expected node content."),
        ("title: \x00\n", "1: "),
        (
            "title: T\nexamples: {}\nsteps: [{console.ask: }]\n",
            "2: 'examples' is {}. Expected rows, or a CSV file.",
        ),
        (
            "title: T\nexamples: [{a: 1}]\nsteps: [{console.ask: }]\n",
            "2: no step uses <a>. Expected it in an argument.",
        ),
        (
            "title: T\nexamples: [{a: 1}]\nsteps: [{console.ask: {as: <<a>>}}]\n",
            "2: no step uses <a>. Expected it in an argument.",
        ),
        (
            "title: T\nexamples: [{comment: x}]\nsteps:\n- console.ask: {as: <comment>}\n- console.use: is <coment>\n",
            "5: unknown place <coment>. Did you mean 'comment'? The text itself is <<coment>>.",
        ),
        (
            "title: T\nexamples: [{one: x, two: y}]\nsteps:\n- console.ask: {as: <one>, metadata: {<two>: <Other>}}\n",
            "4: unknown place <Other>. Expected one of one, two. The text itself is <<Other>>.",
        ),
        (
            "title: T\nsteps:\n- together:\n  - console.ask:\n  - console.ask: {metadata: {'<key>': x}}\n",
            "5: unknown place <key>. This scenario has no examples. The text itself is <<key>>.",
        ),
        ("title: T\ngiven: {name: <name>}\nsteps: [{console.ask: }]\n", "2: unknown place <name>."),
        ("title: T\nwhen: {token_renewals: <n>}\nsteps: [{console.ask: }]\n", "2: unknown place <n>."),
        (
            "title: T\nexamples:\n- {a: 1}\n- {b: 1}\nsteps: [{console.call: {path: <a>}}]\n",
            "4: an example is {'b': 1}. Expected a.",
        ),
        (
            HEAD + "  - servicenow.approve: {request: frist}\n",
            "3: servicenow.approve: no earlier step has saved 'frist.request_id'. Expected one of",
        ),
        (
            HEAD + "  - console.call: {path: '/${instance_di}'}\n",
            "3: console.call: no earlier step has saved 'instance_di'. Did you mean 'instance_id'?",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, message: str) -> None:
    """The message begins with file and line, shows the value and helps with the nearest valid word."""
    with pytest.raises(ScenarioFileError) as raised:
        parse(text)
    assert str(raised.value).startswith(f"some.yaml:{message}")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff", ": is not UTF-8 text."), (None, ": cannot be read: No such file or directory.")],
)
def test_a_file_that_is_no_text_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    """A missing or binary file is a message, not a traceback."""
    file = tmp_path / "a.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ScenarioFileError, match=f"{file}{message}"):
        Loader(vocabulary()).load([file])


ODD: list[object] = [
    *(None, "", 0, -1, 7.5, True, "x", "(", "${console}", "${new_guid}", "${rule.dead_token_status}", "${x", "<a>"),
    *([], {}, [[]], [{}], [None], {"not": ["200"]}, {"not": [[200]]}, {"not": None}, {"not": {"not": [1]}}),
    *({"matches": 5}, {"matches": "("}, {"matches": "[${new_guid}"}, {"not": {"matches": "("}}, {"matches": [1]}),
    *({"absent": "x"}, {"absent": True}, {"json": [1]}, {"not": {"json": {"a": [1]}}}, [{"not": 1}], {5: 6}, "*"),
]


@cache
def documents() -> list[dict[str, Any]]:
    """Return what the files of the catalog hold."""
    return [document for file in catalog_files() for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


def places(value: object, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the keys and indices that lead to the value and to each part of it."""
    yield before
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*before, key))


def put(value: Any, place: tuple[str | int, ...], odd: object) -> Any:
    """Return a copy of the value in which something odd is at this place."""
    if not place:
        return odd
    changed = value.copy()
    changed[place[0]] = put(value[place[0]], place[1:], odd)
    return changed


@pytest.mark.long
@given(st.deferred(lambda: st.sampled_from(documents())), st.data())
def test_whatever_is_odd_in_a_file_is_refused_with_its_line(document: dict[str, Any], data: st.DataObject) -> None:
    """Or it is played; nothing that may be in YAML ends in another error."""
    place = data.draw(st.sampled_from(list(places(document))))
    text = yaml.safe_dump(put(document, place, data.draw(st.sampled_from(ODD))), allow_unicode=True)
    with suppress(ScenarioFileError):
        parse(text)


def test_the_line_of_an_odd_status_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also within a list below an operator."""
    file = tmp_path / "one.yaml"
    for statuses in ('["200"]', "[[200]]"):
        file.write_text(
            "title: T\nsteps:\n- console.expect-exchanges:\n    path: '*/approval/approve'\n"
            f"    statuses:\n      not: {statuses}\n"
        )
        assert main(["run", str(file)]) == 2
        assert f"{file}:6: console.expect-exchanges: statuses: " in capsys.readouterr().err


def test_what_is_nowhere_has_the_line_of_what_would_hold_it() -> None:
    """However deep a flaw is said to be."""
    found = Located({"a": Located([Located(1, 3)], 2)}, 1)
    assert [found.at(path).line for path in ((), ("a",), ("a", 0), ("a", 1), ("a", 0, "b"), ("b",))] == [
        1,
        2,
        3,
        2,
        3,
        1,
    ]


FIRST_FILE = """title: Three wrong steps
tags: wrong
steps:
  - console.aks:
  - console.ask: {metdata: {}}
  - servicenow.approve: {request: first}
---
titel: T
"""
SECOND_FILE = """title: Wrong words in two steps, whatever the example
examples: [{state: Approved}, {state: Denied}]
steps:
  - console.ask: {as: first}
  - console.expect-approval: {request: frist, state: <state>}
  - servicenow.expect-request: {status: Aproved, comment: Fine}
  - servicenow.approve: {request: first, by: nobody}
"""


def test_every_file_shows_its_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with file and line, in order; what only follows from a step that cannot be read is not one."""
    one, two, three = (tmp_path / f"{name}.yaml" for name in ("one", "two", "three"))
    one.write_text(FIRST_FILE)
    two.write_text(SECOND_FILE)
    three.write_text("title: T\nsteps: [{console.ask: }]\n---\ntitle: [\n")
    assert main(["run", str(one), str(two), str(three)]) == 2
    told = [line.removeprefix("privman-scenarios: ") for line in capsys.readouterr().err.splitlines()]
    assert [line.partition(": ")[0] for line in told] == [
        *(f"{one}:{line}" for line in (2, 4, 5, 8)),
        *(f"{two}:{line}" for line in (5, 6, 7)),
        f"{three}:5",
    ]
    assert told[4].endswith("no earlier step has saved 'frist.request_id'. Did you mean 'first.request_id'?")


def test_errors_are_bounded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Twenty are shown, and how many more there are; a report has them, too."""
    file, report = tmp_path / "one.yaml", tmp_path / "report.json"
    file.write_text(HEAD + "  - console.aks:\n" * 23)
    assert main(["run", str(file), "--json", str(report)]) == 2
    told = capsys.readouterr().err.splitlines()
    assert [len(told), told[-1]] == [21, "privman-scenarios: 3 more errors"]
    assert f"{file}:22: unknown step 'console.aks'" in report.read_text()
