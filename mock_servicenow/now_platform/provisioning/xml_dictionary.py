"""What XML documents define: tables with their columns and choices, before anything is stored."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mock_servicenow.now_platform.dictionary.dictionary_rows import CHOICES, COLUMNS, TABLES
from mock_servicenow.now_platform.provisioning.xml_records import UPSERT, XmlRecord
from mock_servicenow.now_platform.records.session import Session
from privman_core.findings import Finding
from privman_core.inputs import quoted

MOST_DICTIONARY_RECORDS = 30_000
"""Records of `DICTIONARY_TABLES` in all documents: as many as act."""
DICTIONARY_TABLES = (TABLES, COLUMNS, CHOICES)
UPDATE_SETS = frozenset({"sys_remote_update_set", "sys_update_set"})
_BATCHED = (("sys_id", "parent"), ("remote_sys_id", "remote_parent_id"))
"""The columns that identify an update set, each with the one that names that of the set whose batch it is in."""
_SUBJECTS = {TABLES: "table", COLUMNS: "column", CHOICES: "choices"}
"""The word with which a finding about a definition begins."""
LABELS = "sys_documentation"
_LABELLED = {TABLES: "label", COLUMNS: "column_label"}


class XmlDictionary:
    """The definitions in documents.

    Args:
        session: finds the tables that are here.

    Attributes:
        records: those that define tables, columns and choices, in their order.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.records: list[XmlRecord] = []
        self._labels: dict[tuple[str, str], str] = {}  # by table and column, which is empty for the table's own
        self._tables: dict[str, str] = {}  # names by sys_id
        self._types: dict[tuple[str, str], XmlRecord] = {}  # the first record of each column that says its type
        self._update_sets: list[XmlRecord] = []

    def note(self, record: XmlRecord) -> None:
        """Note what a record defines; raises DictionaryError for a column of two types, and for too many records."""
        if record.table in UPDATE_SETS:
            self._update_sets.append(record)
        elif record.table == LABELS and record.values.get("language", "en") == "en":
            self._labels[_column_of(record)] = record.values.get("label", "")
        elif record.table in DICTIONARY_TABLES:
            self._note_definition(record)

    def _note_definition(self, record: XmlRecord) -> None:
        if record.table == TABLES:
            self._tables[record.values.get("sys_id", "")] = record.values.get("name", "")
        self._check_type(record)
        self.records.append(record)
        if len(self.records) > MOST_DICTIONARY_RECORDS:
            raise record.error(
                f"is one more than {MOST_DICTIONARY_RECORDS:,} records that define tables, columns and choices"
            )

    def _check_type(self, record: XmlRecord) -> None:
        """Raise DictionaryError if a record before has another type for the column, unless an update set changes it."""
        type_ = record.values.get("internal_type", "")
        if record.table != COLUMNS or not type_ or record.of_update_set or record.action != UPSERT:
            return
        first = self._types.setdefault(_column_of(record), record)
        if first.values["internal_type"] != type_:
            other = f"{quoted(first.values['internal_type'])} in {first.place}"
            raise record.error(f"has type {quoted(type_)}, and {other}; expected one type of a column")

    def check_circles(self) -> None:
        """Raise DictionaryError for a table that extends itself, and for an update set in a batch that is in it."""
        for identity, parent in _BATCHED:
            sets = {record.values.get(identity, ""): record for record in self._update_sets}
            parents = {each: record.values.get(parent, "") for each, record in sets.items()}
            why = "is its own parent, directly or through others; expected a batch without a circle"
            _check_circles(sets, parents, why)
        tables = {record.values.get("name", ""): record for record in self.records if record.table == TABLES}
        parents = {name: self._parent_named(record) for name, record in tables.items()}
        _check_circles(tables, parents, "extends itself, directly or through others; expected tables without a circle")

    def completed(self, record: XmlRecord) -> XmlRecord:
        """Return a definition with what other records say: its label, and the sys_id here of the table it extends."""
        return self._labelled(self._with_parent(record))

    def placed(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return findings of the dictionary, each with the place of the record that it is about."""
        places = {_subject(record): str(record.place) for record in reversed(self.records)}
        return [replace(finding, where=places.get(_subject_named_in(finding), "")) for finding in findings]

    def _parent_named(self, record: XmlRecord) -> str:
        """Return the name of the table that a table extends; empty for none.

        A document may have the parent, or no more than its label.
        """
        parent = record.values.get("super_class", "")
        return parent and (self._tables.get(parent) or record.names.get("super_class", ""))

    def _with_parent(self, record: XmlRecord) -> XmlRecord:
        parent = record.values.get("super_class", "")
        if record.table != TABLES or not parent:
            return record
        found = next((self._table_named(each) for each in (self._parent_named(record), parent) if each), "")
        return record._replace(values={**record.values, "super_class": found or parent})

    def _labelled(self, record: XmlRecord) -> XmlRecord:
        column = _LABELLED.get(record.table, "")
        label = self._labels.get(_column_of(record), "")
        if not column or not label or record.values.get(column):
            return record
        return record._replace(values={**record.values, column: label})

    def _table_named(self, name: str) -> str:
        work = self._session.work
        rows = [row for key in ("name", "label") for row in work.find(TABLES, {key: name}, most=1)]
        return rows[0]["sys_id"] if rows else ""


def _column_of(record: XmlRecord) -> tuple[str, str]:
    """Return table and column of a record; no column for a table's own."""
    return record.values.get("name", ""), record.values.get("element", "")


def _subject_named_in(finding: Finding) -> tuple[str, str]:
    subject, _, rest = finding.message.removeprefix("dictionary: ").partition("'")
    return subject.split(" ")[0], rest.partition("'")[0]


def _subject(record: XmlRecord) -> tuple[str, str]:
    """Return what a record defines, as findings name it."""
    table, column = _column_of(record)
    return _SUBJECTS[record.table], table if record.table == TABLES else f"{table}.{column}"


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
