"""Which records here the records of XML documents are, by their sys_ids or by the columns that identify them."""

from collections.abc import Iterable, Iterator, Sequence

from mock_servicenow.now_platform.dictionary.values import is_sys_id
from mock_servicenow.now_platform.provisioning.stored_rows import KEYS, Key, key_of
from mock_servicenow.now_platform.provisioning.xml_records import DELETE, Values, XmlRecord
from mock_servicenow.now_platform.records.rows import Work


class RecordKeys:
    """The keys that records have at each point of an import: what is renamed is not known by its old name any more.

    Args:
        work: has the records as they are before the import.
        records: those of the documents, in order. What an import would do with their keys is tried first, because a
            reference may precede the record that it names.
    """

    def __init__(self, work: Work, records: Iterable[XmlRecord]) -> None:
        keyed = [_reduced(record) for record in records if record.table in KEYS]
        rows = list(_rows(work, keyed))
        self._before = {sys_id for _, sys_id, _ in rows}
        self._here: dict[str, str] = {}  # sys_ids of documents, with those that their records have here
        self._begin(rows)
        for record in keyed:
            self._try(record)
        self._begin(rows)

    def _begin(self, rows: Iterable[tuple[str, str, Values]]) -> None:
        self._values: dict[tuple[str, str], Values] = {}  # of the columns of the key, by table and sys_id
        self._known: dict[Key, str] = {}  # sys_ids
        for table, sys_id, values in rows:
            self._values[table, sys_id] = values
            self._known.setdefault(key_of(table, values), sys_id)

    def _try(self, record: XmlRecord) -> None:
        sys_id = self.find(record)
        if record.action == DELETE:
            self.deleted(record.table, sys_id)
        elif sys_id:
            self.stored(record.table, sys_id, record.values)

    def here(self, sys_id: str) -> str:
        """Return the sys_id here of the record that has this one in the documents."""
        return self._here.get(sys_id, sys_id)

    def find(self, record: XmlRecord) -> str:
        """Return the sys_id that a record has here; empty if it has none yet."""
        table, given = record.table, record.values.get("sys_id", "")
        known = self._known.get(key_of(table, record.values), "")
        if table not in KEYS or not is_sys_id(given):
            return given if is_sys_id(given) else known
        here = self.here(given)
        if (table, here) not in self._values:
            here = self._here[given] = known if known in self._before else given
        return here

    def stored(self, table: str, sys_id: str, values: Values) -> None:
        """Note the key of a record that has got these values."""
        if table in KEYS:
            before = self._values.get((table, sys_id), {})
            now = self._values[table, sys_id] = {**before, **_key_columns(table, values)}
            self._forget(key_of(table, before), sys_id)
            self._known[key_of(table, now)] = sys_id

    def deleted(self, table: str, sys_id: str) -> None:
        """Note that a record has no key any more."""
        self._forget(key_of(table, self._values.pop((table, sys_id), {})), sys_id)

    def _forget(self, key: Key, sys_id: str) -> None:
        if self._known.get(key) == sys_id:
            del self._known[key]


def _reduced(record: XmlRecord) -> XmlRecord:
    """Return a record without the values that do not identify it."""
    sys_id = {"sys_id": record.values["sys_id"]} if "sys_id" in record.values else {}
    return record._replace(values=sys_id | _key_columns(record.table, record.values), names={})


def _key_columns(table: str, values: Values) -> Values:
    return {name: values[name] for name in KEYS[table] if name in values}


def _rows(work: Work, records: Sequence[XmlRecord]) -> Iterator[tuple[str, str, Values]]:
    """Yield the records here that have a key or a sys_id of one in the documents, in a few statements."""
    for table in dict.fromkeys(record.table for record in records):
        named = [record.values for record in records if record.table == table]
        wanted = {
            KEYS[table][0]: {key[1] for key in (key_of(table, values) for values in named) if key},
            "sys_id": {values["sys_id"] for values in named if is_sys_id(values.get("sys_id", ""))},
        }
        for column, texts in wanted.items():
            for row in work.with_values(table, column, sorted(texts)):
                yield table, row["sys_id"], _key_columns(table, row)
