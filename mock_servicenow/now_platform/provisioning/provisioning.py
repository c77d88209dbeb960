"""The first rows of a new instance, with those that clients' test suites rely on."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from importlib.resources.abc import Traversable
from itertools import chain

import orjson
from msgspec import Struct
from yarl import URL

from mock_servicenow.now_platform.dictionary import dictionary_rows
from mock_servicenow.now_platform.dictionary.access_records import ROLES, access_rows
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.view_records import view_rows
from mock_servicenow.now_platform.errors import TablesChanged, UniqueKeyViolation
from mock_servicenow.now_platform.identity.inherited_roles import inherit_roles
from mock_servicenow.now_platform.provisioning.identified_rows import Rows, identified
from mock_servicenow.now_platform.provisioning.row_files import PlacedRow, Targets, packaged_rows, read_rows
from mock_servicenow.now_platform.provisioning.stored_rows import complete, count_past, to_stored
from mock_servicenow.now_platform.provisioning.xml_import import import_xml
from mock_servicenow.now_platform.provisioning.xml_records import XmlDocument, xml_documents
from mock_servicenow.now_platform.records.intake import COUNTERS, counters
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.unit_of_work import Platform
from mock_servicenow.now_platform.rules.builtin_rules import PROPERTIES, report_misspelt
from mock_servicenow.now_platform.rules.dictionary_rules import DELETED_CHOICES
from mock_servicenow.now_platform.storage.transaction import DuplicateError
from mock_servicenow.now_platform.users import User, hash_password, verify_password
from privman_core.findings import Finding

ADMIN_ID = "6816f79cc0a8016401c5a33be04be441"
ADMIN_ROLE_ID = "2831a114c611228501d4ea6c309d626d"
DEFAULT_NAME = "admin"
DEFAULT_PASSWORD = "admin"  # noqa: S105 - documented, and refused where others could reach it
FIRST_PASSWORDS = "sys_first_password"
"""The stored passwords that a reset gives back to the administrator and the app's users."""
NOTED_PROPERTIES = "sys_noted_property"
_UNSERVED = {"instance_name": "mock", "glide.servlet.uri": ""}
OTHER_ADMINISTRATORS = 12
LOG_ENTRIES = 620
_DICTIONARIES = 4
Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class Administrator:
    """The administrator's user name and password."""

    username: str = DEFAULT_NAME
    password: str = field(default=DEFAULT_PASSWORD, repr=False)


Step = Callable[[Session], None]


class FirstRows(Struct, frozen=True):
    """What a new instance holds besides what ships with the platform.

    Attributes:
        administrator: the only user who can log in, besides those of the app.
        app: the first rows of an app, by table.
        files: files or folders of rows; they change the rows of an existing instance with the same sys_ids.
        tables: as they ship; None if the instance has no others.
    """

    administrator: Administrator
    app: tuple[tuple[str, Values], ...] = ()
    files: tuple[Traversable, ...] = ()
    tables: Dictionary | None = None

    def defaults(self, session: Session, table: str) -> Values:
        """Return the defaults on which rows that ship depend, as far as the instance has others."""
        if self.tables is None or self.tables.table(table) is None:
            return {}
        shipped, scripted = self.tables.new_record(table), session.dictionary.scripted_defaults(table)
        here = session.dictionary.new_record(table)
        return {name: value for name, value in shipped.items() if here[name] != value or name in scripted}

    def named(self, dictionary: Dictionary) -> Iterator[PlacedRow | tuple[str, Values]]:
        """Yield the rows to which those of files may refer by name."""
        yield from ((row.table, row.values) for row in read_rows(packaged_rows(), dictionary))
        yield from _bulk()
        yield "sys_user", _administrator(self.administrator)
        yield from self.app

    def of_files(self, dictionary: Dictionary) -> Iterator[PlacedRow]:
        """Return the rows of the files; raises DictionaryError."""
        return chain.from_iterable(read_rows(file, dictionary) for file in dict.fromkeys(self.files))

    def documents(self) -> list[XmlDocument]:
        """Return the XML files; raises DictionaryError."""
        return [document for file in dict.fromkeys(self.files) for document in xml_documents(file)]


