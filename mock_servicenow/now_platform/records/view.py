"""What one user can read in one transaction: records by id, by value or by encoded query, and whether access allows it.

Access control is the `Sight` with which queries compile; here the same rules meet single records.
"""

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.errors import (
    AccessDenied,
    ApiAccessDenied,
    InvalidQuery,
    QueryForbidden,
    RecordNotFound,
)
from mock_servicenow.now_platform.query import (
    CompiledQuery,
    Query,
    QueryContext,
    RecordChange,
    Scope,
    Sight,
    compile_condition,
    compile_query,
    permission,
    scope_of,
)
from mock_servicenow.now_platform.query.operators import EQUALS
from mock_servicenow.now_platform.query.script_calls import RefusedScriptError, evaluate
from mock_servicenow.now_platform.query.sight import DEPENDENT, OWNED
from mock_servicenow.now_platform.query.syntax import Condition
from mock_servicenow.now_platform.records.display_formats import Formats, first_usable
from mock_servicenow.now_platform.records.kernel import Fact, Kernel, Schema, Subject
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Record, Values, Work
from mock_servicenow.now_platform.users import ADMIN_ROLE, GUEST, User
from privman_core.findings import MOST_IDS, Finding, Findings
from privman_core.ids import Ids
from privman_core.inputs import quoted

MEGABYTE = 1024 * 1024
PUBLIC = "sys_public"
"""The tables that are read without credentials."""
_TABLES = "sys_db_object"
_PROPERTIES = Fact("system properties", "sys_properties")
_SIGHTS = Fact("sights by roles", _TABLES, PUBLIC)
_ZONE = Property("glide.sys.default.tz", "UTC")
_DATE_FORMAT, _TIME_FORMAT = Property("glide.sys.date_format"), Property("glide.sys.time_format")
_NO_ROWS = Property("glide.invalid_query.returns_no_rows", "false")
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)


