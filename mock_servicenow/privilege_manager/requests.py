"""Approval requests: which are accepted, and who may still decide them (integration 3)."""

import math
from datetime import UTC, datetime
from http import HTTPStatus

from mock_servicenow.now_platform.dictionary.values import DATE_TIME
from mock_servicenow.now_platform.records.intake import LONGEST_TEXT
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext
from mock_servicenow.privilege_manager.activity_types import ActivityTypes
from mock_servicenow.privilege_manager.guids import is_guid
from mock_servicenow.privilege_manager.json_text import json_object
from mock_servicenow.privilege_manager.registration import Registrations
from mock_servicenow.privilege_manager.tables import AppTables
from privman_contracts.wire_names import WireNames

_ORIGIN = ("instance_id", "request_id")
_CONTENT = ("activity_type_id", "metadata")
_SHOWN = 200  # characters of a value in a finding


class ApprovalRequests:
    """The rules of the request table."""

    def __init__(
        self, tables: AppTables, names: WireNames, registrations: Registrations, activity_types: ActivityTypes
    ) -> None:
        self._table = tables.request
        self._pending = tables.pending
        self._askers = tables.askers
        self._content_is_kept = names.find("rules.approver_changes").value == "decision"
        self._timed_out = names.word("request_status", "timed_out")
        self._repeated_status = names.number("duplicate_request_status")
        self._registrations = registrations
        self._activity_types = activity_types

    def rules(self) -> list[BusinessRule]:
        """Return the rules that accept a request and that admit a decision."""
        insert: frozenset[Operation] = frozenset({"insert"})
        update: frozenset[Operation] = frozenset({"update"})
        return [
            BusinessRule("Accept request", self._table.name, "before", insert, self._accept),
            BusinessRule("Admit decision", self._table.name, "before", update, self._admit),
            # Last, so that no stored rule leads a decision elsewhere either.
            BusinessRule("Keep the origin", self._table.name, "before", update, self._keep_origin, order=math.inf),
        ]

    def is_decision(self, context: RuleContext) -> bool:
        """Tell whether an update gives a pending request its response."""
        status = self._table["status"]
        return context.changed(status) and context.current[status] != self._timed_out

    def _accept(self, context: RuleContext) -> None:
        self._check_origin(context)
        self._check_content(context)
        status = context.current.get(self._table["status"], "")
        if status not in {"", self._pending}:
            context.abort(f"'{self._table['status']}' is {status!r}; expected {self._pending!r} for a new request")
        context.current[self._table["status"]] = self._pending
        self._check_repetition(context)

    def _check_origin(self, context: RuleContext) -> None:
        instance_id = self._value(context, "instance_id")
        if not self._registrations.exists(context.session, instance_id):
            context.abort(f"'{self._table['instance_id']}' is {instance_id!r}; expected a registered Instance Id")
        activity_type_id = self._value(context, "activity_type_id")
        activity_type = self._activity_types.registered(context.session, activity_type_id)
        if activity_type is None or self._activity_types.instance_id(activity_type) != instance_id:
            context.abort(
                f"'{self._table['activity_type_id']}' is {activity_type_id!r}; expected an activity type that "
                f"instance {instance_id!r} has registered"
            )

    def _check_content(self, context: RuleContext) -> None:
        request_id = self._value(context, "request_id")
        if not is_guid(request_id):
            context.abort(f"'{self._table['request_id']}' is {request_id!r}; expected a GUID")
        if json_object(self._value(context, "metadata")) is None:
            expected = f"expected one of at most {LONGEST_TEXT:,} characters, written as a string"
            context.abort(f"'{self._table['metadata']}' is not a JSON object; {expected}")

    def _check_repetition(self, context: RuleContext) -> None:
        """Answer a repeated request with the record that exists; refuse another request under its id.

        A GUID is the same in capital letters, and so is any value that the platform compares (platform 2.4).
        """
        same = {self._table[column]: self._value(context, column) for column in ("instance_id", "request_id")}
        context.session.work.transaction.reserve("\n".join((self._table.name, *same.values())).casefold())
        existing = context.session.find_alike(self._table.name, **same)
        if existing is None:
            return
        if all(existing[self._table[column]] == self._value(context, column) for column in _CONTENT):
            self._answer_repeated(context, existing)
        request_id = self._value(context, "request_id")
        context.abort(f"'{self._table['request_id']}' {request_id!r} was received before with another body")

    def _answer_repeated(self, context: RuleContext, existing: Record) -> None:
        if self._repeated_status == HTTPStatus.FORBIDDEN:
            context.abort(f"'{self._table['request_id']}' {self._value(context, 'request_id')!r} was received before")
        context.answer_with(existing, self._repeated_status)

    def _admit(self, context: RuleContext) -> None:
        answered = {self._table[column] for column in ("status", "comment", "duration")}
        if context.previous is None or answered.isdisjoint(context.supplied):
            return
        previous, status = context.previous[self._table["status"]], context.current[self._table["status"]]
        if previous != self._pending:
            context.abort(f"the request is {previous!r} already; expected one that is {self._pending!r}")
        if status == previous or self._is_time_out(context, status):
            return
        self._check_response(context, context.previous, status)

    def _keep_origin(self, context: RuleContext) -> None:
        """Let a request stay that of its console: the decision goes to nobody else, and is about what was asked."""
        for column in map(self._table.__getitem__, (*_ORIGIN, *self._kept_content(context))):
            if context.previous is not None and context.changed(column):
                asked, kept = context.current[column][:_SHOWN], context.previous[column][:_SHOWN]
                context.report(
                    "origin-kept", f"'{column}' is {asked!r}; it stays {kept!r} as the console sent it", column
                )
                context.current[column] = context.previous[column]

    def _kept_content(self, context: RuleContext) -> tuple[str, ...]:
        """Return the columns that are kept, too, from those who may decide a request and not ask for one."""
        user = context.session.user
        is_kept = self._content_is_kept and not user.unrestricted and not user.has_any(self._askers)
        return _CONTENT if is_kept else ()

    def _check_response(self, context: RuleContext, request: Record, status: str) -> None:
        activity_type = self._activity_types.find(context.session, request[self._table["activity_type_id"]])
        self._report_missing(context, request, activity_type)
        valid = self._activity_types.valid_responses(activity_type)
        if status not in valid:
            context.abort(f"'{self._table['status']}' is {status!r}; expected one of {', '.join(valid)}")
        limit = self._activity_types.max_timeout(activity_type)
        asked = request["sys_created_on"] or context.session.now  # a client may have emptied it
        if limit is not None and _parsed(context.session.now) - _parsed(asked) >= limit:
            context.abort(f"the request timed out after {limit}")

    def _report_missing(self, context: RuleContext, request: Record, activity_type: Record | None) -> None:
        """Report a decision about a request whose activity type cannot be looked up."""
        if activity_type is not None and not self._activity_types.is_deleted(activity_type):
            return
        column, applied = self._table["activity_type_id"], "the terms it had when it was deleted"
        if activity_type is None:
            applied = f"{' and '.join(self._activity_types.valid_responses(None))}, and no max timeout"
        message = f"'{column}' is {request[column]!r}; expected an activity type that exists: applied {applied}"
        context.report("activity-type-missing", message, column)

    def _is_time_out(self, context: RuleContext, status: str) -> bool:
        return status == self._timed_out and context.session.user.unrestricted

    def _value(self, context: RuleContext, column: str) -> str:
        return context.current.get(self._table[column], "")


def _parsed(stored: str) -> datetime:
    return datetime.strptime(stored, DATE_TIME).replace(tzinfo=UTC)