def provision(
    instance: Platform,
    first: FirstRows,
    and_then: Step = lambda _session: None,
    findings: list[Finding] | None = None,
) -> None:
    """Create the tables and the first rows of a new instance, or add what an existing one lacks.

    Args:
        instance: its database is empty, or was provisioned before and keeps its rows.
        first: what a new instance holds; an existing one takes the rows of its files.
        and_then: takes part in the transaction that fills a new instance.
        findings: collects what rows say without effect.

    Raises:
        DictionaryError: a file of rows cannot be used, or has a value that only one row may have.
        StoreError: the database is another program's, or of another version.
    """
    if not instance.store.is_made():
        instance.store.create()
        fill(instance, first, and_then, findings)
        return
    instance.store.complete()
    _complete_dictionary(instance, first)
    _take_in(instance, first, findings)


def retire_default_password(instance: Platform, password: str, users: Iterable[str]) -> None:
    """Give this password to the administrator and the users, by sys_id, where they have the default one.

    It becomes their first password, unless they have one already.
    """
    if password == DEFAULT_PASSWORD:
        return
    with instance.transaction(instance.system) as session:
        for values in session.work.get_many("sys_user", [ADMIN_ID, *users]).values():
            if verify_password(DEFAULT_PASSWORD, values["user_password"]):
                session.replace_row("sys_user", values | {"user_password": hash_password(password, instance.ids)})
        note_first_passwords(session, users)


def note_first_passwords(session: Session, users: Iterable[str]) -> None:
    """Note the passwords of the administrator and the users for `keep_first_passwords`, unless noted before."""
    known = session.work.get_many("sys_user", [ADMIN_ID, *users])
    for sys_id in known.keys() - session.work.get_many(FIRST_PASSWORDS, known).keys():
        session.replace_row(FIRST_PASSWORDS, {"sys_id": sys_id, "stored": known[sys_id]["user_password"]})


def first_passwords(instance: Platform) -> list[Values]:
    """Return the noted rows; empty if the default password is the first one."""
    with instance.transaction(instance.system) as session:
        return [dict(record.values) for record in session.find_all(FIRST_PASSWORDS)]


def keep_first_passwords(session: Session, noted: Iterable[Values]) -> None:
    """Give users the passwords noted before a reset, whatever the settings of the process that resets."""
    for row in noted:
        session.replace_row(FIRST_PASSWORDS, row)
        session.replace_row("sys_user", {"sys_id": row["sys_id"], "user_password": row["stored"]})


def note_address(instance: Platform, url: str) -> None:
    """Give the properties of the instance's address its URL, unless a file or a person has set them otherwise."""
    known = {"glide.servlet.uri": f"{url}/"}
    name, dot, _ = (URL(url).host or "").partition(".")
    if dot and not name.isdigit():
        known["instance_name"] = name
    with instance.transaction(instance.system) as session:
        for name, value in known.items():
            record = session.find(PROPERTIES, name=name)
            if record is not None and record["value"] == _own_value(session, record):
                session.change_row(PROPERTIES, record.sys_id, {"value": value})
                session.replace_row(NOTED_PROPERTIES, {"sys_id": record.sys_id, "stored": value})


def _own_value(session: Session, record: Record) -> str:
    """Return the value that a property of the address has by itself: as it was noted last, or as it ships."""
    noted = session.work.get(NOTED_PROPERTIES, record.sys_id)
    return _UNSERVED[record["name"]] if noted is None else noted["stored"]


def administrator_name(instance: Platform) -> str:
    """Return the administrator's user name; empty if that user was deleted."""
    with instance.transaction(instance.system) as session:
        record = session.get("sys_user", ADMIN_ID)
        return "" if record is None else record["user_name"]


def fill(instance: Platform, first: FirstRows, and_then: Step, findings: list[Finding] | None = None) -> None:
    """Replace all rows with the first ones, in one transaction; raises DictionaryError as `provision` does."""
    while True:  # each attempt begins with the tables as they are by then
        with suppress(TablesChanged):
            return _fill(instance, first, and_then, findings)


