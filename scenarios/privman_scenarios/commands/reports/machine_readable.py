"""A run as JUnit XML and as JSON."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import count
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec

from privman_scenarios.commands.reports.results import FailureResult, RunResult, ScenarioResult
from privman_scenarios.errors import UnusableFileError
from privman_scenarios.output import printable

_SUFFIX = ".yaml"


def junit(result: RunResult) -> str:
    """Return what has run so far; each scenario is a test case with file and line.

    No two cases share class name and name: a class name is the file's path with dots, as pytest has it, and a title
    that a file has again gets a number.
    """
    ended = result.ended
    suite = ET.Element(
        "testsuite",
        name="privman-scenarios",
        tests=str(len(result.scenarios) + bool(result.error)),
        failures=str(ended.failed),
        skipped=str(ended.unplayed),
        errors=str(int(bool(result.error))),
        time=f"{ended.seconds:.3f}",
    )
    suite.extend(_cases(result))
    if result.error:
        run = ET.SubElement(suite, "testcase", classname="privman-scenarios", name="the run", time="0")
        ET.SubElement(run, "error", message=printable(result.error))
    if result.remarks:
        ET.SubElement(suite, "system-out").text = printable("\n".join(result.remarks))
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(suites, encoding='unicode')}\n"


def _cases(result: RunResult) -> Iterator[ET.Element]:
    taken: set[tuple[str, str]] = set()
    for scenario in result.scenarios:
        class_name, title = printable(_class_name(scenario.file)), printable(scenario.name)
        name = next(name for name in _numbered_titles(title) if (class_name, name) not in taken)
        taken.add((class_name, name))
        yield _case(scenario, class_name, name)


def _numbered_titles(title: str) -> Iterator[str]:
    yield title
    yield from (f"{title} ({number})" for number in count(2))


def _class_name(file: str) -> str:
    return file.replace("/", ".").removesuffix(_SUFFIX)


def _case(scenario: ScenarioResult, class_name: str, name: str) -> ET.Element:
    case = ET.Element(
        "testcase",
        classname=class_name,
        name=name,
        file=printable(scenario.file),
        line=str(scenario.line),
        time=f"{scenario.seconds:.3f}",
    )
    if scenario.outcome == "skipped":
        ET.SubElement(case, "skipped", message=printable(scenario.reason))
    elif scenario.outcome == "inapplicable":
        ET.SubElement(case, "skipped", message=printable(f"does not apply: {scenario.reason}"))
    if scenario.failure:
        failure = ET.SubElement(
            case, "failure", message=printable(scenario.failure.message), type=scenario.failure.step
        )
        failure.text = printable("\n".join(map(_failure_text, scenario.failures)))
    watched = [f"{each.verb} in line {each.line}: watched for {each.watched} s" for each in scenario.watched]
    if output := [*watched, *scenario.findings]:
        ET.SubElement(case, "system-out").text = printable("\n".join(output))
    return case


class _Begun(msgspec.Struct):
    """What a report is while its run has not ended."""

    seed: None
    error: str


def _failure_text(failure: FailureResult) -> str:
    return "\n".join(filter(None, [failure.message, failure.compared, *failure.exchanges]))


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
    content = file.read_bytes()
    try:
        return msgspec.json.decode(content, type=RunResult)
    except msgspec.DecodeError as error:
        with suppress(msgspec.DecodeError):
            begun = msgspec.json.decode(content, type=_Begun)
            raise UnusableFileError(f"{file}: {begun.error}; expected a report of a run that has ended") from None
        raise UnusableFileError(f"{file}: expected a report of 'run --json'; {error}") from None
