"""A run as it was played so far, for reports that are written at its end."""

from collections.abc import Mapping
from dataclasses import dataclass

from privman_scenarios.playing.control_plane import Journal
from privman_scenarios.playing.events import Event, JournalsRead, RunEnded, RunStarted, ScenarioEnded, StepPassed


@dataclass(frozen=True, slots=True)
class ScenarioRecord:
    """One scenario and its events.

    Attributes:
        passed: of each step that did what it says.
        journals: its exchanges by party, where they were asked for.
    """

    ended: ScenarioEnded
    passed: tuple[StepPassed, ...]
    journals: Mapping[str, Journal]

    @property
    def watched(self) -> list[StepPassed]:
        """The steps that were watched for some time, as something was not to happen."""
        return [each for each in self.passed if each.watched]


class RunRecord:
    """Takes note of a run; what has run by then can be reported at any time.

    Attributes:
        seed: of the run.
        played: the scenarios that have ended, in order.
        complete: whether the run came to its end, and was not interrupted.
        errors: why the run failed, though perhaps no scenario did.
        remarks: what people should know of the run, whatever its outcome.
    """

    def __init__(self) -> None:
        self.seed = 0
        self.played: list[ScenarioRecord] = []
        self.complete = False
        self.errors: list[str] = []
        self.remarks: list[str] = []
        self._hollow = ""
        self._passed: list[StepPassed] = []
        self._journals: Mapping[str, Journal] = {}

    def __call__(self, event: Event) -> None:
        """Take note of the event."""
        if isinstance(event, RunStarted):
            self.seed = event.seed
        elif isinstance(event, StepPassed):
            self._passed.append(event)
        elif isinstance(event, JournalsRead):
            self._journals = event.journals
        elif isinstance(event, ScenarioEnded):
            self._end(event)
        elif isinstance(event, RunEnded):
            self.complete = True
            self._hollow = event.hollow

    @property
    def error(self) -> str:
        """Why the run failed, though perhaps no scenario did; empty when it did not."""
        return "; ".join(filter(None, [self._hollow, *self.errors]))

    @property
    def ended(self) -> RunEnded:
        """The end of the run, as far as it got."""
        scenarios = [each.ended for each in self.played]
        return RunEnded.of(scenarios, sum(each.seconds for each in scenarios))

    @property
    def summary(self) -> str:
        """The outcomes in a line."""
        run = "" if self.complete else "interrupted"
        return "; ".join(filter(None, [self.ended.counts, run, self.error, *self.remarks]))

    def _end(self, event: ScenarioEnded) -> None:
        self.played.append(ScenarioRecord(event, tuple(self._passed), self._journals))
        self._passed, self._journals = [], {}