def _fill(instance: Platform, first: FirstRows, and_then: Step, findings: list[Finding] | None) -> None:
    """Fill once; raises TablesChanged if the tables have changed while it waited for others who write."""
    dictionary = instance.first.dictionary
    founder = User(ADMIN_ID, first.administrator.username, "System Administrator", unrestricted=True)
    with instance.transaction(founder, findings) as session:
        instance.store.exclude_writers(session.work.transaction, session.work.schema.version)
        instance.store.clear(session.work.transaction, instance.dictionary.sql.names)
        described = _described(dictionary)
        rows = chain(
            first.named(dictionary),
            described,
            instance.release.rows(),
            first.of_files(dictionary),  # last, so that errors name them
        )
        _store_first_rows(session, first, rows)
        import_xml(session, first.documents())
        inherit_roles(session)
        and_then(session.of_system)
        instance.store.note_described(session.work.transaction, _digest(described))
        instance.store.seal(session.work.transaction)


def _take_in(instance: Platform, first: FirstRows, findings: list[Finding] | None) -> None:
    """Insert the rows of files into an existing instance, or give those that it has the files' values."""
    rows = list(first.of_files(instance.dictionary))
    with instance.transaction(instance.system, findings) as session:
        named = list(first.named(instance.first.dictionary)) if rows else []
        found = list(identified(session.dictionary, [*named, *rows]))
        targets = Targets(session.dictionary, found)
        _store_rows_of_files(session, targets, found[len(named) :])
        import_xml(session, first.documents())
        inherit_roles(session)


@contextmanager
def _stored_together(row: PlacedRow) -> Iterator[None]:
    """Raise DictionaryError where a user's row has a value that only one may have, as another one has it, too."""
    try:
        yield
    except (DuplicateError, UniqueKeyViolation) as error:
        raise row.error(f"cannot be stored: {error}") from None


def _complete_dictionary(instance: Platform, first: FirstRows) -> None:
    """Describe tables, columns and choices added or changed since, and give numbered tables their counters.

    Records that somebody has changed or deleted since stay so.
    """
    digest = _digest_of(instance.first.dictionary)
    with instance.transaction(instance.system) as session:
        if instance.store.described(session.work.transaction) == digest:
            return
        counted = {counter["category"].casefold() for counter in session.find_all(COUNTERS)}
        dictionary = instance.first.dictionary
        new = (row for row in counters(dictionary) if row[1]["category"] not in counted)
        described: dict[str, list[Values]] = {}
        roles = {record["name"]: record.sys_id for record in session.find_all(ROLES)}
        rows = identified(session.dictionary, (*_of_tables(dictionary), *access_rows(dictionary, roles), *new))
        for table, row, *_ in rows:
            described.setdefault(table, []).append(row)
        for table, all_rows in described.items():
            # Another record of the hierarchy may have got a row's sys_id since.
            sys_ids = [row["sys_id"] for row in all_rows]
            taken = session.work.get_many(session.dictionary.root(table), sys_ids).keys()
            deleted = session.work.get_many(DELETED_CHOICES, sys_ids).keys()
            known = session.work.get_many(table, taken)
            defaults = first.defaults(session, table)
            session.store_rows(table, [defaults | row for row in all_rows if row["sys_id"] not in taken | deleted])
            for row in all_rows:
                _renew(session, table, row, known.get(row["sys_id"]))
        instance.store.note_described(session.work.transaction, digest)


def generated(dictionary: Dictionary) -> frozenset[str]:
    """Return the tables of which the dictionary makes the records."""
    return frozenset(table for table, _ in _described(dictionary))


def _described(dictionary: Dictionary) -> list[tuple[str, Values]]:
    """Return the records that a dictionary makes: of tables, columns, choices, views, access rules and counters."""
    return [*_of_tables(dictionary), *access_rows(dictionary, {}), *counters(dictionary)]


