"""A run as JUnit XML, for CI."""

from pathlib import Path
from xml.etree import ElementTree as ET

from privman_scenarios.events import Failure
from privman_scenarios.reports.marked import marked_text
from privman_scenarios.reports.record import Played, Record
from privman_scenarios.text import printable


def junit(record: Record) -> str:
    """Return what has run so far; each scenario is a test case with file and line."""
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
    suite.extend(_case(each) for each in record.played)
    if record.error:
        run = ET.SubElement(suite, "testcase", classname="privman-scenarios", name="the run", time="0")
        ET.SubElement(run, "error", message=printable(record.error))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(root, encoding='unicode')}\n"


def _case(played: Played) -> ET.Element:
    ended = played.ended
    scenario = ended.scenario
    case = ET.Element(
        "testcase",
        classname=printable(Path(scenario.file).stem),
        name=printable(scenario.name),
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
