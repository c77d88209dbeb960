"""Runs the documented set-up."""

import asyncio
from collections.abc import Callable

from console_sim.errors import ConflictError, StepFailedError, StepSkippedError
from console_sim.setup_steps import STEPS, SetupParameters, SetupStep, SetupSteps, StepOutcome
from privman_core.masking import Secrets


class Setup:
    """The documented set-up; running it again changes only what differs.

    Args:
        steps: returns the steps of one run.
        secrets: masked in ServiceNow's errors.
    """

    def __init__(self, steps: Callable[[], SetupSteps], secrets: Secrets) -> None:
        self._steps = steps
        self._secrets = secrets
        self._running: set[asyncio.Task[list[StepOutcome]]] = set()

    async def run(self, parameters: SetupParameters) -> list[StepOutcome]:
        """Take each step once; a step is skipped if one that it needs did not succeed.

        Raises ConflictError if `abandon` is called before the last step.
        """
        task = asyncio.ensure_future(self._run(parameters))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()  # also if the caller has gone
        if task.cancelled():
            raise ConflictError("the console was reset during the set-up; run the set-up again")
        return task.result()

    def abandon(self) -> None:
        """Cancel running set-ups, so that none writes after a reset."""
        for task in self._running:
            task.cancel()

    async def _run(self, parameters: SetupParameters) -> list[StepOutcome]:
        steps = self._steps()
        outcomes: dict[str, StepOutcome] = {}
        for step in STEPS.values():
            outcomes[step.name] = _unmet_need(step, outcomes) or await self._take(step, steps, parameters)
        return list(outcomes.values())

    async def _take(self, step: SetupStep, steps: SetupSteps, parameters: SetupParameters) -> StepOutcome:
        try:
            return StepOutcome(step.name, "ok", await step.act(steps, parameters))
        except StepFailedError as error:
            # ServiceNow's error may quote secrets from the request.
            return StepOutcome(step.name, "failed", self._secrets.mask(str(error)), error.unreachable)
        except StepSkippedError as error:
            return StepOutcome(step.name, "skipped", str(error))


def _unmet_need(step: SetupStep, outcomes: dict[str, StepOutcome]) -> StepOutcome | None:
    for need in step.needs:
        if (status := outcomes[need].status) != "ok":
            return StepOutcome(step.name, "skipped", f"requires step {need}, which {_DID[status]}")
    return None


_DID = {"failed": "failed", "skipped": "was skipped"}
