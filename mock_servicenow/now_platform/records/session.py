"""What one user does in one transaction."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from functools import cached_property
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.errors import AccessDenied, InvalidTable, QueryForbidden, RecordNotFound
from mock_servicenow.now_platform.query import CompiledQuery, Sight
from mock_servicenow.now_platform.records import access, queries
from mock_servicenow.now_platform.records.display import Displays
from mock_servicenow.now_platform.records.formats import Formats, first_usable
from mock_servicenow.now_platform.records.reader import Reader, Values
from mock_servicenow.now_platform.records.record import Record
from mock_servicenow.now_platform.records.references import References
from mock_servicenow.now_platform.records.writer import Writer
from mock_servicenow.now_platform.users import ADMIN_ROLE, User
from privman_core.findings import Finding

if TYPE_CHECKING:
    from mock_servicenow.now_platform.instance import Instance
    from mock_servicenow.now_platform.storage.transaction import Transaction


@dataclass(slots=True)
class Work:
    """One transaction with what is gathered on the way to its commit.

    Attributes:
        rules: names of the business rules that run at the moment, the outermost first.
        written: the tables written so far.
        after_commit: what to do once it is certain.
        insert_status: what an insert that succeeds is answered with.
        referenced: records that others refer to, by who sees them, table and sys_id, as long as nothing is written.
        entries: entries of journal columns by the record's root table and sys_id, as long as nothing is written.
    """

    transaction: "Transaction"
    findings: list[Finding]
    now: str
    rules: list[str] = field(default_factory=list)
    written: set[str] = field(default_factory=set)
    after_commit: list[Callable[[], None]] = field(default_factory=list)
    insert_status: int = 201
    referenced: dict[Sight, dict[tuple[str, str], Record | None]] = field(default_factory=dict)
    entries: dict[tuple[str, str], list[Values]] = field(default_factory=dict)

    def forget(self) -> None:
        """Forget what was read to be displayed, since something is written."""
        self.referenced.clear()
        self.entries.clear()


class Session:
    """One user in one transaction: the verbs by which records are read and written. Synchronous.

    Attributes:
        user: for whom it acts; his name stands in what is written.
        secure: whether access control holds for the user.
        work: the transaction.
        findings: what was swallowed on the way.
        now: the time of the transaction in UTC form.
        dictionary: the tables of the instance.
        ids: where new identifiers come from.
    """

    def __init__(self, instance: "Instance", work: Work, user: User, *, secure: bool) -> None:
        self.instance = instance
        self.user = user
        self.findings = work.findings
        self.secure = secure
        self.work = work
        self.now = work.now
        self.dictionary = instance.dictionary
        self.ids = instance.ids
        self.reader = Reader(instance.dictionary, instance.store, work.transaction)
        self._elevated: Session | None = None

    @property
    def references(self) -> References:
        """The records that others refer to."""
        return References(self)

    @cached_property
    def _displays(self) -> Displays:
        return Displays(self)

    @cached_property
    def formats(self) -> Formats:
        """How the user reads dates and times."""
        return Formats(
            self.instance.time_zone(self),
            first_usable(self.user.date_format, self.property("glide.sys.date_format"), "yyyy-MM-dd"),
            first_usable(self.user.time_format, self.property("glide.sys.time_format"), "HH:mm:ss"),
        )

    @property
    def time_zone(self) -> tzinfo:
        """The time zone in which the user reads date-times."""
        return self.formats.zone

    @cached_property
    def sight(self) -> Sight:
        """What the user may read; everything for an elevated session."""
        return access.sight(self)

    @property
    def elevated(self) -> "Session":
        """The same user and transaction without access control, as server-side code acts."""
        if self._elevated is None:
            self._elevated = Session(self.instance, self.work, self.user, secure=False) if self.secure else self
        return self._elevated

    def acting_for(self, user: User) -> "Session":
        """Return the same transaction for another user."""
        return Session(self.instance, self.work, user, secure=not user.unrestricted)

    @property
    def of_system(self) -> "Session":
        """The same transaction for the instance itself, without access control."""
        return self.acting_for(self.instance.system)

    def property(self, name: str, default: str = "") -> str:
        """Return a system property's value."""
        return self.instance.property(self, name, default)

    def on_commit(self, call: Callable[[], None]) -> None:
        """Call that after the commit has succeeded; never if it has not."""
        self.work.after_commit.append(call)

    def insert(self, table: str, values: Mapping[str, str], *, system_columns: bool = False) -> Record:
        """Create a record and return it as it is after the business rules.

        Args:
            table: its class.
            values: raw values by column; unknown columns are ignored.
            system_columns: whether sys_created_on and the like are taken from the values.

        Raises:
            InvalidTable: there is no such table.
            OperationFailed: access control, a business rule or the database refuses it.
        """
        self._known(table)
        if self.secure and not access.may_reach(self, table, "create"):
            raise AccessDenied("Insert")
        if self.secure:
            access.check_owner(self, table, values, "Insert")
        record = Writer(self).insert(table, values, system_columns=system_columns)
        if self.secure:
            access.check_created(self, record)
        return self._seen(record)

    def store_rows(self, table: str, rows: Iterable[Mapping[str, str]]) -> None:
        """Store many rows of one class at once, with defaults, but without access control and business rules."""
        Writer(self).store_rows(table, rows)

    def replace_row(self, table: str, row: Mapping[str, str]) -> None:
        """Store a row that is known to be sound, or give the one of its sys_id these values; otherwise as `store_rows`.

        Raises UniqueKeyViolation.
        """
        Writer(self).replace_row(table, row)

    def update(self, table: str, sys_id: str, values: Mapping[str, str], *, system_columns: bool = False) -> Record:
        """Change a record and return it as it is after the business rules; others' changes are never lost.

        Raises:
            InvalidTable: there is no such table.
            RecordNotFound: there is no such record in the table, or the user may not see it.
            OperationFailed: access control, a business rule or the database refuses it.
        """
        previous = self._locked(table, sys_id)
        if self.secure and not access.allowed(self, "write", [previous]):
            raise AccessDenied("Update")
        if self.secure and (changed := _changed(previous, values)):
            access.check_owner(self, previous.table, previous.values, "Update")
            access.check_owner(self, previous.table, changed, "Update")
        return self._seen(Writer(self).update(previous, values, system_columns=system_columns))

    def delete(self, table: str, sys_id: str) -> None:
        """Delete a record.

        Raises:
            InvalidTable: there is no such table.
            RecordNotFound: there is no such record in the table, or the user may not see it.
            OperationFailed: access control or a business rule refuses it.
        """
        previous = self._locked(table, sys_id)
        if self.secure and not access.allowed(self, "delete", [previous]):
            raise AccessDenied("Delete")
        if self.secure:
            access.check_owner(self, previous.table, previous.values, "Delete")
        Writer(self).delete(previous)

    def get(self, table: str, sys_id: str) -> Record | None:
        """Return the record of the table or of a table that extends it; None if the user may not see it either."""
        self._known(table)
        values = self.reader.get(table, sys_id)
        return None if values is None else next(iter(self._all_visible(table, [values])), None)

    def get_many(self, table: str, sys_ids: Iterable[str]) -> dict[str, Record]:
        """Return the records that exist and that the user may see, by sys_id."""
        found = self._all_visible(table, self.reader.get_many(table, sys_ids).values())
        return {record.sys_id: record for record in found}

    def find(self, table: str, **equal: str) -> Record | None:
        """Return a record whose columns have just those values, the earliest one if there are several."""
        return next(iter(self.find_all(table, **equal)), None)

    def find_alike(self, table: str, **equal: str) -> Record | None:
        """Return the earliest record whose columns have those values as queries compare: in capital letters or not."""
        self._known(table)
        return next(iter(self._all_visible(table, self.reader.find(table, equal, most=1, exact=False))), None)

    def find_all(self, table: str, **equal: str) -> list[Record]:
        """Return every record whose columns have just those values, in the order of their insertion."""
        self._known(table)
        return self._all_visible(table, self.reader.find(table, equal))

    def query(self, table: str, encoded: str = "", *, limit: int | None = None, offset: int = 0) -> list[Record]:
        """Return the page of records that an encoded query matches, less those the user may not see."""
        return self.page(table, self.compiled(table, encoded), limit=limit, offset=offset)

    def count(self, table: str, encoded: str = "") -> int:
        """Return how many records an encoded query matches, less those the user may not see."""
        return queries.count(self, table, self.compiled(table, encoded))

    def compiled(self, table: str, encoded: str) -> CompiledQuery:
        """Return a query ready for `page`, as `accept` does; raises InvalidTable, too."""
        self._known(table)
        return self.accept(table, queries.compiled(self, table, encoded))

    def accept(self, table: str, query: CompiledQuery) -> CompiledQuery:
        """Return a query on a table; what of it has no effect, and that it matches unreadable rows, become findings.

        Raises:
            QueryForbidden: it names a column that does not exist or that the user may not read, and the release
                refuses such queries.
        """
        self.findings.extend(query.findings)
        if self._is_held_to_columns() and (query.invalid or query.forbidden):
            raise QueryForbidden
        if queries.matches_unreadable(self, table, query):
            hidden = f"table {table}: rows that the user may not read match the query; they were left out"
            self.findings.append(Finding("swallowed", "rows-unreadable", hidden, "sysparm_query"))
        return query

    def page(self, table: str, query: CompiledQuery, *, limit: int | None, offset: int) -> list[Record]:
        """Return a page of the records that a query matches, less those the user may not see."""
        return [self.record(table, values) for values in queries.page(self, table, query, limit, offset)]

    def beginning(self, table: str, query: CompiledQuery, *, limit: int, offset: int) -> tuple[list[Record], bool]:
        """Return the first records of a page, as many as are read at a time, and whether that is all of it."""
        rows, whole = queries.beginning(self, table, query, limit, offset)
        return [self.record(table, values) for values in rows], whole

    def parts(self, table: str, query: CompiledQuery, *, limit: int, offset: int) -> Iterator[list[Record]]:
        """Yield a page in parts: as much as is read at a time, then one by one, as rows may be long."""
        some, whole = self.beginning(table, query, limit=limit, offset=offset)
        read = len(some)
        yield some
        some.clear()
        left = array("q") if whole else queries.positions(self, table, query, limit - read, offset + read)
        for place in left:
            rows = queries.those(self, table, query, array("q", [place]))
            yield [self.record(table, values) for values in rows or ()]

    def newest(self, table: str, most: int) -> Iterator[list[Record]]:
        """Yield the records that were inserted last, the last one first, in parts."""
        return self.parts(table, self.newest_first(table, self.compiled(table, "")), limit=most, offset=0)

    def newest_first(self, table: str, query: CompiledQuery) -> CompiledQuery:
        """Return the query with the newest records first, unless it says what to sort by."""
        if query.order_by:
            return query
        order = self.instance.store.insertion_order(self.dictionary.sql_table(table))
        return replace(query, order_by=tuple(clause.desc() for clause in order))

    def by_display(self, table: str, text: str) -> str | None:
        """Return the sys_id of the only record with that display value, or user name; None if there is none or more.

        Nothing is displayed by an empty text, though records without a name exist, nor by a table that is closed.
        """
        if not text or table in self.sight.closed:
            return None
        columns = self.dictionary.columns(table)
        names = {self.dictionary.display_column(table), "user_name"} & columns.keys() - self.sight.hidden(table)
        most = 2 if self.sight.opens(table, "read") else None
        rows = [row for name in names for row in self.reader.find(table, {name: text}, most=most)]
        found = {record.sys_id for record in self._all_visible(table, rows)}
        return found.pop() if len(found) == 1 else None

    def display(self, record: Record, column: str) -> str:
        """Return what people read in a column of a record."""
        return self._displays.of(record, column)

    def record(self, table: str, values: Mapping[str, str]) -> Record:
        """Return a row of the table as a record of its class, without what the user may not read in it."""
        name = values.get("sys_class_name") or table
        hidden = self.sight.hidden(name)
        if hidden:
            values = {column: "" if column in hidden else value for column, value in values.items()}
        return Record(self, name, values)

    def _is_held_to_columns(self) -> bool:
        """Return whether the release looks at the columns that this user's queries name (platform 2.6)."""
        reads_everything = not self.secure or ADMIN_ROLE in self.user.roles
        return self.instance.release.invalid_queries_forbidden and not reads_everything

    def _known(self, table: str) -> None:
        if self.dictionary.table(table) is None:
            raise InvalidTable(table)

    def _locked(self, table: str, sys_id: str) -> Record:
        """Return the record with all columns of its class, as it is until this transaction ends."""
        self._known(table)
        self.work.transaction.lock()
        values = self.reader.get(table, sys_id, lock=True)
        if values is None or not self._all_visible(table, [values]):
            raise RecordNotFound
        name = values.get("sys_class_name") or table
        whole = values if name == table else self.reader.get(name, sys_id)
        return Record(self, name, whole or values)

    def _seen(self, written: Record) -> Record:
        """Return what the user may read of a record that he has written."""
        return self.record(written.table, written.values) if self.sight.hidden(written.table) else written

    def _all_visible(self, table: str, rows: Iterable[Values]) -> list[Record]:
        records = [self.record(table, values) for values in rows]
        if not self.secure:
            return records
        closed = self.sight.closed
        reached = [record for record in records if record.table == table or record.table not in closed]
        return access.allowed(self, "read", reached)


def _changed(previous: Record, values: Mapping[str, str]) -> Mapping[str, str]:
    """Return the values as they would be, if some of them differ; else none."""
    differing = {name for name, text in values.items() if previous.values.get(name, text) != text}
    return {**previous.values, **values} if differing else {}
