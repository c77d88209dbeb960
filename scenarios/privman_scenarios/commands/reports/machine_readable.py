"""A run as JUnit XML and as JSON."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import count
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec

from privman_core.regular_files import read_regular
from privman_scenarios.commands.reports.failure_texts import whole_text
from privman_scenarios.commands.reports.results import RunResult, ScenarioResult
from privman_scenarios.errors import UnusableFileError
from privman_scenarios.output import printable

_SUFFIX = ".yaml"
MOST_BYTES = 256 * 1024 * 1024
"""Of a report that is read."""
_UNUSABLE = (msgspec.DecodeError, RecursionError)


def junit(result: RunResult) -> str:
    """Return what has run so far; each scenario is a test case with file and line.

    No two cases share class name and name: a class name is the file's path with dots, as pytest has it, and a title
    that a file has again gets a number.
    """
    ended = result.ended
    suite = _element(
        None,
        "testsuite",
        name="privman-scenarios",
        tests=str(len(result.scenarios) + bool(result.error)),
        failures=str(ended.failed),
        skipped=str(ended.unplayed),
        errors=str(int(bool(result.error))),
        time=f"{ended.seconds:.3f}",
    )
    if facts := dict(result.context.facts()):
        properties = _element(suite, "properties")
        for name, value in facts.items():
            _element(properties, "property", name=name, value=value)
    _add_cases(suite, result.scenarios)
    if result.error:
        run = _element(suite, "testcase", classname="privman-scenarios", name="the run", time="0")
        _element(run, "error", message=result.error)
    if result.remarks:
        _element(suite, "system-out", "\n".join(result.remarks))
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(suites, encoding='unicode')}\n"


def _element(parent: ET.Element | None, tag: str, text: str = "", **attributes: str) -> ET.Element:
    """Return a new element, the last one of its parent, without what XML cannot hold."""
    element = ET.Element(tag, {name: printable(value) for name, value in attributes.items()})
    element.text = printable(text) or None
    if parent is not None:
        parent.append(element)
    return element


def _add_cases(suite: ET.Element, scenarios: Sequence[ScenarioResult]) -> None:
    taken: set[tuple[str, str]] = set()
    for scenario in scenarios:
        class_name, title = printable(_class_name(scenario.file)), printable(scenario.name)
        name = next(name for name in _numbered_titles(title) if (class_name, name) not in taken)
        taken.add((class_name, name))
        _add_case(suite, scenario, class_name, name)


def _numbered_titles(title: str) -> Iterator[str]:
    yield title
    yield from (f"{title} ({number})" for number in count(2))


def _class_name(file: str) -> str:
    return file.replace("/", ".").removesuffix(_SUFFIX)


def _add_case(suite: ET.Element, scenario: ScenarioResult, class_name: str, name: str) -> None:
    place = {"file": scenario.file, "line": str(scenario.line)}
    case = _element(suite, "testcase", classname=class_name, name=name, **place, time=f"{scenario.seconds:.3f}")
    if scenario.outcome == "skipped":
        _element(case, "skipped", message=scenario.reason)
    elif scenario.outcome == "inapplicable":
        _element(case, "skipped", message=f"does not apply: {scenario.reason}")
    if failure := scenario.failure:
        text = "\n".join(map(whole_text, scenario.failures))
        _element(case, "failure", text, message=failure.message, type=failure.step)
    watched = [f"{each.verb} in line {each.line}: watched for {each.watched} s" for each in scenario.watched]
    if output := [*watched, *scenario.findings]:
        _element(case, "system-out", "\n".join(output))


class _Begun(msgspec.Struct):
    """What a report is while its run has not ended."""

    seed: None
    error: str


def json_report(result: RunResult) -> str:
    """Return what has run so far: the counts of `RunEnded`, the scenarios, and the contract coverage where measured."""
    report = {
        "seed": result.seed,
        "complete": result.complete,
        "held": result.held,
        **asdict(result.ended),
        **msgspec.to_builtins(result),
    }
    if result.coverage:
        report["coverage"] = {"percent": round(result.coverage.percent(), 1), **report["coverage"]}
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def read_json_report(file: Path) -> RunResult:
    """Read a report that `json_report` has written; raises OSError and UnusableFileError."""
    content = read_regular(file, MOST_BYTES)
    try:
        return msgspec.json.decode(content, type=RunResult)
    except _UNUSABLE as error:
        with suppress(*_UNUSABLE):
            begun = msgspec.json.decode(content, type=_Begun)
            raise UnusableFileError(f"{file}: {begun.error}; expected a report of a run that has ended") from None
        why = " ".join(str(error).split())
        raise UnusableFileError(f"{file}: expected a report of 'run --json'; {why}") from None
