"""Record a run while it is played, for reports that are written at its end."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from privman_scenarios.analysis.coverage import Coverage
from privman_scenarios.commands.reports.file_places import short_place
from privman_scenarios.commands.reports.marked import LEFT_OUT
from privman_scenarios.commands.reports.results import (
    FailureResult,
    FileFlaw,
    FindingPlace,
    RunContext,
    RunResult,
    ScenarioResult,
    ShardResult,
    StepResult,
)
from privman_scenarios.commands.reports.sequence import sequence
from privman_scenarios.language.model import Step
from privman_scenarios.output import mask
from privman_scenarios.playing.control_plane import Journal
from privman_scenarios.playing.events import (
    Event,
    JournalsRead,
    RunEnded,
    RunStarted,
    ScenarioEnded,
    StepPassed,
)

_LONGEST_ARGUMENTS = 1_000


class RunRecord:
    """Records a run; what has run by then can be reported at any time.

    Args:
        folder: reports name files by their paths below it.
        catalog: whether the scenarios are the packaged ones.
        context: when, with what and against what it is played.

    Attributes:
        errors: why the run failed, though perhaps no scenario did.
        flaws: those of files that the errors consist of.
        remarks: what people should know of the run, whatever its outcome.
        fakes: whether both parties are fakes.
        shard: which part of a run this is; None for the whole.
        variations: how many were played; None where none were asked for.
    """

    def __init__(self, folder: Path, *, catalog: bool = False, context: RunContext | None = None) -> None:
        self._context = context or RunContext()
        self.errors: list[str] = []
        self.flaws: list[FileFlaw] = []
        self.remarks: list[str] = []
        self.fakes = False
        self.shard: ShardResult | None = None
        self.variations: int | None = None
        self._place = partial(short_place, start=folder)
        self._catalog = catalog
        self._seed = 0
        self._chosen = 0
        self._checks = 0
        self._complete = False
        self._scenarios: list[ScenarioResult] = []
        self._steps: list[tuple[Step, StepResult]] = []
        self._journals: Mapping[str, Journal] = {}

    def __call__(self, event: Event) -> None:
        """Record the event."""
        if isinstance(event, RunStarted):
            self._seed, self._chosen = event.seed, event.scenarios
        elif isinstance(event, StepPassed):
            self._steps.append((event.step, _step(event.step, "passed", event.watched)))
        elif isinstance(event, JournalsRead):
            self._journals = event.journals
        elif isinstance(event, ScenarioEnded):
            self._end(event)
        elif isinstance(event, RunEnded):
            self._complete, self._checks = True, event.checks

    def add_versions(self, versions: Mapping[str, str]) -> None:
        """Record the versions of the targets."""
        self._context = replace(self._context, versions={**self._context.versions, **versions})

    def result(self, coverage: Coverage | None = None) -> RunResult:
        """Return the run, as far as it got."""
        return RunResult(
            seed=self._seed,
            context=self._context,
            complete=self._complete,
            error="; ".join(self.errors),
            remarks=tuple(self.remarks),
            chosen=self._chosen,
            variations=self.variations,
            checks=self._checks,
            catalog=self._catalog,
            fakes=self.fakes,
            scenarios=tuple(self._scenarios),
            shard=self.shard,
            coverage=coverage,
            flaws=tuple(self.flaws),
        )

    def _end(self, event: ScenarioEnded) -> None:
        scenario, failure = event.scenario, event.failure
        steps = {(each.verb, each.line): each for each in (*scenario.played, *scenario.teardown)}
        for each in failure.each if failure else ():
            step = steps.get((each.step, each.line), Step(each.step, {}, each.line))
            self._steps.append((step, _step(step, "failed")))
        self._scenarios.append(
            ScenarioResult(
                name=scenario.name,
                file=self._place(scenario.file),
                line=scenario.line,
                tags=tuple(sorted(scenario.tags)),
                source=scenario.source,
                outcome=event.outcome,
                seconds=round(event.seconds, 3),
                checks=event.checks,
                reason=event.reason,
                findings=event.findings,
                finding_places=tuple(
                    FindingPlace(self._place(file), line, tuple(texts))
                    for (file, line), texts in event.findings_by_place.items()
                ),
                failure=FailureResult.of(failure, self._place) if failure else None,
                steps=tuple(_with_findings(step, result, event) for step, result in self._steps),
                messages=tuple(sequence(self._journals)),
            )
        )
        self._checks += event.checks
        self._steps, self._journals = [], {}


def _with_findings(step: Step, result: StepResult, event: ScenarioEnded) -> StepResult:
    own = tuple(each.text for each in event.of_steps if each.step == step)
    return replace(result, findings=own) if own else result


def _step(step: Step, outcome: Literal["passed", "failed"], watched: int = 0) -> StepResult:
    text = mask(json.dumps(step.arguments, ensure_ascii=False, default=str)) if step.arguments else ""
    arguments = text if len(text) <= _LONGEST_ARGUMENTS else f"{text[:_LONGEST_ARGUMENTS]}{LEFT_OUT}"
    return StepResult(step.verb, step.line, arguments, outcome, watched)
