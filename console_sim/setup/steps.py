"""The steps of the set-up and how they come out."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Status = Literal["ok", "failed", "skipped"]


class Step(StrEnum):
    """The thirteen steps of integration 2, in their order, and before the last one a look at the activity type."""

    ENABLE_API = "enable-api"
    CREATE_API_USER = "create-api-user"
    ADD_ROLE = "add-role"
    SAVE_API_CREDENTIAL = "save-api-credential"
    SAVE_SERVICENOW_CREDENTIAL = "save-servicenow-credential"
    SAVE_FOREIGN_SYSTEM = "save-foreign-system"
    USE_WEBHOOK = "use-webhook"
    CREATE_WEBHOOK = "create-webhook"
    REGISTER = "register"
    REGISTER_ACTIVITY_TYPE = "register-activity-type"
    VERIFY_WEBHOOK = "verify-webhook"
    VERIFY_REGISTRATION = "verify-registration"
    VERIFY_ACTIVITY_TYPE = "verify-activity-type"
    SAVE_AGAIN = "save-again"


# What must be ok before a step can be taken; the others are independent.
NEEDS: dict[Step, tuple[Step, ...]] = {
    Step.ADD_ROLE: (Step.CREATE_API_USER,),
    Step.SAVE_API_CREDENTIAL: (Step.CREATE_API_USER,),
    Step.SAVE_FOREIGN_SYSTEM: (Step.SAVE_SERVICENOW_CREDENTIAL,),
    Step.USE_WEBHOOK: (Step.ENABLE_API, Step.SAVE_API_CREDENTIAL, Step.SAVE_FOREIGN_SYSTEM),
    Step.CREATE_WEBHOOK: (Step.USE_WEBHOOK,),
    Step.REGISTER: (Step.CREATE_WEBHOOK,),
    Step.REGISTER_ACTIVITY_TYPE: (Step.REGISTER,),
    Step.VERIFY_WEBHOOK: (Step.CREATE_WEBHOOK,),
    Step.VERIFY_REGISTRATION: (Step.REGISTER,),
    Step.VERIFY_ACTIVITY_TYPE: (Step.REGISTER_ACTIVITY_TYPE, Step.VERIFY_REGISTRATION),
    Step.SAVE_AGAIN: (Step.VERIFY_ACTIVITY_TYPE,),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step came out, in plain words.

    Attributes:
        unreachable: whether it failed because no ServiceNow at work was found.
    """

    step: Step
    status: Status
    detail: str
    unreachable: bool = False

    def to_json(self) -> dict[str, str]:
        """Return the outcome as the control plane prints it."""
        return {"step": self.step, "status": self.status, "detail": self.detail}


class StepFailedError(Exception):
    """The step did not do what it is for; the message says why.

    Attributes:
        unreachable: whether that is because no ServiceNow at work was found.
    """

    def __init__(self, message: str, *, unreachable: bool = False) -> None:
        super().__init__(message)
        self.unreachable = unreachable


class StepSkippedError(Exception):
    """The step was left out on request; the message says of which."""
