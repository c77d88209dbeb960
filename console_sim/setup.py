"""Runs the documented set-up."""

import asyncio
from collections.abc import Awaitable, Callable

from console_sim.errors import ConflictError, StepFailedError, StepSkippedError
from console_sim.foreign_systems import ForeignSystems
from console_sim.registrar import Registrar
from console_sim.setup_steps import NEEDS, ConsoleSteps, ServiceNowSteps, SetupOrder, Step, StepOutcome
from privman_core.masking import Secrets

Act = Callable[[SetupOrder], Awaitable[str]]


class Setup:
    """The documented set-up; running it again changes only what differs."""

    def __init__(
        self, console_steps: ConsoleSteps, foreign_systems: ForeignSystems, registrar: Registrar, secrets: Secrets
    ) -> None:
        self._console_steps = console_steps
        self._foreign_systems = foreign_systems
        self._registrar = registrar
        self._secrets = secrets
        self._running: set[asyncio.Task[list[StepOutcome]]] = set()

    async def run(self, order: SetupOrder) -> list[StepOutcome]:
        """Take each step once; a step is skipped if one that it needs did not succeed.

        Raises ConflictError if `abandon` is called before the last step.
        """
        task = asyncio.ensure_future(self._run(order))
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

    async def _run(self, order: SetupOrder) -> list[StepOutcome]:
        outcomes: dict[Step, StepOutcome] = {}
        for step, act in self._acts().items():
            outcomes[step] = _unmet_need(step, outcomes) or await self._take(step, act, order)
        return list(outcomes.values())

    async def _take(self, step: Step, act: Act, order: SetupOrder) -> StepOutcome:
        try:
            return StepOutcome(step, "ok", await act(order))
        except StepFailedError as error:
            # ServiceNow's error may quote secrets from the request.
            return StepOutcome(step, "failed", self._secrets.mask(str(error)), error.unreachable)
        except StepSkippedError as error:
            return StepOutcome(step, "skipped", str(error))

    def _acts(self) -> dict[Step, Act]:
        console, servicenow = self._console_steps, ServiceNowSteps(self._foreign_systems, self._registrar)
        return {
            Step.ENABLE_API: console.enable_api,
            Step.CREATE_API_USER: console.create_api_user,
            Step.ADD_ROLE: console.add_role,
            Step.SAVE_API_CREDENTIAL: console.save_api_credential,
            Step.SAVE_SERVICENOW_CREDENTIAL: console.save_servicenow_credential,
            Step.SAVE_FOREIGN_SYSTEM: console.save_foreign_system,
            Step.USE_WEBHOOK: console.use_webhook,
            Step.CREATE_WEBHOOK: servicenow.create_webhook,
            Step.REGISTER: servicenow.register,
            Step.REGISTER_ACTIVITY_TYPE: servicenow.register_activity_type,
            Step.VERIFY_WEBHOOK: servicenow.verify_webhook,
            Step.VERIFY_REGISTRATION: servicenow.verify_registration,
            Step.VERIFY_ACTIVITY_TYPE: servicenow.verify_activity_type,
            Step.SAVE_AGAIN: servicenow.save_again,
        }


def _unmet_need(step: Step, outcomes: dict[Step, StepOutcome]) -> StepOutcome | None:
    for need in NEEDS.get(step, ()):
        if outcomes[need].status != "ok":
            return StepOutcome(step, "skipped", f"requires step {need!s}, which is {outcomes[need].status}")
    return None
