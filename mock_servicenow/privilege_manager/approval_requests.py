"""Activity types and approval requests: which are accepted, and who may still decide them."""

import math
from datetime import timedelta
from http import HTTPStatus
from typing import Literal, NoReturn

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.values import duration_seconds
from mock_servicenow.now_platform.records.kernel import Fact, Subject
from mock_servicenow.now_platform.records.plans import LONGEST_TEXT
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext, Session
from mock_servicenow.privilege_manager.registrations import Registrations
from mock_servicenow.privilege_manager.tables import ActivityTypeRow, AppColumn, AppTables, RequestRow
from mock_servicenow.privilege_manager.wire_formats import SYS_ID, is_guid, json_object, parse_moment
from privman_contracts.wire_names import WireNames
from privman_core.cuts import cut

_NO_LIMIT = 2**31 - 1
MOST_RESPONSES = 100
"""Valid responses of an activity type that are used; a form has a button for each (I)."""


class Terms(Struct, frozen=True):
    """The valid responses of an activity type, and its time limit.

    Attributes:
        state: ``deleted`` if the activity type was deleted while requests were pending, ``unknown`` if there is none.
        valid_responses: in order.
        max_timeout: the time limit for decisions; None for no limit, also beyond the rule ``longest_timeout``.
        comment: whether decisions have a comment.
        duration: whether approvals have a duration.
    """

    state: Literal["registered", "deleted", "unknown"]
    instance_id: str
    valid_responses: tuple[str, ...]
    max_timeout: timedelta | None
    comment: bool
    duration: bool


class ActivityTypes:
    """The activity type records, and the terms of those that were deleted while requests were pending."""

    def __init__(self, tables: AppTables, names: WireNames, registrations: Registrations) -> None:
        self._table = tables.activity_type
        self._deleted = tables.deleted_type
        self._requests = tables.request
        self._pending = tables.pending
        usual = (names.word("response", "approve"), names.word("response", "deny"))
        self.unknown = Terms("unknown", "", usual, None, comment=False, duration=False)
        self._longest = timedelta(hours=names.number("longest_timeout"))
        self._registrations = registrations
        self._terms = Fact("terms of activity types", self._table.name, self._deleted.name)

    def rules(self) -> list[BusinessRule]:
        """Return the rules: require a registration, report an unbounded max timeout, keep the terms on deletion."""
        written: frozenset[Operation] = frozenset({"insert", "update"})
        return [
            BusinessRule("Registered instance only", self._table.name, "before", written, self._check_instance),
            BusinessRule("Report an unbounded max timeout", self._table.name, "after", written, self._check_timeout),
            BusinessRule("Keep the terms", self._table.name, "after", frozenset({"delete"}), self._keep_terms),
        ]

    def ids(self, session: Session) -> list[str]:
        """Return the sys_ids of all activity types, then of deleted ones with pending requests."""
        tables = (self._table.name, self._deleted.name)
        return [
            each for name in tables for each in session.work.sys_ids(name, session.compiled(name, ""), _NO_LIMIT, 0)
        ]

    def terms(self, session: Session, activity_type_id: str) -> Terms:
        """Return the terms of an activity type; `unknown` if there is none, or the user may not read it."""
        if session.secure:
            record = session.get(self._table.name, activity_type_id)
            return self.unknown if record is None else self._terms_of(self._table.row(record), "registered")
        return session.kernel.cache.get(self._terms, activity_type_id, lambda: self._read(session, activity_type_id))

    def _read(self, session: Session, activity_type_id: str) -> Terms:
        if found := self._table.get(session, activity_type_id):
            return self._terms_of(found, "registered")
        if deleted := self._deleted.get(session, activity_type_id):
            return self._terms_of(deleted, "deleted")
        return self.unknown

    def _terms_of(self, row: ActivityTypeRow, state: Literal["registered", "deleted"]) -> Terms:
        listed = row.valid_responses.split(",", MOST_RESPONSES)[:MOST_RESPONSES]
        limit = timedelta(seconds=max(0, duration_seconds(row.max_timeout))) if row.max_timeout else None
        return Terms(
            state,
            row.instance_id,
            tuple(response.strip() for response in listed if response.strip()),
            limit if limit is None or limit <= self._longest else None,
            comment=row.include_comment == "true",
            duration=row.include_duration == "true",
        )

    def _check_instance(self, context: RuleContext) -> None:
        instance_id = self._table.current(context).instance_id
        if not self._registrations.exists(context.session, instance_id):
            column = self._table[ActivityTypeRow.instance_id]
            context.abort(f"{column!r} is {instance_id!r}; expected a registered Instance Id")

    def _check_timeout(self, context: RuleContext) -> None:
        stored, column = self._table.current(context).max_timeout, self._table[ActivityTypeRow.max_timeout]
        if stored and timedelta(seconds=duration_seconds(stored)) > self._longest:
            message = f"{column!r} is {stored!r}, more than {self._longest // timedelta(hours=1):,} hours"
            context.report("max-timeout-unbounded", f"{message}: requests never time out", column)

    def _keep_terms(self, context: RuleContext) -> None:
        """Keep the terms of a deleted activity type for its pending requests."""
        sys_id = context.current["sys_id"]
        waiting = {RequestRow.status: self._pending, RequestRow.activity_type_id: sys_id}
        if self._requests.find(context.session, waiting) is not None:
            terms = {column: context.current[column] for column in self._table.spelling.values()}
            context.session.replace_row(self._deleted.name, {"sys_id": sys_id, **terms})


