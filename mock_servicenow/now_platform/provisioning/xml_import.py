"""The import of XML documents: tables, columns and choices first, then records, all in one transaction."""

from collections.abc import Iterator, Sequence
from itertools import count

import orjson

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.dictionary_rows import COLUMNS, TABLES, seed_id
from mock_servicenow.now_platform.dictionary.values import is_storable, is_sys_id
from mock_servicenow.now_platform.errors import InvalidQuery, OperationFailed, RecordNotFound, UniqueKeyViolation
from mock_servicenow.now_platform.provisioning.record_keys import RecordKeys
from mock_servicenow.now_platform.provisioning.stored_rows import KEYS, complete, to_stored
from mock_servicenow.now_platform.provisioning.xml_dictionary import (
    DICTIONARY_TABLES,
    LABELS,
    UPDATE_SETS,
    XmlDictionary,
)
from mock_servicenow.now_platform.provisioning.xml_records import (
    DELETE,
    DELETE_MULTIPLE,
    UPDATE,
    Values,
    XmlDocument,
    XmlRecord,
)
from mock_servicenow.now_platform.records.schema_changes import with_defined_tables
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rules.stored_rules import why_not_run
from mock_servicenow.now_platform.storage.transaction import DuplicateError
from privman_core.cuts import cut
from privman_core.findings import Finding
from privman_core.inputs import quoted
from privman_core.near_words import hint

ANY_NUMBER = 10**12
_OF_QUERY = 50
"""A record that deletes by a query counts as many, and each record that it deletes counts as well."""
_OF_DEFINITION, _OF_DELETED_DEFINITION = 20, 50
"""Tables and columns count as many, because altering a physical table takes that long."""
_ALTERING = frozenset({TABLES, COLUMNS})
_ENVELOPE = UPDATE_SETS | {UPDATE, "sys_choice_set", "sys_update_version", LABELS}
"""Tables of records about updates, and of labels; what these contain is imported."""
_OF_CUSTOMERS = ("u_", "x_")
_OF_PLATFORM = "sys_"
_LONGEST_LIST = 600


def import_xml(session: Session, documents: Sequence[XmlDocument], most: int = ANY_NUMBER) -> None:
    """Import documents, in order and without business rules; what has no effect becomes findings.

    Args:
        session: begins no transaction of its own.
        documents: what is imported.
        most: records that the documents may hold and delete; one that takes long counts as several.

    Raises:
        DictionaryError: a document or a record cannot be used; the message names file and line. The transaction must
            then be undone.
    """
    if documents:
        session.work.transaction.lock()
        _Import(session, documents, most).run()


