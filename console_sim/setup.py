"""Runs the documented set-up."""

import asyncio
from collections.abc import Callable
from typing import Any

from console_sim.background_tasks import BackgroundTasks
from console_sim.errors import ConflictError, ConsoleError, StepFailedError, StepSkippedError
from console_sim.setup_parameters import SetupParameters
from console_sim.setup_steps import STEPS, SetupStep, SetupSteps
from console_sim.step_outcomes import StepOutcome
from privman_core.masking import Secrets

MOST_RUNS = 32
"""Set-ups in progress, also of callers that have left."""


class Setup:
    """The documented set-up; running it again changes only what differs.

    Args:
        steps: returns the steps of one run.
        secrets: masked in ServiceNow's errors.
        background: owns each run, which goes on when its caller leaves.
    """

    def __init__(self, steps: Callable[[], SetupSteps], secrets: Secrets, background: BackgroundTasks) -> None:
        self._steps = steps
        self._secrets = secrets
        self._background = background
        self._runs = set[asyncio.Task[Any]]()

    async def run(self, parameters: SetupParameters) -> list[StepOutcome]:
        """Take each step once; a step is skipped if one that it needs did not succeed.

        What the console refuses during a step is that step's failure. Raises ConflictError if `MOST_RUNS` are in
        progress, and ResetError.
        """
        if len(self._runs) >= MOST_RUNS:
            raise ConflictError(f"{MOST_RUNS} set-ups are in progress; expected fewer, so wait until one has ended")
        run = self._background.start(self._run(parameters))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)
        return await self._background.wait_for(run)

    async def _run(self, parameters: SetupParameters) -> list[StepOutcome]:
        steps = self._steps()
        outcomes: dict[str, StepOutcome] = {}
        for step in STEPS.values():
            outcomes[step.name] = _unmet_need(step, outcomes) or await self._take(step, steps, parameters)
        return list(outcomes.values())

    async def _take(self, step: SetupStep, steps: SetupSteps, parameters: SetupParameters) -> StepOutcome:
        try:
            return StepOutcome(step.name, "ok", await step.act(steps, parameters), reached=True if step.asks else None)
        except StepFailedError as error:
            # ServiceNow's error may quote secrets from the request.
            return StepOutcome(step.name, "failed", self._secrets.mask(str(error)), error.reached)
        except ConsoleError as error:
            return StepOutcome(step.name, "failed", self._secrets.mask(str(error)))
        except StepSkippedError as error:
            return StepOutcome(step.name, "skipped", str(error))


def _unmet_need(step: SetupStep, outcomes: dict[str, StepOutcome]) -> StepOutcome | None:
    for need in step.needs:
        if (status := outcomes[need].status) != "ok":
            return StepOutcome(step.name, "skipped", f"requires step {need}, which {_PAST_TENSE[status]}")
    return None


_PAST_TENSE = {"failed": "failed", "skipped": "was skipped"}
