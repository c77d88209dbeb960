"""Decisions about approval requests."""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, Self

from msgspec import Struct

from console_sim.approval_duration import DURATION, EXPECTED_DURATION, duration_text, parse_duration
from console_sim.errors import BadRequestError
from console_sim.json_object import SYS_ID, JsonObject, spelled, without_braces
from privman_contracts import WireNames
from privman_core.findings import Findings

_INSTANCE_ID = re.compile(rf"{SYS_ID.pattern}|\{{{SYS_ID.pattern}\}}")
_CONSOLE = "Privilege Manager Console"
_OWN = {"Response": "response", "Comment": "comment", "Duration": "duration"}
OWN_KEYS = tuple(_OWN.values())
"""Of a decision made in the console."""


def own_decision(values: Mapping[str, Any]) -> JsonObject:
    """Return the body of a decision made in the console; raises BadRequestError for a key that none has."""
    return JsonObject(values, OWN_KEYS)


class Response(StrEnum):
    """The activity type's valid responses, by canonical name."""

    APPROVE = "approve"
    DENY = "deny"


class ApprovalDecision(Struct, frozen=True):
    """An approver's answer.

    Attributes:
        duration: of a timed approval; None for any other decision.
        one_time: whether it allows only one run.
    """

    response: Response
    comment: str
    duration: timedelta | None
    responded_by: str
    one_time: bool = False

    def same_as(self, other: Self) -> bool:
        """Return whether both have the same response, comment and duration.

        The approver may differ: ServiceNow delivers a decision of the console under the name of the ServiceNow user.
        """
        mine = (self.response, self.comment, self.duration)
        return mine == (other.response, other.comment, other.duration)


class DeliveredDecision(Struct, frozen=True):
    """A decision as ServiceNow delivers it.

    Attributes:
        request_id: in lower case, without braces.
        instance_id: in lower case; empty if it is not compared.
    """

    request_id: str
    instance_id: str
    decision: ApprovalDecision


class DecisionReader:
    """Reads decisions; raises BadRequestError, which names the key.

    Args:
        documented_only: whether to ignore InstanceId, whatever the rule ``decision_instance_id`` is, and to refuse what
            Confirm Approval does not have: a comment, and durations other than whole hours.
    """

    def __init__(self, names: WireNames, *, documented_only: bool = False) -> None:
        self._key = names.group("keys.decision")
        self._documented_only = documented_only
        self._instance_id_rule = "ignored" if documented_only else names.choice("decision_instance_id")
        self._responses = {names.word("response", response): response for response in Response}
        self._one_time = names.find("rules.approval_without_duration").value == "one_time"

    def read_delivered(self, values: Mapping[str, Any], findings: Findings) -> DeliveredDecision:
        """Read a decision that ServiceNow delivers; its exchange belongs to the request even if a key is refused."""
        body = spelled(values, tuple(self._key.values()))
        request_id = body.guid(self._key["RequestId"])
        findings.about = (request_id,)
        return DeliveredDecision(
            request_id,
            self._instance_id(body),
            self._decision(body, self._key, body.text(self._key["RespondedBy"]), one_time=self._one_time),
        )

    def _instance_id(self, body: JsonObject) -> str:
        key = self._key["InstanceId"]
        if self._instance_id_rule == "ignored" or (self._instance_id_rule == "optional" and key not in body):
            return ""
        return without_braces(body.matching(key, _INSTANCE_ID, "a sys_id, 32 hexadecimal digits")).lower()

    def read_own(self, body: JsonObject) -> ApprovalDecision:
        """Read a decision made in the console, from `OWN_KEYS`."""
        decision = self._decision(body, _OWN, _CONSOLE, one_time=True)
        if self._documented_only:
            _require_documented(decision)
        return decision

    def _decision(
        self, body: JsonObject, key: Mapping[str, str], responded_by: str, *, one_time: bool
    ) -> ApprovalDecision:
        response = self._responses[body.one_of(key["Response"], tuple(self._responses))]
        duration = _duration(body, key["Duration"])
        if response is Response.DENY and duration is not None:
            raise BadRequestError(f"{key['Duration']!r} is given; expected none, because the response denies")
        is_one_time = one_time and response is Response.APPROVE and duration is None
        return ApprovalDecision(response, body.text_or_null(key["Comment"]), duration, responded_by, is_one_time)


def _require_documented(decision: ApprovalDecision) -> None:
    """Raise BadRequestError if the page Confirm Approval could not make the decision (approval-sudo)."""
    if decision.comment:
        raise BadRequestError("'comment' is given; the product's page has none, and only what it has is served")
    if decision.duration is not None and decision.duration % timedelta(hours=1):
        given = duration_text(decision.duration)
        raise BadRequestError(
            f"'duration' is {given}; the product's page has whole hours, and only what it has is served"
        )


def _duration(body: JsonObject, key: str) -> timedelta | None:
    return parse_duration(body.matching(key, DURATION, EXPECTED_DURATION)) if body.text_or_null(key) else None
