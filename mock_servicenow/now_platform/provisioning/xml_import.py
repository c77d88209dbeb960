"""The import of XML documents: tables, columns and choices first, then records, all in one transaction."""

from collections.abc import Iterator, Sequence

import orjson

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.dictionary_rows import seed_id
from mock_servicenow.now_platform.dictionary.values import is_storable, is_sys_id
from mock_servicenow.now_platform.errors import InvalidQuery, OperationFailed, RecordNotFound, UniqueKeyViolation
from mock_servicenow.now_platform.provisioning.stored_rows import KEYS, Key, complete, key_of, to_stored
from mock_servicenow.now_platform.provisioning.xml_definitions import DEFINITIONS, LABELS, UPDATE_SETS, XmlDefinitions
from mock_servicenow.now_platform.provisioning.xml_records import UPDATE, Values, XmlDocument, XmlRecord
from mock_servicenow.now_platform.records.schema_changes import with_defined_tables
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rules.stored_rules import why_not_run
from mock_servicenow.now_platform.storage.transaction import DuplicateError
from privman_core.cuts import cut
from privman_core.findings import Finding
from privman_core.inputs import quoted
from privman_core.near_words import hint

DELETE_MULTIPLE = "delete_multiple"
_OF_QUERY = 50
"""A record that deletes by a query counts as many: compiling a query takes that long."""
_ENVELOPE = UPDATE_SETS | {UPDATE, "sys_choice_set", "sys_update_version", LABELS}
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
        self._lacking: dict[str, dict[str, None]] = {}  # columns with values, by table
        self._secrets: dict[str, dict[str, None]] = {}  # the same

    def run(self) -> None:
        definitions = self._look_through()
        for record in definitions.records:
            self._take(definitions.completed(record))
        self._define(definitions)
        for record in self._records():
            if record.table not in DEFINITIONS:
                self._take(record)
        for table, columns in self._lacking.items():
            names = cut(", ".join(columns), _LONGEST_LIST)
            self._report("column-ignored", f"table {table} lacks columns, whose values were left out: {names}")
        for table, columns in self._secrets.items():
            why = "only the instance that they are from can read them"
            self._report("value-ignored", f"table {table}: secrets were left out: {', '.join(columns)}: {why}")

    def _define(self, definitions: XmlDefinitions) -> None:
        """Let the records define tables; findings about them get the place of the record."""
        findings = self._session.findings
        before = len(findings)
        self._session = with_defined_tables(self._session)
        findings[before:] = definitions.placed(findings[before:])

    def _records(self) -> Iterator[XmlRecord]:
        for document in self._documents:
            yield from document.records()

    # Before anything is stored

    def _look_through(self) -> XmlDefinitions:
        """Return what the documents define, and note which records are here under other sys_ids.

        Raises DictionaryError for definitions that contradict themselves, and for too many records.
        """
        definitions, weight = XmlDefinitions(self._session), 0
        keyed: list[tuple[Key, str]] = []  # with the sys_ids in the documents
        for record in self._records():
            if known_by := key_of(record.table, record.values):
                keyed.append((known_by, record.values.get("sys_id", "")))
            weight += _OF_QUERY if record.action == DELETE_MULTIPLE else 1
            if self._most is not None and weight > self._most:
                raise record.error(self._too_many())
            definitions.note(record)
        self._note_here(keyed)
        definitions.check_circles()
        return definitions

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
            for row in self._session.work.with_values(table, KEYS[table][0], names):
                self._known.setdefault(key_of(table, row), row["sys_id"])
        for key, sys_id in keyed:
            known = self._known.get(key)
            if known and is_sys_id(sys_id) and known != sys_id and self._session.work.get(key[0], sys_id) is None:
                self._here[sys_id] = known

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
            if key := key_of(record.table, record.values):
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
                    why = f"column '{name}' has {quoted(text)}; expected a value of type {column.type}: it was left out"
                    self._report("value-ignored", f"{record.shown}, {why}", record)
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
        known = self._known.get(key_of(record.table, record.values))
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
            if table in DEFINITIONS:
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