class _Import:
    def __init__(self, session: Session, documents: Sequence[XmlDocument], most: int) -> None:
        self._most = self._left = most
        self._session = session
        self._documents = documents
        self._lacking: dict[str, dict[str, None]] = {}  # columns with values, by table
        self._secrets: dict[str, dict[str, None]] = {}  # the same

    def run(self) -> None:
        definitions = self._look_through()
        self._keys = RecordKeys(self._session.work, self._records())
        for record in definitions.records:
            self._take(definitions.completed(record))
        self._define(definitions)
        for record in self._records():
            if record.table not in DICTIONARY_TABLES:
                self._take(record)
        for table, columns in self._lacking.items():
            names = cut(", ".join(columns), _LONGEST_LIST)
            self._report("column-ignored", f"table {table} lacks columns, whose values were left out: {names}")
        for table, columns in self._secrets.items():
            why = "only the instance that they are from can read them"
            self._report("value-ignored", f"table {table}: secrets were left out: {', '.join(columns)}: {why}")

    def _define(self, definitions: XmlDictionary) -> None:
        """Let the records define tables; findings about them get the place of the record."""
        findings = self._session.findings
        before = len(findings)
        self._session = with_defined_tables(self._session)
        findings[before:] = definitions.placed(findings[before:])

    def _records(self) -> Iterator[XmlRecord]:
        for document in self._documents:
            yield from document.records()

    # Before anything is stored

    def _look_through(self) -> XmlDictionary:
        """Return what the documents define.

        Raises DictionaryError for definitions that contradict themselves, and for too many records.
        """
        definitions = XmlDictionary(self._session)
        for record in self._records():
            self._count(record, _weight(record))
            definitions.note(record)
        definitions.check_circles()
        return definitions

    def _count(self, record: XmlRecord, weight: int) -> None:
        """Count what a record takes; raises DictionaryError if that is more than is left."""
        self._left -= weight
        if self._left < 0:
            raise record.error(
                f"is beyond what one upload may hold, {self._most:,} records (a table or a column counts as "
                f"{_OF_DEFINITION}, or {_OF_DELETED_DEFINITION} if it is deleted; {DELETE_MULTIPLE} as {_OF_QUERY} and "
                "what it deletes); expected a smaller file, or a start with --data"
            )

    # Records

    def _take(self, record: XmlRecord) -> None:
        if not self._is_stored(record):
            return
        if record.action == DELETE_MULTIPLE and not record.query:
            self._report("record-ignored", f"{record.table}: nothing was deleted: it has no query", record)
        elif record.action == DELETE_MULTIPLE:
            self._delete_multiple(record)
        elif record.action == DELETE:
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
            if known is None:
                complete(session, table, values)
                session.store_rows(table, [values])
            elif changes := {name: text for name, text in values.items() if text != known[name]}:
                session.change_row(table, values["sys_id"], changes)
        except (DuplicateError, UniqueKeyViolation) as error:
            raise record.error(f"cannot be stored: {error}") from None
        self._keys.stored(record.table, values["sys_id"], values)

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
        return ",".join(self._keys.here(each) for each in stored.split(","))

    def _sys_id(self, record: XmlRecord) -> str:
        given = record.values.get("sys_id", "")
        if given and not is_sys_id(given):
            why = f"column 'sys_id' has {quoted(given)}; expected 32 hexadecimal digits: it has another sys_id here"
            self._report("value-ignored", f"{record.shown}, {why}", record)
        return self._keys.find(record) or self._new_sys_id(record)

    def _new_sys_id(self, record: XmlRecord) -> str:
        """Return the same sys_id for the same values, unless the record with it has another key by now."""
        values = orjson.dumps(record.values).decode()
        sys_ids = (seed_id(record.table, f"{values}{number or ''}") for number in count())
        return next(each for each in sys_ids if record.table not in KEYS or not self._exists(record.table, each))

    def _exists(self, table: str, sys_id: str) -> bool:
        return self._session.work.get(table, sys_id) is not None

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
        weight = _OF_DELETED_DEFINITION if record.table in _ALTERING else 1
        most = self._left // weight + 1
        parts = session.parts(record.table, query, limit=most, offset=0)
        found = [(each.table, each.sys_id) for part in parts for each in part]
        self._count(record, len(found) * weight)
        for table, sys_id in found:
            self._delete(table, sys_id, record)

    def _delete(self, table: str, sys_id: str, record: XmlRecord) -> None:
        session = self._session
        try:
            if table in DICTIONARY_TABLES:
                session.of_system.delete(table, sys_id)  # with what depends on it
            elif self._exists(table, sys_id):
                session.remove_row(table, sys_id)
        except RecordNotFound:
            return
        except OperationFailed:
            self._report(
                "record-ignored", f"{record.shown} was not deleted: it ships, comes from a file, or is extended", record
            )
            return
        self._keys.deleted(record.table, sys_id)

    def _report(self, rule: str, message: str, record: XmlRecord | None = None) -> None:
        self._session.findings.append(Finding("swallowed", rule, message, "" if record is None else str(record.place)))


def _weight(record: XmlRecord) -> int:
    if record.action == DELETE_MULTIPLE:
        return _OF_QUERY
    if record.table not in _ALTERING:
        return 1
    return _OF_DELETED_DEFINITION if record.action == DELETE else _OF_DEFINITION
