"""A run as data: every report renders it, JSON keeps it, and the runs of shards are joined from that."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal, Self

from privman_scenarios.analysis.coverage import Coverage
from privman_scenarios.commands.reports.file_places import short_place
from privman_scenarios.commands.reports.marked import marked_text
from privman_scenarios.commands.reports.sequence import DiagramMessage
from privman_scenarios.commands.shards import Shard
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.events import FailedStep, Failure, Outcome, RunEnded

LONGEST = 1_000_000_000
"""Seconds that a scenario may have taken."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """When, with what and against what a run was played.

    Attributes:
        at: UTC, as ISO 8601 writes it; empty for a run that could not begin.
        versions: of this tool, of Python, of the targets, and digests of the contracts, tables and rows.
        targets: by party: an address, or that it is a fake.
        profile: empty for none.
        options: what the fakes are started with, and what else changes what a run does.
        build: what was tested, in the user's words; empty for nothing said.
    """

    at: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)
    profile: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    build: str = ""

    def facts(self) -> Iterator[tuple[str, str]]:
        """Yield what is known of it, by names for people."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        named = {"Build": self.build, "Date": self.at, **self.targets, "Profile": self.profile, **self.options}
        yield from ((name, text) for name, text in {**named, "Versions": versions}.items() if text)


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step that was played.

    Attributes:
        line: in the file, from 1.
        arguments: as JSON, secrets masked; empty for none.
        watched: see `StepPassed`.
        findings: of its exchanges.
    """

    verb: str
    line: int
    arguments: str
    outcome: Literal["passed", "failed"]
    watched: int = 0
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FailureResult(FailedStep):
    """Why a scenario failed.

    Attributes:
        compared: the value in lines, those that differ begin with ``>``; empty where none was compared.
        exchanges: the last ones of both parties, for people.
        further: what failed after it.
        findings, observations: see `Failure`.
    """

    compared: str
    exchanges: tuple[str, ...]
    further: tuple["FailureResult", ...]
    findings: tuple[str, ...] = ()
    observations: tuple[str, ...] = ()

    @classmethod
    def of(cls, failure: Failure, place: Callable[[str], str] = str) -> Self:
        """Return a failure as data, with the name that ``place`` returns for its file."""
        return cls(
            step=failure.step,
            file=place(failure.file),
            line=failure.line,
            expected=failure.expected,
            got=failure.got,
            compared=marked_text(failure.comparison) if failure.comparison else "",
            exchanges=failure.exchanges,
            further=tuple(cls.of(each, place) for each in failure.further),
            findings=failure.findings,
            observations=failure.observations,
        )

    def __post_init__(self) -> None:
        """Refuse further failures of further ones, which `each` would leave out; raises ValueError."""
        if any(each.further for each in self.further):
            raise ValueError("'further' is nested; expected failures that have none")

    @property
    def each(self) -> tuple["FailureResult", ...]:
        """This failure and those after it."""
        return (self, *self.further)


@dataclass(frozen=True, slots=True)
class FindingPlace:
    """A line that has findings: of a step, or of the title for those that no step has."""

    file: str
    line: int
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """A scenario that was played, or why it was not.

    Attributes:
        file: the same on every machine.
        finding_places: of all findings.
        messages: of both parties in one order; empty where no report needs them.
    """

    name: str
    file: str
    line: int
    tags: tuple[str, ...]
    source: str
    outcome: Outcome
    seconds: float
    checks: int
    reason: str
    findings: tuple[str, ...]
    finding_places: tuple[FindingPlace, ...]
    failure: FailureResult | None
    steps: tuple[StepResult, ...]
    messages: tuple[DiagramMessage, ...]

    def __post_init__(self) -> None:
        """Refuse a time that cannot be added up; raises ValueError."""
        if not 0 <= self.seconds <= LONGEST:
            raise ValueError(f"'seconds' is {self.seconds}; expected 0 to {LONGEST}")

    @property
    def failures(self) -> tuple[FailureResult, ...]:
        """Why it failed; empty where it did not."""
        return self.failure.each if self.failure else ()

    @property
    def other_findings(self) -> list[str]:
        """Those that no step has."""
        of_steps = {finding for step in self.steps for finding in step.findings}
        return [each for each in self.findings if each not in of_steps]

    @property
    def watched(self) -> list[StepResult]:
        """The steps that were watched for some time, as something was not to happen."""
        return [each for each in self.steps if each.watched]


@dataclass(frozen=True, slots=True)
class ShardResult:
    """Which part of a run this is.

    Attributes:
        scenarios: how many the whole run has.
        selection: a digest of them and of their steps, the same for all parts of a run.
    """

    shard: Shard
    scenarios: int
    selection: str

    @classmethod
    def of(cls, shard: Shard, scenarios: Sequence[Scenario], folder: Path) -> Self:
        """Return the part of these scenarios, of files that are named by their paths below the folder."""
        texts = [f"{short_place(each.file, folder)}:{each.line}: {each.name}: {_content(each)}" for each in scenarios]
        return cls(shard, len(texts), sha256("\n".join(texts).encode(errors="replace")).hexdigest()[:16])


def _content(scenario: Scenario) -> str:
    """Return what is played, with the names of environment variables in place of their values."""
    steps = [
        (each.verb, each.arguments, each.line, each.together, each.eventually, each.soft) for each in scenario.all_steps
    ]
    played = (scenario.check, scenario.seed, scenario.clock, scenario.when, len(scenario.teardown), steps)
    return json.dumps(played, default=str)


@dataclass(frozen=True, slots=True)
class FileFlaw:
    """An error in a file. Lines count from 1; line 0 means the whole file."""

    file: str
    line: int
    why: str


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run, as far as it got.

    Attributes:
        complete: whether it came to its end, and was not interrupted.
        error: why it failed, though perhaps no scenario did; empty when it did not.
        remarks: what people should know of it, whatever its outcome.
        chosen: how many scenarios were to be played.
        variations: how many variations were played; None where none were asked for.
        checks: how many expectations were compared, those of variations among them.
        catalog: whether the scenarios are the packaged ones.
        fakes: whether both parties are fakes.
        scenarios: in order; of variations, those that failed.
        shard: None for the whole.
        coverage: of the contracts; None where it was not measured.
        flaws: those of files for which it could not begin; the error consists of them.
    """

    seed: int
    context: RunContext
    complete: bool
    error: str
    remarks: tuple[str, ...]
    chosen: int
    variations: int | None
    checks: int
    catalog: bool
    fakes: bool
    scenarios: tuple[ScenarioResult, ...]
    shard: ShardResult | None
    coverage: Coverage | None
    flaws: tuple[FileFlaw, ...] = ()

    @property
    def ended(self) -> RunEnded:
        """The counts."""
        ended = RunEnded.of(self.scenarios, round(sum(each.seconds for each in self.scenarios), 3))
        return replace(ended, checks=self.checks)

    @property
    def held(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.complete and not self.ended.failed and not self.error

    @property
    def summary(self) -> str:
        """The outcomes in a line."""
        began = bool(self.scenarios) or not self.error
        run = "interrupted" if began and not self.complete else ""
        return "; ".join(filter(None, [self.ended.counts, run, self.error, *self.remarks]))
