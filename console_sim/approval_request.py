"""Approval requests and the decisions about them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from console_sim.errors import BadRequestError, ConflictError
from console_sim.json_object import SYS_ID, JsonObject, shown, spelled
from console_sim.shelf import Moment
from privman_contracts import WireNames

DURATION = re.compile(r"\d{2,4}:[0-5]\d:[0-5]\d", re.ASCII)
EXPECTED_DURATION = "hours, minutes and seconds such as 16:30:00"


def parse_duration(text: str) -> timedelta:
    """Return the duration of a text that matches `DURATION`."""
    hours, minutes, seconds = map(int, text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def duration_text(duration: timedelta) -> str:
    """Return the duration as ``16:30:00``."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"


_CONSOLE = "Privilege Manager Console"


class Response(StrEnum):
    """The activity type's valid responses, by canonical name."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class ApprovalDecision:
    """An approver's answer.

    Attributes:
        duration: of a timed approval; None for another, and for a denial.
        one_time: whether it allows one run only.
    """

    response: Response
    comment: str
    duration: timedelta | None
    responded_by: str
    one_time: bool = False

    def same_as(self, other: Self) -> bool:
        """Return whether both decide the same, whoever decided.

        A decision made in the console comes back from ServiceNow under the name of the ServiceNow user.
        """
        mine = (self.response, self.comment, self.duration)
        return mine == (other.response, other.comment, other.duration)


@dataclass(frozen=True, slots=True)
class DeliveredDecision:
    """A decision as ServiceNow delivers it.

    Attributes:
        request_id: in lower case, without braces.
        instance_id: in lower case; empty where it is not compared.
    """

    request_id: str
    instance_id: str
    decision: ApprovalDecision


class DecisionReader:
    """Reads decisions (integration 4); raises BadRequestError that names the key.

    Args:
        names: the wire's names and rules.
        documented_only: whether to ignore InstanceId, whatever the rules say.
    """

    def __init__(self, names: WireNames, *, documented_only: bool = False) -> None:
        self._key = names.group("keys.decision")
        self._compared = "ignored" if documented_only else names.choice("decision_instance_id")
        self._responses = {names.word("response", response): response for response in Response}
        self._one_time = names.find("rules.approval_without_duration").value == "one_time"

    def read_delivered(self, values: Mapping[str, Any]) -> DeliveredDecision:
        """Read a decision that ServiceNow delivers."""
        body = spelled(values, tuple(self._key.values()))
        return DeliveredDecision(
            body.guid(self._key["RequestId"]),
            self._instance_id(body),
            self._decision(body, self._key, body.text(self._key["RespondedBy"]), one_time=self._one_time),
        )

    def _instance_id(self, body: JsonObject) -> str:
        key = self._key["InstanceId"]
        if self._compared == "ignored" or (self._compared == "optional" and key not in body):
            return ""
        return body.matching(key, SYS_ID, "a sys_id, 32 hexadecimal digits").lower()

    def read_own(self, values: Mapping[str, Any]) -> ApprovalDecision:
        """Read a decision made in the console: response, comment and duration."""
        keys = {"Response": "response", "Comment": "comment", "Duration": "duration"}
        return self._decision(JsonObject(values, tuple(keys.values())), keys, _CONSOLE, one_time=True)

    def _decision(
        self, body: JsonObject, key: Mapping[str, str], responded_by: str, *, one_time: bool
    ) -> ApprovalDecision:
        response = self._responses[body.one_of(key["Response"], tuple(self._responses))]
        duration = _duration(body, key["Duration"])
        if response is Response.DENY and duration is not None:
            raise BadRequestError(f"{key['Duration']!r} is given; expected none, because the response denies")
        is_one_time = one_time and response is Response.APPROVE and duration is None
        return ApprovalDecision(response, body.any_text(key["Comment"]), duration, responded_by, is_one_time)


def _duration(body: JsonObject, key: str) -> timedelta | None:
    return parse_duration(body.matching(key, DURATION, EXPECTED_DURATION)) if key in body else None


class RequestState(StrEnum):
    """The state of a request, as the console shows it."""

    PENDING = "Pending"
    APPROVED = "Approved"
    DENIED = "Denied"
    TIMED_OUT = "TimedOut"
    EXPIRED = "Expired"  # approved, and its one run is over or its duration has ended


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """A request of an endpoint user for approval.

    Attributes:
        request_id: a GUID in lower case.
        metadata: the JSON text that goes on the wire.
        process: name of its approval process when it was made.
        server_id: of the foreign system to which it is sent; empty for a request that is decided in the console only.
        times_out_at: the console's own time limit; None if the process has none.
        sent_to: the endpoint that acknowledged it; empty before.
        instance_id: the registration for which it was first sent; empty before.
        sys_id: of its record in ServiceNow, once acknowledged.
        sent: whether ServiceNow has acknowledged it.
        attempts: how often it was sent.
        last_error: why ServiceNow lacks it or its decision; empty if it lacks nothing.
        refused: whether ServiceNow refused the last attempt, and would refuse it again.
        decided_here: whether it was decided in the console.
        recorded: whether ServiceNow has that decision, too.
        used_at: when the run that a one-time approval allows took place.
        refused_decision: the last decision of ServiceNow that came too late, and why; empty if none did.
    """

    request_id: str
    metadata: str
    asked_at: Moment
    times_out_at: Moment | None = None
    process: str = ""
    server_id: str = ""
    instance_id: str = ""
    sent_to: str = ""
    sys_id: str = ""
    sent: bool = False
    attempts: int = 0
    last_error: str = ""
    refused: bool = False
    decision: ApprovalDecision | None = None
    decided_at: Moment | None = None
    decided_here: bool = False
    recorded: bool = False
    used_at: Moment | None = None
    refused_decision: str = ""

    @property
    def expires_at(self) -> datetime | None:
        """The end of a timed approval; None for another, and if there is none."""
        if self.decision is None or self.decided_at is None or self.decision.duration is None:
            return None
        try:
            return self.decided_at + self.decision.duration
        except OverflowError:  # beyond the last date
            return None

    def state(self, now: datetime) -> RequestState:
        """Return the state at that time."""
        if self.decision is None:
            return RequestState.TIMED_OUT if self._has_timed_out(now) else RequestState.PENDING
        if self.decision.response is Response.DENY:
            return RequestState.DENIED
        return RequestState.EXPIRED if self._is_over(now) else RequestState.APPROVED

    def _has_timed_out(self, now: datetime) -> bool:
        return self.times_out_at is not None and self.times_out_at <= now

    def _is_over(self, now: datetime) -> bool:
        return self.used_at is not None or (self.expires_at is not None and self.expires_at <= now)

    @property
    def is_manual(self) -> bool:
        """Whether it is decided in the console: its process has no time limit."""
        return self.times_out_at is None

    @property
    def is_unfinished(self) -> bool:
        """Whether ServiceNow lacks the request, or a decision made here, at any time."""
        return bool(self.server_id) and not (self.recorded if self.decided_here else self.sent)

    @property
    def characters(self) -> int:
        """The number of characters that callers have put into it."""
        comment = "" if self.decision is None else self.decision.comment
        return len(self.metadata) + len(comment) + len(self.last_error) + len(self.refused_decision)

    def needs_sending(self, now: datetime) -> bool:
        """Return whether the request, or a decision made here, still has to be sent to ServiceNow."""
        return self.is_unfinished and (self.decided_here or self.state(now) is RequestState.PENDING)

    @property
    def ends_at(self) -> datetime | None:
        """When it was decided, or times out; None for neither, or while ServiceNow lacks a decision made here."""
        if self.decision is None:
            return self.times_out_at
        return None if self.is_unfinished and self.decided_here else self.decided_at

    def decided(self, decision: ApprovalDecision, now: datetime) -> Self:
        """Return the request with the decision; the same object if it had the decision already.

        Raises ConflictError if it was decided differently, or has timed out.
        """
        if self.decision is not None:
            if self.decision.same_as(decision):
                return self
            raise ConflictError(f"request {self.request_id} is {self.state(now)} already, by another decision")
        if self.times_out_at is not None and self.state(now) is RequestState.TIMED_OUT:
            raise ConflictError(f"request {self.request_id} timed out at {self.times_out_at.isoformat()}")
        return replace(self, decision=decision, decided_at=now)

    def run(self, now: datetime) -> Self:
        """Return the request after a run that it allows; a one-time approval allows no other."""
        return replace(self, used_at=now) if self.decision is not None and self.decision.one_time else self

    def asked_by(self, now: datetime) -> Self:
        """Return the request, moved to ``now`` if it was made while the clock was ahead."""
        ahead = self.asked_at - now
        if self.decision is not None or ahead <= timedelta(0):
            return self
        times_out_at = None if self.times_out_at is None else self.times_out_at - ahead
        return replace(self, asked_at=now, times_out_at=times_out_at)

    def acknowledged(self, sys_id: str, endpoint_url: str) -> Self:
        """Return the request once ServiceNow has acknowledged it."""
        return replace(self, sys_id=sys_id, sent_to=endpoint_url, sent=True, last_error="", refused=False)

    def failed(self, reason: str, *, refused: bool) -> Self:
        """Return the request after an attempt that failed."""
        return replace(self, last_error=reason, refused=refused)

    def refusing(self, decision: ApprovalDecision, reason: str) -> Self:
        """Return the request after a decision of ServiceNow that is refused."""
        return replace(
            self, refused_decision=f"{decision.response.title()} by {shown(decision.responded_by)}: {reason}"
        )

    def delivered(self) -> Self:
        """Return the request once ServiceNow has delivered its decision, so that it has both."""
        return replace(self, sent=True, recorded=True, last_error="", refused=False)

    def to_json(self, now: datetime) -> dict[str, object]:
        """Return the request as the control plane prints it."""
        decision = self.decision
        duration = None if decision is None else decision.duration
        return {
            "request_id": self.request_id,
            "state": self.state(now),
            "comment": "" if decision is None else decision.comment,
            "duration": "" if duration is None else duration_text(duration),
            "responded_by": "" if decision is None else decision.responded_by,
            "sent": self.sent,
            "attempts": self.attempts,
            "last_error": self.last_error,
            "decided_here": self.decided_here,
            "recorded": self.recorded,
            "asked_at": self.asked_at.isoformat(),
            "process": self.process,
            "times_out_at": _or_none(self.times_out_at),
            "decided_at": _or_none(self.decided_at),
            "one_time": decision is not None and decision.one_time,
            "expires_at": _or_none(self.expires_at),
            "used_at": _or_none(self.used_at),
            "refused_decision": self.refused_decision,
            "metadata": self.metadata,
            "sys_id": self.sys_id,
        }


def _or_none(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()


@dataclass(frozen=True, slots=True)
class LatestRequest:
    """The newest request for something.

    Attributes:
        asked_for: who asks for what, in one word.
    """

    asked_for: str
    request_id: str
