"""The rows of a list: their cells, and a preview of each record."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.records.list_columns import chosen, listable
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.list_query import ListUrl
from mock_servicenow.ui.metadata_entries import Entry, Metadata, MetadataColumn, read_metadata
from mock_servicenow.ui.record_place import LONGEST_QUERY, RecordPlace
from mock_servicenow.ui.record_stamps import row_version
from mock_servicenow.ui.visible_schema import column_text, is_number
from privman_core.cuts import cut

_LONGEST, _LONGEST_PREVIEWED = 120, 400
_SHORT, _ID = 20, 36
"""Characters of a value that stays on one line, and of an id, such as a GUID, which a narrow screen shortens."""
_LAST_CHANGE = ("sys_updated_on", "sys_updated_by")


class Cell(Struct, frozen=True):
    """One value.

    Attributes:
        url: the address that it links to; empty for none.
        kind: ``number``, ``short``, ``id`` or ``time``; ``facts`` for metadata, ``text`` for the rest.
        entries: of metadata, shown in place of the text.
    """

    text: str
    url: str
    kind: str
    entries: Sequence[Entry] = ()


class ListRow(Struct, frozen=True):
    """One record.

    Attributes:
        version: the value of its check box.
        preview: labels and texts of the columns that are not empty.
    """

    sys_id: str
    version: str
    url: str
    cells: Sequence[Cell]
    preview: Sequence[Entry]


class ListRows:
    """Makes the rows of one list.

    Args:
        session: reads the records.
        url: of the list.
        columns: those that the list shows.
        metadata: the column whose entries are shown one by one.
    """

    def __init__(self, session: Session, url: ListUrl, columns: Sequence[Column], metadata: MetadataColumn) -> None:
        self._session = session
        self._url = url
        self._columns = columns
        self._metadata = metadata
        every = listable(session, url.table)
        further = [*chosen(session, url.table), *(every[name] for name in _LAST_CHANGE if name in every)]
        self._previewed = {column.name: column for column in (*columns, *further)}
        self._references = [(name,) for name, column in self._previewed.items() if column.reference is not None]

    def read(self, records: list[Record], first: int) -> list[ListRow]:
        """Return the rows of some records, the first of which has that number in the list."""
        self._session.displays.prefetch(records, self._references)
        return [self._row(record, number) for number, record in enumerate(records, first)]

    def _row(self, record: Record, number: int) -> ListRow:
        query = self._url.query if len(self._url.query) <= LONGEST_QUERY else ""
        place = RecordPlace(self._url.table, query, number if query == self._url.query else 0)
        url = place.form(record)
        texts = {
            name: column_text(self._session, record, column, _LONGEST_PREVIEWED)
            for name, column in self._previewed.items()
        }
        metadata = self._read_metadata(record)
        cells = [self._cell(record, column, texts[column.name], url, metadata) for column in self._columns]
        preview = [(label, cut(text, _LONGEST_PREVIEWED)) for label, text in self._preview(texts, metadata) if text]
        return ListRow(record.sys_id, row_version(self._session, self._url.table, record.values), url, cells, preview)

    def _read_metadata(self, record: Record) -> Metadata | None:
        table, name = self._metadata.place
        return read_metadata(record[name], self._metadata.chief) if record.table == table else None

    def _cell(self, record: Record, column: Column, text: str, form: str, metadata: Metadata | None) -> Cell:
        shown = cut(text, _LONGEST)
        if column is self._columns[0]:
            return Cell(shown or "(empty)", form, _kind(column, text))
        if metadata and column.name == self._metadata.place[1]:
            return Cell(shown, "", "facts", metadata.in_cell())
        leads = column.is_reference and record[column.name]
        url = f"/{column.reference}.do?sys_id={record[column.name]}" if leads else ""
        return Cell(shown, url, _kind(column, text))

    def _preview(self, texts: dict[str, str], metadata: Metadata | None) -> Iterator[Entry]:
        for name, column in self._previewed.items():
            if metadata and name == self._metadata.place[1]:
                yield from metadata.in_preview()
            else:
                yield column.label, texts[name]


def _kind(column: Column, text: str) -> str:
    if is_number(column):
        return "number"
    if column.family is Family.DATE_TIME:
        return "time"
    if len(text) <= _SHORT:
        return "short"
    return "id" if len(text) <= _ID and " " not in text else "text"
