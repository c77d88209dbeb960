"""Approval requests, from being made to having ended."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from console_sim.approval_decision import ApprovalDecision, Response
from console_sim.approval_duration import duration_text
from console_sim.error_texts import brief
from console_sim.errors import ConflictError
from console_sim.shelf import Moment


class RequestState(StrEnum):
    """The state of a request in the console."""

    PENDING = "Pending"
    APPROVED = "Approved"
    DENIED = "Denied"
    TIMED_OUT = "TimedOut"
    EXPIRED = "Expired"  # its approval was used up, or its duration has ended


class IntegrationKind(StrEnum):
    """The way that requests take to ServiceNow, and decisions back."""

    WEBHOOK = "webhook"
    SOAP = "soap"


class ApprovalRequest(Struct, frozen=True):
    """An endpoint user's request for approval.

    Attributes:
        request_id: a GUID in lower case.
        metadata: the JSON text that goes on the wire.
        process: name of its approval process when it was made.
        server_id: of the foreign system that gets it; empty if it is decided in the console only.
        times_out_at: end of the approval process's time-out; None for a manual process.
        check_every: how often the SOAP integration asks for the decision.
        integration: by which it was sent.
        sent_to: Endpoint URL that acknowledged it; empty before.
        instance_id: Instance Id under which it was last sent; empty before the first attempt.
        sys_id: of its record in ServiceNow, once acknowledged; with SOAP any text that identifies it there.
        sent: whether ServiceNow has acknowledged it.
        attempts: number of attempts to insert it in ServiceNow.
        last_error: why ServiceNow lacks it or its decision; empty if it lacks nothing.
        refused: whether ServiceNow refused the last attempt, so that a retry is pointless.
        decided_here: whether it was decided in the console.
        recorded: whether ServiceNow has that decision, too; with SOAP also whether it knows of the time-out.
        used_at: time of the run that a one-time approval has allowed.
        unmatched: what its report lacks, in words, so that no run can be matched with it; empty for nothing.
        refused_decision: the newest decision of ServiceNow that was refused, and why; empty if there is none.
    """

    request_id: str
    metadata: str
    asked_at: Moment
    times_out_at: Moment | None = None
    check_every: timedelta = timedelta(0)
    process: str = ""
    server_id: str = ""
    instance_id: str = ""
    integration: IntegrationKind = IntegrationKind.WEBHOOK
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
    unmatched: str = ""
    refused_decision: str = ""

    @property
    def expires_at(self) -> datetime | None:
        """The end of a timed approval; None for any other request."""
        if self.decision is None or self.decided_at is None or self.decision.duration is None:
            return None
        return self.decided_at + self.decision.duration

    def state(self, now: datetime) -> RequestState:
        """Return the state at the time ``now``."""
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
    def is_unsynced(self) -> bool:
        """Whether ServiceNow lacks the request, or a decision made here, even if it is too late to send it."""
        return bool(self.server_id) and not (self.recorded if self.decided_here else self.sent)

    @property
    def unrecorded_decision(self) -> ApprovalDecision | None:
        """The decision made here, if ServiceNow lacks it; else None."""
        return self.decision if self.decided_here and not self.recorded else None

    @property
    def characters(self) -> int:
        """The number of characters in its texts of any length."""
        comment = "" if self.decision is None else self.decision.comment
        return len(self.metadata) + len(comment) + len(self.last_error) + len(self.refused_decision)

    def needs_sending(self, now: datetime) -> bool:
        """Return whether the request, or a decision made here, still has to be sent to ServiceNow."""
        return self.is_unsynced and (self.decided_here or self.state(now) is RequestState.PENDING)

    @property
    def ends_at(self) -> datetime | None:
        """When it was decided, or times out; None for neither, or while ServiceNow lacks a decision made here."""
        if self.decision is None:
            return self.times_out_at
        return None if self.is_unsynced and self.decided_here else self.decided_at

    def decided(self, decision: ApprovalDecision, now: datetime, *, here: bool = False) -> Self:
        """Return the request with the decision; the same object if it had the decision already.

        ``here`` marks a decision of the console. Raises ConflictError if it was decided differently, or has timed out.
        """
        if self.decision is not None:
            if self.decision.same_as(decision):
                return self
            raise ConflictError(f"request {self.request_id} is {self.state(now)} already, by another decision")
        if self.times_out_at is not None and self.state(now) is RequestState.TIMED_OUT:
            raise ConflictError(f"request {self.request_id} timed out at {self.times_out_at.isoformat()}")
        return replace(self, decision=decision, decided_at=now, decided_here=here)

    def after_run(self, now: datetime) -> Self:
        """Return the request after a run that it has allowed, which uses a one-time approval up."""
        return replace(self, used_at=now) if self.decision is not None and self.decision.one_time else self

    def not_later_than(self, now: datetime) -> Self:
        """Return the request with nothing after ``now``; its time-out and the duration of its approval stay as long.

        The same object if nothing was.
        """
        ahead = max(self.asked_at - now, timedelta(0))
        changed = replace(
            self,
            asked_at=self.asked_at - ahead,
            times_out_at=None if self.times_out_at is None else self.times_out_at - ahead,
            decided_at=None if self.decided_at is None else min(self.decided_at, now),
            used_at=None if self.used_at is None else min(self.used_at, now),
        )
        return self if changed == self else changed

    def acknowledged(self, sys_id: str, endpoint_url: str, by: IntegrationKind) -> Self:
        """Return the request after ServiceNow has acknowledged it."""
        return replace(
            self, sys_id=sys_id, sent_to=endpoint_url, integration=by, sent=True, last_error="", refused=False
        )

    def failed(self, reason: str, *, refused: bool) -> Self:
        """Return the request after an attempt that failed."""
        return replace(self, last_error=reason, refused=refused)

    def with_refused_decision(self, decision: ApprovalDecision, reason: str) -> Self:
        """Return the request after refusing a decision of ServiceNow."""
        return replace(
            self, refused_decision=f"{decision.response.title()} by {brief(decision.responded_by)}: {reason}"
        )

    def delivered(self) -> Self:
        """Return the request after ServiceNow has delivered its decision, so that ServiceNow has both."""
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
            "integration": self.integration,
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


class LatestRequest(Struct, frozen=True):
    """The newest request with that fingerprint."""

    fingerprint: str
    request_id: str
