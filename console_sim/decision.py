"""Decisions: an approver's answer to an approval request."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from console_sim import durations
from console_sim.bodies import GUID, SYS_ID, Body
from console_sim.errors import BadRequestError
from privman_contracts import WireNames

_CONSOLE = "Privilege Manager Console"


class Response(StrEnum):
    """The activity type's valid responses, by canonical name."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Decision:
    """An approver's answer.

    Attributes:
        duration: how long the approval holds; None for without end, and for a denial.
    """

    response: Response
    comment: str
    duration: timedelta | None
    responded_by: str

    def same_as(self, other: "Decision") -> bool:
        """Tell whether both say the same, whoever said it.

        What the console decides itself comes back from ServiceNow under the name of the ServiceNow user.
        """
        mine = (self.response, self.comment, self.duration)
        return mine == (other.response, other.comment, other.duration)


@dataclass(frozen=True, slots=True)
class DeliveredDecision:
    """A decision with what it is about, as ServiceNow delivers it; both ids in lower case."""

    request_id: str
    instance_id: str
    decision: Decision


class DecisionReader:
    """Reads decisions that others send (integration 4); raises BadRequestError naming the key."""

    def __init__(self, names: WireNames) -> None:
        self._key = names.group("keys.decision")
        self._responses = {names.word("response", response): response for response in Response}

    def read_delivered(self, values: Mapping[str, Any]) -> DeliveredDecision:
        """Return what ServiceNow delivers."""
        body = Body(values, tuple(self._key.values()))
        return DeliveredDecision(
            body.matching(self._key["RequestId"], GUID, "a GUID").lower(),
            body.matching(self._key["InstanceId"], SYS_ID, "a sys_id, 32 hexadecimal digits").lower(),
            self._decision(body, self._key, body.text(self._key["RespondedBy"])),
        )

    def read_own(self, values: Mapping[str, Any]) -> Decision:
        """Return what is decided in the console itself: response, comment and duration."""
        keys = {"Response": "response", "Comment": "comment", "Duration": "duration"}
        return self._decision(Body(values, tuple(keys.values())), keys, _CONSOLE)

    def _decision(self, body: Body, key: Mapping[str, str], responded_by: str) -> Decision:
        response = self._responses[body.one_of(key["Response"], tuple(self._responses))]
        duration = _duration(body, key["Duration"])
        if response is Response.DENY and duration is not None:
            raise BadRequestError(f"{key['Duration']!r} is given; expected none, because the response denies")
        return Decision(response, body.any_text(key["Comment"]), duration, responded_by)


def _duration(body: Body, key: str) -> timedelta | None:
    return durations.parse(body.matching(key, durations.FORM, durations.EXPECTED)) if key in body else None
