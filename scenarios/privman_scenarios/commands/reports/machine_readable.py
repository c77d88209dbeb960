"""A run as JUnit XML and as JSON."""

import json
import os.path
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from privman_scenarios.commands.reports.file_places import PACKAGES
from privman_scenarios.commands.reports.marked import marked_text
from privman_scenarios.commands.reports.run_record import RunRecord, ScenarioRecord
from privman_scenarios.output import printable
from privman_scenarios.playing.events import Failure

_SUFFIX = ".yaml"


def junit(record: RunRecord, root: Path) -> str:
    """Return what has run so far; each scenario is a test case with file and line.

    No two cases share class name and name: a class name is the path below ``root`` with dots, as pytest has it, and a
    title that a file has again gets a number.
    """
    ended = record.ended
    suite = ET.Element(
        "testsuite",
        name="privman-scenarios",
        tests=str(len(record.played) + bool(record.error)),
        failures=str(ended.failed),
        skipped=str(ended.unplayed),
        errors=str(int(bool(record.error))),
        time=f"{ended.seconds:.3f}",
    )
    suite.extend(_cases(record, root))
    if record.error:
        run = ET.SubElement(suite, "testcase", classname="privman-scenarios", name="the run", time="0")
        ET.SubElement(run, "error", message=printable(record.error))
    if record.remarks:
        ET.SubElement(suite, "system-out").text = printable("\n".join(record.remarks))
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(suites, encoding='unicode')}\n"


def _cases(record: RunRecord, root: Path) -> Iterator[ET.Element]:
    taken: set[tuple[str, str]] = set()
    for played in record.played:
        scenario = played.ended.scenario
        class_name, title = printable(_class_name(scenario.file, root)), printable(scenario.name)
        name = next(name for name in _numbered_titles(title) if (class_name, name) not in taken)
        taken.add((class_name, name))
        yield _case(played, class_name, name)


def _numbered_titles(title: str) -> Iterator[str]:
    yield title
    yield from (f"{title} ({number})" for number in count(2))


def _class_name(file: str, root: Path) -> str:
    path = Path(os.path.normpath(root / file))
    below = next((folder for folder in (PACKAGES, root) if path.is_relative_to(folder)), path.anchor)
    return ".".join(path.relative_to(below).parts).removesuffix(_SUFFIX)


def _case(played: ScenarioRecord, class_name: str, name: str) -> ET.Element:
    ended = played.ended
    scenario = ended.scenario
    case = ET.Element(
        "testcase",
        classname=class_name,
        name=name,
        file=printable(scenario.file),
        line=str(scenario.line),
        time=f"{ended.seconds:.3f}",
    )
    if ended.outcome == "skipped":
        ET.SubElement(case, "skipped", message=printable(ended.reason))
    elif ended.outcome == "inapplicable":
        ET.SubElement(case, "skipped", message=printable(f"does not apply: {ended.reason}"))
    if ended.failure:
        failure = ET.SubElement(case, "failure", message=printable(ended.failure.message), type=ended.failure.step)
        failure.text = printable(failure_text(ended.failure))
    watched = [f"{each.step.verb} in line {each.step.line}: watched for {each.watched} s" for each in played.watched]
    if output := [*watched, *ended.findings]:
        ET.SubElement(case, "system-out").text = printable("\n".join(output))
    return case


def failure_text(failure: Failure) -> str:
    """Return the failure with what was compared, the last exchanges, and what failed after it."""
    compared = [marked_text(failure.comparison)] if failure.comparison else []
    return "\n".join([failure.message, *compared, *failure.exchanges, *map(failure_text, failure.further)])


def json_report(record: RunRecord, coverage: Mapping[str, Any] | None = None) -> str:
    """Return what has run so far: the counts of `RunEnded`, the scenarios, and the contract coverage where measured."""
    run = {
        "seed": record.seed,
        "complete": record.complete,
        "held": record.complete and not record.ended.failed and not record.error,
    }
    scenarios = [_scenario_json(each) for each in record.played]
    report = {
        **run,
        "error": record.error,
        "remarks": record.remarks,
        **asdict(record.ended),
        "scenarios": scenarios,
        "coverage": coverage,
    }
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def _scenario_json(played: ScenarioRecord) -> dict[str, Any]:
    ended = played.ended
    scenario = ended.scenario
    return {
        "name": scenario.name,
        "file": scenario.file,
        "line": scenario.line,
        "tags": sorted(scenario.tags),
        "source": scenario.source,
        "outcome": ended.outcome,
        "seconds": round(ended.seconds, 3),
        "checks": ended.checks,
        "reason": ended.reason,
        "watched": [
            {"step": each.step.verb, "line": each.step.line, "seconds": each.watched} for each in played.watched
        ],
        "findings": list(ended.findings),
        "failure": _failure_json(ended.failure) if ended.failure else None,
    }


def _failure_json(failure: Failure) -> dict[str, Any]:
    return {
        "step": failure.step,
        "line": failure.line,
        "expected": failure.expected,
        "got": failure.got,
        "compared": marked_text(failure.comparison) if failure.comparison else "",
        "exchanges": list(failure.exchanges),
        "further": [_failure_json(each) for each in failure.further],
    }
