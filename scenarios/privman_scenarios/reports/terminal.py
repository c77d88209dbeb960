"""A run as lines on a terminal, or plain ones in a pipe."""

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.text import Text

from privman_scenarios.events import Event, Failure, RunEnded, RunStarted, ScenarioEnded, ScenarioStarted
from privman_scenarios.reports.text import printable

STYLES = {"passed": "green", "failed": "bold red", "skipped": "yellow"}


class TerminalReport:
    """Prints each scenario with its outcome, failures with their exchanges, and a closing line."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.completed}/{task.total} {task.description}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("")

    def __call__(self, event: Event) -> None:
        """Print what is worth a line."""
        if isinstance(event, RunStarted):
            self._progress.update(self._task, total=event.scenarios)
            self._progress.start()
        elif isinstance(event, ScenarioStarted):
            self._progress.update(self._task, description=event.scenario.name)
        elif isinstance(event, ScenarioEnded):
            self._progress.advance(self._task)
            self._print_scenario(event)
        elif isinstance(event, RunEnded):
            self._print_end(event)

    def close(self) -> None:
        """Take the progress line away."""
        self._progress.stop()

    def _print_scenario(self, event: ScenarioEnded) -> None:
        reason = f" ({event.reason})" if event.reason else ""
        self._print(Text.assemble((f"{event.outcome:8}", STYLES[event.outcome]), event.scenario.name, reason))
        if event.failure:
            self._print_failure(event.failure)

    def _print_failure(self, failure: Failure) -> None:
        self._print(Text(f"  {failure.file}:{failure.line}: {failure.step}"))
        self._print(Text(printable(f"    expected {failure.expected}")))
        self._print(Text(printable(f"    came     {failure.came}")))
        for line in printable("\n".join(failure.exchanges)).split("\n"):
            self._print(Text(f"    | {line}", style="dim"))

    def _print_end(self, event: RunEnded) -> None:
        counts = f"{event.passed} passed, {event.failed} failed, {event.skipped} skipped"
        self._print(Text(f"{counts}; {event.checks} expectations in {event.seconds:.1f} s"))
        if not event.passed + event.failed + event.skipped:
            self._print(Text("No scenario was played, so nothing holds."))
        elif not event.checks:
            self._print(Text("Nothing was checked, so nothing holds."))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)
