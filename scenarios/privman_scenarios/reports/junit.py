"""A run as JUnit XML, for CI."""

from pathlib import Path
from xml.etree import ElementTree as ET

from privman_scenarios.events import Event, ScenarioEnded
from privman_scenarios.reports.text import printable


class JUnitReport:
    """Collects scenarios; each is a test case with file and line."""

    def __init__(self) -> None:
        self._ended: list[ScenarioEnded] = []

    def __call__(self, event: Event) -> None:
        """Take note of a scenario's end."""
        if isinstance(event, ScenarioEnded):
            self._ended.append(event)

    def write(self, file: Path) -> None:
        """Write what has ended so far."""
        suite = ET.Element("testsuite", {"name": "privman-scenarios", **self._counts()})
        for ended in self._ended:
            suite.append(_case(ended))
        root = ET.Element("testsuites")
        root.append(suite)
        ET.indent(root)
        ET.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)

    def _counts(self) -> dict[str, str]:
        outcomes = [ended.outcome for ended in self._ended]
        return {
            "tests": str(len(outcomes)),
            "failures": str(outcomes.count("failed")),
            "skipped": str(outcomes.count("skipped")),
            "errors": "0",
            "time": f"{sum(ended.seconds for ended in self._ended):.3f}",
        }


def _case(ended: ScenarioEnded) -> ET.Element:
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
    if ended.failure:
        failure = ET.SubElement(case, "failure", message=printable(ended.failure.message), type=ended.failure.step)
        failure.text = printable("\n".join([ended.failure.message, *ended.failure.exchanges]))
    if ended.findings:
        ET.SubElement(case, "system-out").text = printable("\n".join(ended.findings))
    return case