_SHOWN = 200  # characters of a value in a finding


class RequestRules:
    """The business rules of the request table."""

    def __init__(
        self, tables: AppTables, names: WireNames, registrations: Registrations, activity_types: ActivityTypes
    ) -> None:
        self._table = tables.request
        self._pending = tables.pending
        self._askers = tables.askers
        self._origin = [self._table[each] for each in (RequestRow.instance_id, RequestRow.request_id)]
        self._content = [self._table[each] for each in (RequestRow.activity_type_id, RequestRow.metadata)]
        self._answer = {self._table[each] for each in (RequestRow.status, RequestRow.comment, RequestRow.duration)}
        self._status = self._table[RequestRow.status]
        self._content_is_kept = names.find("rules.approver_changes").value == "decision"
        self._timed_out = names.word("request_status", "timed_out")
        self._repeated_status = names.number("duplicate_request_status")
        self._named = Subject(self._table[RequestRow.instance_id], "registers", SYS_ID)
        self._registrations = registrations
        self._activity_types = activity_types

    def rules(self) -> list[BusinessRule]:
        """Return the rules that check requests and decisions."""
        insert: frozenset[Operation] = frozenset({"insert"})
        update: frozenset[Operation] = frozenset({"update"})
        return [
            BusinessRule("Accept request", self._table.name, "before", insert, self._accept),
            BusinessRule("Admit decision", self._table.name, "before", update, self._check_decision),
            # Last, so that stored rules cannot redirect a decision, either.
            BusinessRule("Keep the origin", self._table.name, "before", update, self._keep_origin, order=math.inf),
        ]

    def decided(self, context: RuleContext) -> RequestRow | None:
        """Return the request that an update decides; None for any other update."""
        if not context.changed(self._status):
            return None
        request = self._table.current(context)
        return None if request.status == self._timed_out else request

    def _accept(self, context: RuleContext) -> None:
        request = self._table.current(context)
        self._check_origin(context, request)
        self._check_content(context, request)
        if request.status not in {"", self._pending}:
            self._refuse(context, RequestRow.status, f"{self._pending!r} for a new request")
        context.current[self._status] = self._pending
        self._check_repetition(context, request)

    def _check_origin(self, context: RuleContext, request: RequestRow) -> None:
        if not self._registrations.exists(context.session, request.instance_id):
            context.session.note_subject(self._named, context.current)
            self._refuse(context, RequestRow.instance_id, "a registered Instance Id")
        terms = self._activity_types.terms(context.session, request.activity_type_id)
        if terms.state != "registered" or terms.instance_id != request.instance_id:
            expected = f"an activity type that instance {request.instance_id!r} has registered"
            self._refuse(context, RequestRow.activity_type_id, expected)

    def _check_content(self, context: RuleContext, request: RequestRow) -> None:
        if not is_guid(request.request_id):
            self._refuse(context, RequestRow.request_id, "a GUID")
        if json_object(request.metadata) is None:
            expected = f"expected one of at most {LONGEST_TEXT:,} characters, written as a string"
            context.abort(f"{self._table[RequestRow.metadata]!r} is not a JSON object; {expected}")

    def _check_repetition(self, context: RuleContext, request: RequestRow) -> None:
        """Answer a repeated request with the existing record; refuse a different one with the same id.

        GUIDs are compared without case, as the platform compares any value.
        """
        column = self._table[RequestRow.request_id]
        same = {name: context.current[name] for name in self._origin}
        context.session.work.transaction.reserve("\n".join((self._table.name, *same.values())).casefold())
        existing = context.session.find_alike(self._table.name, **same)
        if existing is None:
            return
        known = self._table.row(existing)
        if (known.activity_type_id, known.metadata) != (request.activity_type_id, request.metadata):
            context.abort(f"{column!r} {request.request_id!r} was received before with another body")
        if self._repeated_status == HTTPStatus.FORBIDDEN:
            context.abort(f"{column!r} {request.request_id!r} was received before")
        context.answer_with(existing, self._repeated_status)

    def _check_decision(self, context: RuleContext) -> None:
        request, status = self._table.previous(context), context.current[self._status]
        if request is None or self._answer.isdisjoint(context.supplied):
            return  # the update supplies no part of a decision
        if request.status != self._pending:
            context.abort(f"the request is {request.status!r} already; expected one that is {self._pending!r}")
        if status == request.status or (status == self._timed_out and context.session.user.unrestricted):
            return  # the status stays, or the app lets the request time out
        self._check_response(context, request, status)

    def _keep_origin(self, context: RuleContext) -> None:
        """Undo changes of origin and content: the decision is about what was asked, and goes to whoever asked.

        Content is kept only under `approver_changes: decision`; users who may create requests may change it even then.
        """
        user, kept = context.session.user, self._origin
        if self._content_is_kept and not user.unrestricted and not user.has_any(self._askers):
            kept = [*self._origin, *self._content]
        before = {} if context.previous is None else context.previous.values
        for column in kept:
            given, known = context.current[column], before[column]
            if given != known:
                shown, stays = cut(given, _SHOWN), cut(known, _SHOWN)
                message = f"'{column}' is {shown!r}; it stays {stays!r} as the console sent it"
                context.report("origin-kept", message, column)
                context.current[column] = known

    def _check_response(self, context: RuleContext, request: RequestRow, status: str) -> None:
        terms = self._activity_types.terms(context.session, request.activity_type_id)
        if terms.state != "registered":
            self._report_missing(context, request, terms)
        if status not in terms.valid_responses:
            self._refuse(context, RequestRow.status, f"one of {', '.join(terms.valid_responses)}")
        limit = terms.max_timeout
        asked_at = parse_moment(request.created_on)  # clients can empty it
        if limit is not None and asked_at is not None and context.session.kernel.clock.now() - asked_at >= limit:
            context.abort(f"the request timed out after {limit}")

    def _report_missing(self, context: RuleContext, request: RequestRow, terms: Terms) -> None:
        """Report a decision about a request without an existing activity type."""
        column, applied = self._table[RequestRow.activity_type_id], "the terms it had when it was deleted"
        if terms.state == "unknown":
            applied = f"{' and '.join(terms.valid_responses)}, and no max timeout"
        message = (
            f"{column!r} is {request.activity_type_id!r}; expected an activity type that exists: applied {applied}"
        )
        context.report("activity-type-missing", message, column)

    def _refuse(self, context: RuleContext, field: AppColumn, expected: str) -> NoReturn:
        column = self._table[field]
        context.abort(f"{column!r} is {context.current.get(column, '')!r}; expected {expected}")
