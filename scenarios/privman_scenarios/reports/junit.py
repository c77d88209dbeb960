"""A run as JUnit XML, for CI."""

import os.path
from collections.abc import Iterator
from importlib import resources
from itertools import count
from pathlib import Path
from xml.etree import ElementTree as ET

from privman_scenarios.events import Failure
from privman_scenarios.reports.marked import marked_text
from privman_scenarios.reports.record import Played, Record
from privman_scenarios.text import printable

# The folder that the packaged scenarios are installed in; their class names are the same on every machine.
_PACKAGES = Path(str(resources.files("privman_scenarios"))).parent
_SUFFIX = ".yaml"


def junit(record: Record, root: Path) -> str:
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
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(suites, encoding='unicode')}\n"


def _cases(record: Record, root: Path) -> Iterator[ET.Element]:
    taken: set[tuple[str, str]] = set()
    for played in record.played:
        scenario = played.ended.scenario
        class_name, title = printable(_class_name(scenario.file, root)), printable(scenario.name)
        name = next(name for name in _numbered(title) if (class_name, name) not in taken)
        taken.add((class_name, name))
        yield _case(played, class_name, name)


def _numbered(title: str) -> Iterator[str]:
    yield title
    yield from (f"{title} ({number})" for number in count(2))


def _class_name(file: str, root: Path) -> str:
    path = Path(os.path.normpath(root / file))
    below = next((folder for folder in (_PACKAGES, root) if path.is_relative_to(folder)), path.anchor)
    return ".".join(path.relative_to(below).parts).removesuffix(_SUFFIX)


def _case(played: Played, class_name: str, name: str) -> ET.Element:
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
        failure.text = printable(_text(ended.failure))
    watched = [f"{each.step.verb} in line {each.step.line}: watched for {each.watched} s" for each in played.watched]
    if output := [*watched, *ended.findings]:
        ET.SubElement(case, "system-out").text = printable("\n".join(output))
    return case


def _text(failure: Failure) -> str:
    compared = [marked_text(failure.comparison)] if failure.comparison else []
    return "\n".join([failure.message, *compared, *failure.exchanges])
