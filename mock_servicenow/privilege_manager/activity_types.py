"""Activity types: the kinds of request that a console has declared, and their valid responses."""

from datetime import timedelta

from mock_servicenow.now_platform.dictionary.values import duration_seconds
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext, Session
from mock_servicenow.privilege_manager.registration import Registrations
from mock_servicenow.privilege_manager.tables import AppTables
from privman_contracts.wire_names import WireNames

_ALL = 2**31 - 1
MOST_RESPONSES = 100
"""Valid responses of an activity type that count, the first ones: a form has a button for each (I)."""


class ActivityTypes:
    """The activity type records, and the terms of those that were deleted while requests were pending."""

    def __init__(self, tables: AppTables, names: WireNames, registrations: Registrations) -> None:
        self._table = tables.activity_type
        self._deleted = tables.deleted_type
        self._request = tables.request
        self._pending = tables.pending
        self._usual_responses = [names.word("response", "approve"), names.word("response", "deny")]
        self._longest = timedelta(hours=names.number("longest_timeout"))
        self._registrations = registrations

    def rules(self) -> list[BusinessRule]:
        """Return the rules that tie every activity type to a registration and report a max timeout that never ends."""
        written: frozenset[Operation] = frozenset({"insert", "update"})
        return [
            BusinessRule("Registered instance only", self._table.name, "before", written, self._check_instance),
            BusinessRule("Bound the max timeout", self._table.name, "after", written, self._check_timeout),
            BusinessRule("Keep the terms", self._table.name, "after", frozenset({"delete"}), self._keep_terms),
        ]

    def ids(self, session: Session) -> list[str]:
        """Return the sys_ids of all activity types, then of those deleted ones whose terms pending requests keep."""
        tables = (self._table.name, self._deleted.name)
        return [each for name in tables for each in session.reader.sys_ids(name, session.compiled(name, ""), _ALL, 0)]

    def registered(self, session: Session, activity_type_id: str) -> Record | None:
        """Return the activity type with this sys_id, under which a request may be made."""
        return session.get(self._table.name, activity_type_id) if activity_type_id else None

    def find(self, session: Session, activity_type_id: str) -> Record | None:
        """Return the activity type with this sys_id, or the terms of one that was deleted while requests waited."""
        known = self.registered(session, activity_type_id)
        return known or (session.get(self._deleted.name, activity_type_id) if activity_type_id else None)

    def is_deleted(self, activity_type: Record) -> bool:
        """Tell whether only its terms are left."""
        return activity_type.table == self._deleted.name

    def instance_id(self, activity_type: Record) -> str:
        """Return the Instance Id of the console that declared it."""
        return activity_type[self._table["instance_id"]]

    def valid_responses(self, activity_type: Record | None) -> list[str]:
        """Return the responses that may be given, in their order; those of the documentation if it is not known."""
        if activity_type is None:
            return self._usual_responses
        listed = activity_type[self._table["valid_responses"]].split(",", MOST_RESPONSES)[:MOST_RESPONSES]
        return [response.strip() for response in listed if response.strip()]

    def max_timeout(self, activity_type: Record | None) -> timedelta | None:
        """Return how long a request may wait for its decision; None for ever, as by the rule ``longest_timeout``."""
        stored = "" if activity_type is None else activity_type[self._table["max_timeout"]]
        limit = timedelta(seconds=max(0, duration_seconds(stored))) if stored else None
        return limit if limit is None or limit <= self._longest else None

    def includes(self, activity_type: Record | None, column: str) -> bool:
        """Tell whether decisions carry ``comment`` or ``duration``."""
        return activity_type is not None and activity_type[self._table[f"include_{column}"]] == "true"

    def _check_instance(self, context: RuleContext) -> None:
        instance_id = context.current.get(self._table["instance_id"], "")
        if not self._registrations.exists(context.session, instance_id):
            context.abort(f"'{self._table['instance_id']}' is {instance_id!r}; expected a registered Instance Id")

    def _check_timeout(self, context: RuleContext) -> None:
        stored = context.current[self._table["max_timeout"]]
        if stored and timedelta(seconds=duration_seconds(stored)) > self._longest:
            message = (
                f"'{self._table['max_timeout']}' is {stored!r}, more than {self._longest // timedelta(hours=1):,} hours"
            )
            context.report("max-timeout-unbounded", f"{message}: requests never time out", self._table["max_timeout"])

    def _keep_terms(self, context: RuleContext) -> None:
        """Let pending requests be decided, and time out, by the terms that they were made under."""
        sys_id = context.current["sys_id"]
        waiting = {self._request["status"]: self._pending, self._request["activity_type_id"]: sys_id}
        if context.session.find(self._request.name, **waiting) is not None:
            terms = {column: context.current[column] for column in self._table.columns.values()}
            context.session.replace_row(self._deleted.name, {"sys_id": sys_id, **terms})
