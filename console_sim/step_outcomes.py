"""Outcomes of the set-up's steps, and the failure of a step for which ServiceNow did not do as asked."""

from collections.abc import Awaitable
from typing import Literal

from msgspec import Struct

from console_sim.errors import (
    BrokenAnswerError,
    BusyError,
    NoSuchRecordError,
    RefusedError,
    ServiceNowError,
    StepFailedError,
    UnreachableError,
)

Status = Literal["ok", "failed", "skipped"]


class StepOutcome(Struct, frozen=True):
    """The outcome of a step.

    Attributes:
        reached: whether ServiceNow answered during the step; None if the step does not say.
    """

    step: str
    status: Status
    detail: str
    reached: bool | None = None

    def to_json(self) -> dict[str, str]:
        """Return the outcome as the control plane prints it."""
        return {"step": self.step, "status": self.status, "detail": self.detail}


async def differing_columns(reading: Awaitable[list[str]]) -> list[str]:
    """Return the columns of a record that differ in ServiceNow; raises StepFailedError if it cannot be read."""
    try:
        return await reading
    except NoSuchRecordError as error:
        raise StepFailedError(f"{error}; set up again to register it again", reached=True) from None
    except ServiceNowError as error:
        raise as_step_failure(error) from None


def as_step_failure(failure: ServiceNowError | None) -> StepFailedError:
    """Return the failure of a step that registers: that of the server task, or None if the task had nothing to do."""
    if failure is None:
        return StepFailedError("the webhook is disabled, so nothing was registered; enable it on the Messaging tab")
    return StepFailedError(str(failure), reached=_reached(failure))


def _reached(failure: ServiceNowError) -> bool | None:
    """Return whether ServiceNow answered; None if the failure does not say."""
    if isinstance(failure, UnreachableError):
        return False
    return True if isinstance(failure, (BusyError, BrokenAnswerError, RefusedError)) else None
