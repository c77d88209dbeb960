"""Annotations of a pull request, as GitHub Actions reads them from a job's output."""

from collections.abc import Callable
from pathlib import Path

from privman_scenarios.events import Event, ScenarioEnded
from privman_scenarios.output import shown


class GitHubReport:
    """Prints an error for each scenario that failed, and a warning for each that met findings.

    Args:
        print_line: takes one line.
        root: the checkout; GitHub knows files by their paths below it.
    """

    def __init__(self, print_line: Callable[[str], None], root: Path) -> None:
        self._print = print_line
        self._root = root

    def __call__(self, event: Event) -> None:
        """Print what is worth an annotation."""
        if not isinstance(event, ScenarioEnded):
            return
        if event.failure:
            self._annotate("error", event, event.failure.message)
        elif event.findings:
            self._annotate("warning", event, "\n".join(event.findings))

    def _annotate(self, level: str, event: ScenarioEnded, message: str) -> None:
        scenario = event.scenario
        file = Path(scenario.file)
        below = file.relative_to(self._root) if file.is_relative_to(self._root) else file
        place = f"file={_property(below.as_posix())},line={scenario.line},title={_property(scenario.name)}"
        self._print(f"::{level} {place}::{_data(message)}")


def _data(text: str) -> str:
    return shown(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