def _of_tables(dictionary: Dictionary) -> Iterator[tuple[str, Values]]:
    return chain(dictionary_rows.rows(dictionary), view_rows(dictionary))


@lru_cache(_DICTIONARIES)
def _digest_of(dictionary: Dictionary) -> str:
    """Return a digest of the records of a dictionary, so that a start need not compare them all."""
    return _digest(_described(dictionary))


def _digest(described: list[tuple[str, Values]]) -> str:
    return sha256(orjson.dumps(described)).hexdigest()


def _renew(session: Session, table: str, row: Values, known: Values | None) -> None:
    """Give a record of the dictionary that nobody has changed the values that it would have in a new instance."""
    untouched = known is not None and known["sys_mod_count"] == "0" and known.get("sys_class_name") == table
    if known is not None and untouched:
        changes = {name: text for name, text in row.items() if known[name] != text}
        if changes:
            session.change_row(table, row["sys_id"], changes)


def _store_first_rows(session: Session, first: FirstRows, rows: Rows) -> None:
    """Store rows without business rules; a reference may name its target among them, as `Targets` finds it.

    A row of a file may change one that ships, and define tables; those that ship describe the tables as they are.
    """
    found = list(identified(session.dictionary, rows))
    targets = Targets(session.dictionary, found)
    shipped: dict[str, dict[str, PlacedRow]] = {}
    for row in found:
        if row.place is None:
            rows_of_table, sys_id = shipped.setdefault(row.table, {}), row.values["sys_id"]
            known = rows_of_table.get(sys_id)
            rows_of_table[sys_id] = row if known is None else row._replace(values={**known.values, **row.values})
    for table, stored in shipped.items():
        defaults = first.defaults(session, table)
        session.store_rows(table, (defaults | _to_stored(session, targets, row) for row in stored.values()))
    if session.dictionary is session.kernel.first.dictionary:  # tables that records defined go with these
        session.work.describe()
    _store_rows_of_files(session, targets, (row for row in found if row.place is not None))


def _store_rows_of_files(session: Session, targets: Targets, rows: Iterable[PlacedRow]) -> None:
    """Insert the rows, or give those with their sys_ids these values; raises DictionaryError for two of one record."""
    known: dict[tuple[str, str], PlacedRow] = {}
    rows = list(rows)
    count_past(session, ((row.table, row.values["number"]) for row in rows if row.values.get("number")))
    for row in rows:
        sys_id = row.values["sys_id"]
        first = known.setdefault((session.dictionary.root(row.table), sys_id), row)
        if first.values != row.values:
            raise row.error(f"is of the same record as {first.place}, and differs; expected one row of each record")
        values = _to_stored(session, targets, row)
        with _stored_together(row):
            if session.work.get(row.table, sys_id) is not None:
                session.replace_row(row.table, values)
                continue
            complete(session, row.table, values)
            session.store_rows(row.table, [values])
    for row in known.values():
        if row.table == PROPERTIES:
            report_misspelt(session, row.values.get("name", ""))


def _to_stored(session: Session, targets: Targets, row: PlacedRow) -> Values:
    return to_stored(session, row.table, targets.resolved(row))


def _administrator(administrator: Administrator) -> Values:
    return {
        "sys_id": ADMIN_ID,
        "user_name": administrator.username,
        "user_password": administrator.password,
        "name": "System Administrator",
        "first_name": "System",
        "last_name": "Administrator",
        "email": "admin@example.com",
        "department": "a581ab703710200044e0bfc8bcbe5de8",
    }


def _bulk() -> Iterator[tuple[str, Values]]:
    for number in range(1, OTHER_ADMINISTRATORS + 1):
        name = f"admin.{number:02d}"
        yield "sys_user", {"user_name": name, "name": f"Administrator {number:02d}", "email": f"{name}@example.com"}
        yield "sys_user_has_role", {"user": name, "role": ADMIN_ROLE_ID}
    for number in range(1, LOG_ENTRIES + 1):
        yield "syslog", {"level": "0", "source": "worker", "message": f"Completed: scheduled job {number:04d}"}