class View:
    """The records of an instance as one user sees them in one transaction. Synchronous.

    Attributes:
        kernel: the parts that all sessions share.
        work: the transaction, with its rows, without access control.
        user: the acting user.
        secure: whether access control limits the user.
        findings: what was swallowed so far.
        schema: the tables of the instance, and everything worked out from them.
        dictionary: the tables of the instance.
        ids: the source of new identifiers.
    """

    kernel: Kernel
    work: Work
    user: User
    secure: bool
    findings: list[Finding]
    schema: Schema
    dictionary: Dictionary
    ids: Ids

    @property
    def now(self) -> str:
        """The time of the transaction in stored form."""
        return self.work.now

    @cached_property
    def sight(self) -> Sight:
        """What the user may read; everything without access control."""
        if not self.secure:
            return self.schema.queries.everything
        key = self.user.roles, self.user is GUEST
        return self.kernel.cache.get(_SIGHTS, key, self._find_sight)

    @cached_property
    def formats(self) -> Formats:
        """How the user reads dates and times."""
        return Formats(
            _zone(self.user.time_zone or self.system_property(_ZONE)),
            first_usable(self.user.date_format, self.system_property(_DATE_FORMAT), "yyyy-MM-dd"),
            first_usable(self.user.time_format, self.system_property(_TIME_FORMAT), "HH:mm:ss"),
        )

    def system_property(self, asked: Property) -> str:
        """Return the value of a system property."""
        properties = self.kernel.cache.get(_PROPERTIES, "", self._system_properties)
        return properties.get(asked.name, asked.usual)

    def is_on(self, asked: Property) -> bool:
        """Return whether a system property is true."""
        return self.system_property(asked).lower() == "true"

    def megabytes(self, asked: Property) -> int:
        """Return a system property that counts megabytes, in bytes; its usual value if it is not a whole number."""
        number = self.system_property(asked)
        return int(number if _WHOLE.fullmatch(number) else asked.usual) * MEGABYTE

    # Records by id and by value

    def get(self, table: str, sys_id: str) -> Record | None:
        """Return the record of the table or of one that extends it; None if the user may see none.

        Raises InvalidTable.
        """
        values = self.work.get(table, sys_id)
        if values is None:
            return None
        if self.secure and (subject := self.kernel.subjects.get(table)):
            self.note_subject(subject, values)
        record = self.record(table, values)
        return record if not self.secure or self._may_read(table, record) else None

    def note_subject(self, subject: Subject, values: Mapping[str, str]) -> None:
        """Note what the exchange belongs to, which reads or writes a record."""
        known: tuple[str, ...] = getattr(self.findings, subject.kind, ())
        given = values[subject.column].lower()
        if isinstance(self.findings, Findings) and given not in known[:MOST_IDS] and subject.form.fullmatch(given):
            setattr(self.findings, subject.kind, (*known, given))

    def get_many(self, table: str, sys_ids: Iterable[str]) -> dict[str, Record]:
        """Return the records that exist and that the user may see, by sys_id."""
        found = self._visible(table, self.work.get_many(table, sys_ids).values())
        return {record.sys_id: record for record in found}

    def find(self, table: str, **equal: str) -> Record | None:
        """Return the earliest record whose columns have exactly those values."""
        return next(iter(self.find_all(table, **equal)), None)

    def find_alike(self, table: str, **equal: str) -> Record | None:
        """Return the earliest record whose columns have those values, ignoring case as queries do."""
        self.check_table(table)
        return next(iter(self._visible(table, self.work.find(table, equal, most=1, exact=False))), None)

    def find_all(self, table: str, **equal: str) -> list[Record]:
        """Return every record whose columns have exactly those values, in order of insertion."""
        self.check_table(table)
        return self._visible(table, self.work.find(table, equal))

    def by_display(self, table: str, text: str) -> str | None:
        """Return the sys_id of the only record with that display value or user name; None if there is none or several.

        One in other capital letters counts if none is the same. An empty text names no record, although records without
        a name exist, and a closed table has no names.
        """
        if not text or table in self.sight.closed:
            return None
        found = self._named(table, text, exact=True) or self._named(table, text, exact=False)
        return found.pop() if len(found) == 1 else None

    def _named(self, table: str, text: str, *, exact: bool) -> set[str]:
        """Return the sys_ids of at least two of the records of that name, as far as there are two."""
        columns = self.dictionary.columns(table)
        names = {self.dictionary.display_column(table), "user_name"} & columns.keys() - self.sight.hidden(table)
        most = 2 if self.sight.opens(table, "read") else None
        rows = [row for name in names for row in self.work.find(table, {name: text}, most=most, exact=exact)]
        return {record.sys_id for record in self._visible(table, rows)}

    def record(self, table: str, values: Mapping[str, str]) -> Record:
        """Return a row of the table as a record of its class; columns that the user may not read are empty."""
        name = values.get("sys_class_name") or table
        hidden = self.sight.hidden(name)
        if hidden:
            values = {column: "" if column in hidden else value for column, value in values.items()}
        return Record(name, values)

    def check_table(self, table: str) -> None:
        """Raise InvalidTable if there is no such table."""
        self.schema.plans[table]  # looking it up raises

    # Encoded queries

    @cached_property
    def query_context(self) -> QueryContext:
        """The user and the moment that queries refer to."""
        return QueryContext(
            now=datetime.fromisoformat(self.now).replace(tzinfo=UTC),
            user_id=self.user.sys_id,
            user_name=self.user.user_name,
            timezone=self.formats.zone,
            invalid_returns_no_rows=self.is_on(_NO_ROWS),
        )

    @property
    def scope(self) -> Scope:
        """The tables as the user sees them, for SQL that comes from no encoded query."""
        return scope_of(self.sight, self.query_context)

    def query(self, table: str, encoded: str = "", *, limit: int | None = None, offset: int = 0) -> list[Record]:
        """Return the page of records that an encoded query matches and the user may see."""
        return self.page(table, self.compiled(table, encoded), limit=limit, offset=offset)

    def count(self, table: str, encoded: str = "") -> int:
        """Return how many records an encoded query matches that the user may see."""
        return self.work.count(table, self.compiled(table, encoded))

    def compiled(self, table: str, encoded: str, *, strict: bool = False) -> CompiledQuery:
        """Return a query ready for `page`, as `accept` does; raises InvalidTable, too."""
        self.check_table(table)
        kernel = self.kernel
        query = self.schema.queries.compile(encoded, table, self.sight, self.query_context, kernel.store.end_brief)
        return self.accept(table, query, strict=strict)

    def equal_query(self, table: str, pairs: Iterable[tuple[str, str]]) -> CompiledQuery:
        """Return a query for records whose columns have these values; neither is read as query syntax."""
        conditions = [Condition(f"{name}={value}", tuple(name.split(".")), EQUALS, value) for name, value in pairs]
        query = Query(groups=(tuple((condition,) for condition in conditions),))
        return compile_query(query, table, self.sight, self.query_context)

    def accept(self, table: str, query: CompiledQuery, *, strict: bool = False) -> CompiledQuery:
        """Return a query on a table; its parts without effect, and unreadable rows that it matches, become findings.

        A query that selects records to change or delete must be ``strict``: without one part it would select others.

        Raises:
            InvalidQuery: it is strict, a part of it has no effect, and the instance does not answer that with no rows.
            QueryForbidden: access rules for queries keep the user from a part of it; or it names a column that the user
                may not read, and the release refuses such queries.
        """
        forbidden = query.barred or (query.forbidden and self._is_held_to_columns())
        if strict and query.dropped and not forbidden and not self._returns_no_rows(query):
            raise InvalidQuery(query.dropped)
        self.findings.extend(query.findings)
        if forbidden:
            raise QueryForbidden
        if self.work.matches_unreadable(table, query):
            hidden = f"table {table}: rows that the user may not read match the query; they were left out"
            self.findings.append(Finding("swallowed", "rows-unreadable", hidden, "sysparm_query"))
        return query

    def _returns_no_rows(self, query: CompiledQuery) -> bool:
        return query.invalid and self.query_context.invalid_returns_no_rows

    def page(self, table: str, query: CompiledQuery, *, limit: int | None, offset: int) -> list[Record]:
        """Return a page of the records that a query matches and the user may see."""
        return [self.record(table, values) for values in self.work.page(table, query, limit, offset)]

    def beginning(self, table: str, query: CompiledQuery, *, limit: int, offset: int) -> tuple[list[Record], bool]:
        """Return the first records of a page, as many as are read at a time, and whether that is all of it."""
        rows, whole = self.work.beginning(table, query, limit, offset)
        return [self.record(table, values) for values in rows], whole

    def parts(self, table: str, query: CompiledQuery, *, limit: int, offset: int) -> Iterator[list[Record]]:
        """Yield a page in parts: as much as is read at a time, then one by one, as rows may be long."""
        some, whole = self.beginning(table, query, limit=limit, offset=offset)
        read = len(some)
        yield some
        some.clear()
        left = array("q") if whole else self.work.positions(table, query, limit - read, offset + read)
        for place in left:
            rows = self.work.at_positions(table, query, array("q", [place]))
            yield [self.record(table, values) for values in rows or ()]

    def newest(self, table: str, most: int, encoded: str = "") -> Iterator[list[Record]]:
        """Yield the records that an encoded query matches and that were inserted last, the last one first, in parts."""
        return self.parts(table, self.newest_first(table, self.compiled(table, encoded)), limit=most, offset=0)

    def newest_first(self, table: str, query: CompiledQuery) -> CompiledQuery:
        """Return the query with the newest records first, unless it has an order."""
        if query.order_by:
            return query
        order = self.kernel.store.insertion_order(self.dictionary.sql_table(table))
        return replace(query, order_by=tuple(clause.desc() for clause in order), newest_first=True)

    def counted(self, table: str, query: CompiledQuery, most: int) -> tuple[CompiledQuery, int]:
        """Return a query that is read faster if it matches many rows, and how many it matches, at most that many."""
        count = self.work.count_some(table, query, most)
        return replace(query, is_dense=count == most), count

    # Conditions and values of rules

    def would_match(self, encoded: str, change: RecordChange) -> bool | None:
        """Return whether a record, as it would be after a write, meets a condition; None if it cannot be evaluated."""
        condition = self._condition(encoded, change)
        if condition.invalid:
            return None
        return bool(self.work.evaluate(condition.where))

    def unknown_terms(self, table: str, encoded: str) -> tuple[Finding, ...]:
        """Return why a condition on records of a table cannot be evaluated; empty if it can."""
        condition = self._condition(encoded, RecordChange(table, {}))
        return condition.findings if condition.invalid else ()

    def evaluated(self, value: str) -> str | None:
        """Return a value as a rule sets it: as written, or the result of its script call; None if that is unknown."""
        try:
            return evaluate(value, self.query_context)
        except RefusedScriptError:
            return None

    # Access

    def may(self, operation: str, table: str) -> bool:
        """Return whether the user may do that to at least some records of the table."""
        return self.sight.conditions(table, operation) != ()

    def check_reach(self, table: str) -> None:
        """Check that the user reaches a table over REST.

        Raises:
            InvalidTable: there is no such table.
            ApiAccessDenied: it is closed to web services, by its definition or its record, or to the user altogether.
        """
        _ = self.schema.plans[table]  # raises InvalidTable
        if table in self.sight.closed:
            raise ApiAccessDenied().because(f"web services do not open {table}")
        if not self.sight.serves(table):
            raise ApiAccessDenied().because(self.denial("read", table))

    def denial(self, operation: str, table: str) -> str:
        """Return why access rules do not let the user do that: the role that is lacking, or what they depend on."""
        if self.dictionary.table(table) is None:
            return f"there is no table {quoted(table)}"
        user, rules = repr(self.user.user_name), f"the access rules for {operation} on {table}"
        if roles := self.sight.demanded(table, operation):
            return f"{rules} demand the role {' or '.join(roles)}, which {user} lacks"
        if conditions := self.sight.conditions(table, operation):
            return f"{rules} let {user} do that only where {' or '.join(conditions)}"
        return f"{rules} do not let {user} do that to this record"

    def not_found(self, table: str, sys_id: str) -> RecordNotFound:
        """Return the error for a record that the user does not see, with whether it exists."""
        gone = self.work.get(table, sys_id) is None
        return RecordNotFound().because("there is no such record" if gone else self.denial("read", table))

    def allowed(self, operation: str, records: list[Record]) -> list[Record]:
        """Return those of the records to which the user may do that, in their order.

        Attachments and journal entries belong to a record: reading them takes read access to it, changing them write
        access.
        """
        if all(self._is_open(record.table, operation) for record in records):
            return records
        by_class: dict[str, set[str]] = {}
        for record in records:
            by_class.setdefault(record.table, set()).add(record.sys_id)
        ids = {each for table, ids in by_class.items() for each in self._permitted(operation, table, ids)}
        return [record for record in records if record.sys_id in ids]

    def check_owner(self, table: str, values: Mapping[str, str], operation: str) -> None:
        """Raise AccessDenied if a row belongs to a record, or a column of one, that the user may not change.

        Args:
            table: the row's table.
            values: the row.
            operation: ``Insert``, ``Update`` or ``Delete``, for the error.
        """
        owner = OWNED.get(table)
        if owner is None or self.sight.is_admin or {owner.key, owner.named}.isdisjoint(values):
            return
        name = owner.table or values.get(owner.named, "")
        known = self.dictionary.table(name) is not None and name not in self.sight.closed
        record = self.get(name, values.get(owner.key, "")) if known else None
        if record is None or not self.allowed("write", [record]):
            raise AccessDenied(operation).because(self.denial("write", name))
        if (element := values.get(owner.element, "")) in self.sight.locked(record.table):
            raise AccessDenied(operation).because(
                f"{self.user.user_name!r} may not write {element!r} of {record.table}"
            )

    def check_created(self, record: Record) -> None:
        """Raise AccessDenied unless a rule lets the user create the record that they have just inserted."""
        if not self._permitted("create", record.table, [record.sys_id]):
            raise AccessDenied("Insert").because(self.denial("create", record.table))

    def _permitted(self, operation: str, table: str, sys_ids: Iterable[str]) -> set[str]:
        return self.work.matching_ids(table, permission(table, operation, self.sight, self.query_context), sys_ids)

    def _is_open(self, table: str, operation: str) -> bool:
        sight = self.sight
        if sight.conditions(table, operation) is not None:
            return False
        return table not in DEPENDENT or sight.everything or not sight.depends(table)

    def _visible(self, table: str, rows: Iterable[Values]) -> list[Record]:
        records = [self.record(table, values) for values in rows]
        if not self.secure:
            return records
        closed = self.sight.closed
        reached = [record for record in records if record.table == table or record.table not in closed]
        return self.allowed("read", reached)

    def _may_read(self, table: str, record: Record) -> bool:
        if record.table != table and record.table in self.sight.closed:
            return False
        return self.sight.reads_all(record.table) or bool(self.allowed("read", [record]))

    def _is_held_to_columns(self) -> bool:
        """Return whether the release refuses queries of columns that this user may not read."""
        reads_everything = not self.secure or ADMIN_ROLE in self.user.roles
        return self.kernel.release.query_acls and not reads_everything

    def _condition(self, encoded: str, change: RecordChange) -> CompiledQuery:
        queries = self.schema.queries
        return compile_condition(queries.parser.parse(encoded), change, queries.stored, self.query_context)

    def _system_properties(self) -> dict[str, str]:
        return {row["name"]: row["value"] for row in self.work.find("sys_properties", {})}

    def _find_sight(self) -> Sight:
        """Return the sight of the user's roles without the tables that web services do not open.

        Their definition or record says so; for a guest they are all but the public ones.
        """
        switched_off = self.work.find(_TABLES, {"ws_access": "false"})
        closed = self.schema.queries.closed | {row["name"] for row in switched_off}
        return self.schema.queries.sight(self.user.roles, closed | self._not_public() if self.user is GUEST else closed)

    def _not_public(self) -> frozenset[str]:
        """Return the tables that are not public and extend none that is."""
        public = {row["page"] for row in self.work.find(PUBLIC, {"active": "true"})}
        lineage = self.dictionary.lineage
        return frozenset(table.name for table in self.dictionary if public.isdisjoint(lineage(table.name)))


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the last for a folder, or a long name
        return UTC
