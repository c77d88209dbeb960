"""The import of XML documents: tables, columns and choices first, then records, all in one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import orjson

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.dictionary_rows import CHOICES, COLUMNS, TABLES, seed_id
from mock_servicenow.now_platform.dictionary.values import is_storable, is_sys_id
from mock_servicenow.now_platform.errors import InvalidQuery, OperationFailed, RecordNotFound, UniqueKeyViolation
from mock_servicenow.now_platform.provisioning.stored_rows import complete, to_stored
from mock_servicenow.now_platform.provisioning.xml_records import UPDATE, UPSERT, Values, XmlDocument, XmlRecord
from mock_servicenow.now_platform.records.schema_changes import with_defined_tables
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rules.stored_rules import why_not_run
from mock_servicenow.now_platform.storage.transaction import DuplicateError
from privman_core.cuts import cut
from privman_core.findings import Finding
from privman_core.inputs import quoted
from privman_core.near_words import hint

Key = tuple[str, ...]
DELETE_MULTIPLE = "delete_multiple"
_OF_QUERY = 50
"""A record that deletes by a query counts as many: compiling a query takes that long."""
MOST_DEFINITIONS = 30_000
"""Records of `_DEFINITIONS` in all documents: as many as act."""
_DEFINITIONS = (TABLES, COLUMNS, CHOICES)
_KEYS: Mapping[str, tuple[str, ...]] = {
    TABLES: ("name",),
    COLUMNS: ("name", "element"),
    CHOICES: ("name", "element", "value", "language"),
    "sys_properties": ("name",),
    "sys_user_role": ("name",),
    "sys_user_group": ("name",),
    "sys_user": ("user_name",),
    "sys_number": ("category",),
    "oauth_entity": ("client_id",),
}
"""The columns by which a record of another instance is one that is here already, whatever their sys_ids."""
_UPDATE_SETS = frozenset({"sys_remote_update_set", "sys_update_set"})
_BATCHED = (("sys_id", "parent"), ("remote_sys_id", "remote_parent_id"))
"""The columns that identify an update set, each with the one that names that of the set whose batch it is in."""
_SUBJECTS = {TABLES: "table", COLUMNS: "column", CHOICES: "choices"}
"""The word with which a finding about a definition begins."""
_LABELS = "sys_documentation"
_LABELLED = {TABLES: "label", COLUMNS: "column_label"}
_ENVELOPE = _UPDATE_SETS | {UPDATE, "sys_choice_set", "sys_update_version", _LABELS}
"""Tables of records about updates, and of labels; what these contain is imported."""
_OF_CUSTOMERS = ("u_", "x_")
_OF_PLATFORM = "sys_"
_LONGEST_LIST = 600


def import_xml(session: Session, documents: Sequence[XmlDocument], most: int | None = None) -> None:
    """Import documents, in order and without business rules; what has no effect becomes findings.

    Args:
        session: begins no transaction of its own.
        documents: what is imported.
        most: records that the documents may hold; as many as they like if None.

    Raises:
        DictionaryError: a document or a record cannot be used; the message names file and line. The transaction must
            then be undone.
    """
    if documents:
        session.work.transaction.lock()
        _Import(session, documents, most).run()


class _Import:
    def __init__(self, session: Session, documents: Sequence[XmlDocument], most: int | None) -> None:
        self._most = most
        self._session = session
        self._documents = documents
        self._here: dict[str, str] = {}  # sys_ids of documents, with those that the records have here
        self._known: dict[Key, str] = {}  # sys_ids here, by table and key
        self._labels: dict[tuple[str, str], str] = {}  # by table and column, which is empty for the table's own
        self._lacking: dict[str, dict[str, None]] = {}  # columns with values, by table
        self._secrets: dict[str, dict[str, None]] = {}  # the same

    def run(self) -> None:
        definitions, tables = self._look_through()
        for record in definitions:
            self._take(self._labelled(self._with_parent(record, tables)))
        self._define(definitions)
        for record in self._records():
            if record.table not in _DEFINITIONS:
                self._take(record)
        for table, columns in self._lacking.items():
            names = cut(", ".join(columns), _LONGEST_LIST)
            self._report("column-ignored", f"table {table} lacks columns, whose values were left out: {names}")
        for table, columns in self._secrets.items():
            why = "only the instance that they are from can read them"
            self._report("value-ignored", f"table {table}: secrets were left out: {', '.join(columns)}: {why}")

    def _define(self, definitions: Sequence[XmlRecord]) -> None:
        """Let the records define tables; findings about them get the place of the record."""
        findings = self._session.findings
        before = len(findings)
        self._session = with_defined_tables(self._session)
        places = {_defined(record): record.place for record in reversed(definitions)}
        for index in range(before, len(findings)):
            subject, _, rest = findings[index].message.removeprefix("dictionary: ").partition("'")
            place = places.get((subject.split(" ")[0], rest.partition("'")[0]), "")
            findings[index] = replace(findings[index], where=str(place))

    def _records(self) -> Iterator[XmlRecord]:
        for document in self._documents:
            yield from document.records()

    # Before anything is stored

    def _look_through(self) -> tuple[list[XmlRecord], dict[str, str]]:
        """Return the records that define tables, and the names of tables by their sys_ids in the documents.

        Notes which records are here under other sys_ids. Raises DictionaryError for a circle of update sets or tables,
        and for a column of two types.
        """
        definitions: list[XmlRecord] = []
        types: dict[tuple[str, str], XmlRecord] = {}
        tables: dict[str, str] = {}
        update_sets: list[XmlRecord] = []
        keyed: list[tuple[Key, str]] = []  # with the sys_ids in the documents
        weight = 0
        for record in self._records():
            sys_id = record.values.get("sys_id", "")
            if known_by := _key_of(record.table, record.values):
                keyed.append((known_by, sys_id))
            weight += _OF_QUERY if record.action == DELETE_MULTIPLE else 1
            if self._most is not None and weight > self._most:
                raise record.error(self._too_many())
            if record.table == _LABELS and record.values.get("language", "en") == "en":
                key = record.values.get("name", ""), record.values.get("element", "")
                self._labels[key] = record.values.get("label", "")
            if record.table == TABLES:
                tables[sys_id] = record.values.get("name", "")
            _check_type(record, types)
            if record.table in _UPDATE_SETS:
                update_sets.append(record)
            if record.table in _DEFINITIONS:
                definitions.append(record)
            if len(definitions) > MOST_DEFINITIONS:
                raise record.error(
                    f"is one more than {MOST_DEFINITIONS:,} records that define tables, columns and choices"
                )
        self._note_here(keyed)
        for identity, parent in _BATCHED:
            _check_batches({record.values.get(identity, ""): record for record in update_sets}, parent)
        _check_tables([record for record in definitions if record.table == TABLES], tables)
        return definitions, tables

    def _too_many(self) -> str:
        return (
            f"is beyond what one upload may hold, {self._most:,} records (one of {DELETE_MULTIPLE} counts as "
            f"{_OF_QUERY}); expected a smaller file, or a start with --data"
        )

    def _note_here(self, keyed: Sequence[tuple[Key, str]]) -> None:
        """Note the records here that have one of the keys, in a few statements."""
        named: dict[str, set[str]] = {}
        for (table, name, *_), _sys_id in keyed:
            named.setdefault(table, set()).add(name)
        for table, names in named.items():
            for row in self._session.work.with_values(table, _KEYS[table][0], names):
                self._known.setdefault(_key_of(table, row), row["sys_id"])
        for key, sys_id in keyed:
            known = self._known.get(key)
            if known and is_sys_id(sys_id) and known != sys_id and self._session.work.get(key[0], sys_id) is None:
                self._here[sys_id] = known

    def _with_parent(self, record: XmlRecord, tables: Mapping[str, str]) -> XmlRecord:
        """Return the record of a table with the sys_id here of the table that it extends.

        A document may have the parent, or no more than its label.
        """
        parent = record.values.get("super_class", "")
        if record.table != TABLES or not parent:
            return record
        name = tables.get(parent, "") or record.names.get("super_class", "")
        found = next((self._table_named(each) for each in (name, parent) if each), "")
        return record._replace(values={**record.values, "super_class": found or parent})

    def _labelled(self, record: XmlRecord) -> XmlRecord:
        """Return the record of a table or a column with the label that the documents have elsewhere."""
        column = _LABELLED.get(record.table, "")
        label = self._labels.get((record.values.get("name", ""), record.values.get("element", "")), "")
        if not column or not label or record.values.get(column):
            return record
        return record._replace(values={**record.values, column: label})

    def _table_named(self, name: str) -> str:
        work = self._session.work
        rows = [row for key in ("name", "label") for row in work.find(TABLES, {key: name}, most=1)]
        return rows[0]["sys_id"] if rows else ""

    # Records

    def _take(self, record: XmlRecord) -> None:
        if not self._is_stored(record):
            return
        if record.action == DELETE_MULTIPLE and not record.query:
            self._report("record-ignored", f"{record.table}: nothing was deleted: it has no query", record)
        elif record.action == DELETE_MULTIPLE:
            self._delete_multiple(record)
        elif record.action == "DELETE":
            self._delete(record.table, self._sys_id(record), record)
        else:
            self._store(record)

    def _is_stored(self, record: XmlRecord) -> bool:
        """Return whether there is such a table; raises DictionaryError unless the record may be left out."""
        dictionary = self._session.dictionary
        table = dictionary.table(record.table)
        if dictionary.is_view(record.table):
            raise record.error("is of a database view, which has no records of its own")
        if table is not None and table.web_service_access:
            return True
        if record.table in _ENVELOPE:
            return False
        configures = record.of_update_set and not record.table.startswith(_OF_CUSTOMERS)
        if configures or record.table.startswith(_OF_PLATFORM):
            if record.action != DELETE_MULTIPLE:
                self._report("record-ignored", f"{record.shown} was left out: there is no such table here", record)
            return False
        known = [each.name for each in dictionary]
        near = hint(record.table, known, len(known))
        raise record.place.error(f"table {quoted(record.table)}{near} is not defined")

    def _store(self, record: XmlRecord) -> None:
        session, table = self._session, self._class(record)
        values = self._values(table, record) | {"sys_id": self._sys_id(record)}
        self._report_scripts(table, record, values)
        values = to_stored(session, table, values)
        try:
            known = session.work.get(table, values["sys_id"])
            if key := _key_of(record.table, record.values):
                self._known[key] = values["sys_id"]
            if known is not None:
                changes = {name: text for name, text in values.items() if text != known[name]}
                if changes:
                    session.change_row(table, values["sys_id"], changes)
                return
            complete(session, table, values)
            session.store_rows(table, [values])
        except (DuplicateError, UniqueKeyViolation) as error:
            raise record.error(f"cannot be stored: {error}") from None

    def _class(self, record: XmlRecord) -> str:
        """Return the table that the record names as its class, if that extends its table."""
        dictionary, named = self._session.dictionary, record.values.get("sys_class_name", "")
        classes = dictionary.has_classes(record.table) and named in dictionary.family(record.table)
        return named if classes else record.table

    def _values(self, table: str, record: XmlRecord) -> Values:
        columns = self._session.dictionary.columns(table)
        values = {}
        for name, text in record.values.items():
            column = columns.get(name)
            if column is None:
                if text:
                    self._lacking.setdefault(table, {})[name] = None
            elif column.family is Family.PASSWORD:
                if text:
                    self._secrets.setdefault(table, {})[name] = None
            elif name not in {"sys_id", "sys_class_name"}:
                stored = self._stored(column, text)
                if stored is None:
                    expected = f"expected a value of type {column.type}: it was left out"
                    self._report(
                        "value-ignored", f"{record.shown}, column '{name}' has {quoted(text)}; {expected}", record
                    )
                else:
                    values[name] = stored
        return values

    def _stored(self, column: Column, text: str) -> str | None:
        stored = column.to_stored(text) if is_storable(text) else None
        if stored is None or column.reference is None:
            return stored
        return ",".join(self._here.get(each, each) for each in stored.split(","))

    def _sys_id(self, record: XmlRecord) -> str:
        given = record.values.get("sys_id", "")
        if is_sys_id(given):
            return self._here.get(given, given)
        if given:
            why = f"column 'sys_id' has {quoted(given)}; expected 32 hexadecimal digits: it has another sys_id here"
            self._report("value-ignored", f"{record.shown}, {why}", record)
        known = self._known.get(_key_of(record.table, record.values))
        return known or seed_id(record.table, orjson.dumps(record.values).decode())

    def _report_scripts(self, table: str, record: XmlRecord, values: Values) -> None:
        columns = self._session.dictionary.columns(table)
        if table == "sys_script":
            why = why_not_run({name: values.get(name, "") for name in columns})
            if why:
                self._report("business-rule-not-run", f"{record.shown} never acts: {why}", record)
            return
        scripts = [name for name, text in values.items() if text and columns[name].type.startswith("script")]
        if scripts:
            why = f"no script runs here, and it has one in {' and '.join(scripts)}"
            self._report("script-not-run", f"{record.shown} is stored, and does nothing: {why}", record)

    def _delete_multiple(self, record: XmlRecord) -> None:
        session = self._session.of_system
        try:
            query = session.compiled(record.table, record.query, strict=True)
        except InvalidQuery as error:
            self._report("record-ignored", f"{record.table}: nothing was deleted: {error.detail}", record)
            return
        for each in session.page(record.table, query, limit=None, offset=0):
            self._delete(each.table, each.sys_id, record)

    def _delete(self, table: str, sys_id: str, record: XmlRecord) -> None:
        session = self._session
        try:
            if table in _DEFINITIONS:
                session.of_system.delete(table, sys_id)  # with what depends on it
            elif session.work.get(table, sys_id) is not None:
                session.remove_row(table, sys_id)
        except RecordNotFound:
            return
        except OperationFailed:
            self._report(
                "record-ignored", f"{record.shown} was not deleted: it ships, comes from a file, or is extended", record
            )

    def _report(self, rule: str, message: str, record: XmlRecord | None = None) -> None:
        self._session.findings.append(Finding("swallowed", rule, message, "" if record is None else str(record.place)))


def _key_of(table: str, values: Mapping[str, str]) -> Key:
    """Return the table and the values by which a record is known; empty if it is known by none."""
    key = [values.get(name, "") for name in _KEYS.get(table, ())]
    if not key or not key[0] or not all(map(is_storable, key)):
        return ()
    return (table, *key[:-1], key[-1] or "en") if table == CHOICES else (table, *key)


def _defined(record: XmlRecord) -> tuple[str, str]:
    """Return what a record defines, as findings name it."""
    table, column = record.values.get("name", ""), record.values.get("element", "")
    return _SUBJECTS[record.table], f"{table}.{column}" if record.table != TABLES else table


def _check_type(record: XmlRecord, known: dict[tuple[str, str], XmlRecord]) -> None:
    """Note the type of a column; raises DictionaryError if a record before, of no update set either, has another."""
    type_ = record.values.get("internal_type", "")
    if record.table != COLUMNS or not type_ or record.of_update_set or record.action != UPSERT:
        return
    first = known.setdefault((record.values.get("name", ""), record.values.get("element", "")), record)
    if first.values["internal_type"] != type_:
        other = f"{quoted(first.values['internal_type'])} in {first.place}"
        raise record.error(f"has type {quoted(type_)}, and {other}; expected one type of a column")


def _check_tables(records: Sequence[XmlRecord], names: Mapping[str, str]) -> None:
    """Raise DictionaryError if a table extends itself.

    Args:
        records: of tables.
        names: of tables, by their sys_ids in the documents.
    """
    by_name = {record.values.get("name", ""): record for record in records}
    parents = {
        name: (names.get(parent) or record.names.get("super_class", "")) if parent else ""
        for name, record in by_name.items()
        for parent in [record.values.get("super_class", "")]
    }
    _check_circles(by_name, parents, "extends itself, directly or through others; expected tables without a circle")


def _check_batches(update_sets: Mapping[str, XmlRecord], parent: str) -> None:
    """Raise DictionaryError if an update set is in a batch that is in it."""
    _check_circles(
        update_sets,
        {identity: record.values.get(parent, "") for identity, record in update_sets.items()},
        "is its own parent, directly or through others; expected a batch without a circle",
    )


def _check_circles(records: Mapping[str, XmlRecord], parents: Mapping[str, str], why: str) -> None:
    """Raise DictionaryError if following parents from a record leads back to it."""
    ended = {""}
    for start in records:
        each, path = start, dict[str, None]()
        while each in records and each not in ended:
            if each in path:
                raise records[each].error(why)
            path[each] = None
            each = parents[each]
        ended |= path.keys()
