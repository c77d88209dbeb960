"""The events of a run, as values; reporters listen to them, and the engine knows none of the reporters."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from privman_scenarios.errors import Comparison
from privman_scenarios.language.model import Scenario, Step
from privman_scenarios.playing.control_plane import Journal

UNPLAYED = "No scenario was played, so the run fails"
# Skipped is what a target cannot do; inapplicable is what its inferred rules leave no room for.
Outcome = Literal["passed", "failed", "skipped", "inapplicable"]


@dataclass(frozen=True, slots=True)
class FailedStep:
    """A step and why it failed.

    Attributes:
        step: the verb, or what else failed, such as ``given``.
        line: of the step in the file.
    """

    step: str
    file: str
    line: int
    expected: str
    got: str

    @property
    def message(self) -> str:
        """File, line, step, expected and actual values."""
        return f"{self.file}:{self.line}: {self.mismatch}"

    @property
    def mismatch(self) -> str:
        """Step, expected and actual values."""
        return f"{self.step}: expected {self.expected}; got {self.got}"


@dataclass(frozen=True, slots=True)
class Failure(FailedStep):
    """Why a scenario failed.

    Attributes:
        exchanges: the last ones of both parties, for people, secrets masked.
        comparison: the whole value that was compared, where there is one.
        further: what failed after it.
        findings: those of its step's exchanges and of the steps before, which may explain it, each with its step.
        observations: the names that it depends on and an instance has shown, one of which may be wrong, and how.
    """

    exchanges: tuple[str, ...] = ()
    comparison: Comparison | None = None
    further: tuple["Failure", ...] = ()
    findings: tuple[str, ...] = ()
    observations: tuple[str, ...] = ()

    @property
    def each(self) -> tuple["Failure", ...]:
        """This failure and those after it."""
        return (self, *self.further)


@dataclass(frozen=True, slots=True)
class StepFinding:
    """A finding of an exchange that belongs to a step.

    Attributes:
        file: in which the step is.
        text: the finding, for people.
    """

    step: Step
    file: str
    text: str

    def __str__(self) -> str:
        return f"{self.step.verb} in line {self.step.line}: {self.text}"


class Event:
    """Something that happens during a run."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A run begins."""

    scenarios: int
    seed: int


@dataclass(frozen=True, slots=True)
class RunGrew(Event):
    """The scenarios are played; so many variations of those that passed, or generated ones, follow."""

    variations: int


@dataclass(frozen=True, slots=True)
class VariationHeld(Event):
    """A variation was played and passed; one that did not has the events of any scenario."""

    scenario: Scenario


@dataclass(frozen=True, slots=True)
class ScenarioStarted(Event):
    """A scenario begins."""

    scenario: Scenario


@dataclass(frozen=True, slots=True)
class StepPassed(Event):
    """A step did what it says.

    Attributes:
        watched: for how many seconds, real time, since the last step that acted it held that something does not happen;
            0 where one look proves that, as in virtual time, or where nothing of the kind is expected.
    """

    scenario: Scenario
    step: Step
    watched: int = 0


@dataclass(frozen=True, slots=True)
class StepFailed(Event):
    """A step did not, and its scenario ends there."""

    scenario: Scenario
    failure: Failure


@dataclass(frozen=True, slots=True)
class JournalsRead(Event):
    """A scenario has been played, and its parties have kept these exchanges; only sent where a listener wants them.

    Attributes:
        journals: exchanges as the control plane prints them, by party; none of a party that keeps no journal.
        expected: statuses of answers that the scenario has asked for and got.
    """

    scenario: Scenario
    journals: Mapping[str, Journal]
    expected: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ScenarioEnded(Event):
    """A scenario has ended.

    Attributes:
        seconds: how long it took in real time.
        reason: why it was skipped, or does not apply.
        findings: what was swallowed on the way, and what the scenario creates but does not use, for people.
        checks: how many expectations were compared.
        of_steps: those of the findings whose step is known.
    """

    scenario: Scenario
    outcome: Outcome
    seconds: float
    reason: str = ""
    failure: Failure | None = None
    findings: tuple[str, ...] = ()
    checks: int = 0
    of_steps: tuple[StepFinding, ...] = ()

    @property
    def findings_by_place(self) -> Mapping[tuple[str, int], list[str]]:
        """The findings by file and line: those of the title, which no step has, and those of each step."""
        places: dict[tuple[str, int], list[str]] = {}
        of_steps = {each.text for each in self.of_steps}
        if others := [each for each in self.findings if each not in of_steps]:
            places[self.scenario.file, self.scenario.line] = others
        for each in self.of_steps:
            places.setdefault((each.file, each.step.line), []).append(each.text)
        return places


class Ended(Protocol):
    """What counts of a scenario that has ended."""

    @property
    def outcome(self) -> Outcome:
        """How it ended."""

    @property
    def checks(self) -> int:
        """How many expectations were compared."""


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """A run has ended.

    Attributes:
        checks: how many expectations were compared.
        seconds: how long it took in real time.
        inapplicable: how many scenarios do not apply where the inferred rules are these.
    """

    passed: int
    failed: int
    skipped: int
    checks: int
    seconds: float
    inapplicable: int = 0

    @classmethod
    def of(cls, scenarios: Iterable[Ended], seconds: float) -> "RunEnded":
        """Return how a run ended whose scenarios ended like this."""
        ended = list(scenarios)
        passed, failed, skipped, inapplicable = (
            sum(each.outcome == outcome for each in ended) for outcome in get_args(Outcome)
        )
        return cls(passed, failed, skipped, sum(each.checks for each in ended), seconds, inapplicable)

    @property
    def unplayed(self) -> int:
        """The number of scenarios that were not played."""
        return self.skipped + self.inapplicable

    @property
    def expectations(self) -> str:
        """The number of expectations in words."""
        return f"{self.checks} expectation{'' if self.checks == 1 else 's'}"

    @property
    def counts(self) -> str:
        """The outcomes in words."""
        counts = f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
        return f"{counts}, {self.inapplicable} not applicable" if self.inapplicable else counts

    @property
    def hollow(self) -> str:
        """Why nothing holds though nothing failed; empty where something was checked, or failed."""
        if not self.passed + self.failed + self.unplayed:
            return UNPLAYED
        return "" if self.checks + self.failed else "Nothing was checked, so the run fails"


Listener = Callable[[Event], None]
