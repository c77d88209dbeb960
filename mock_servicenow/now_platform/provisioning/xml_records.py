"""Records in XML: what "Export to XML" makes, and what an update set contains."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.definitions import DictionaryError
from mock_servicenow.now_platform.dictionary.dictionary_rows import CHOICES, COLUMNS, TABLES
from mock_servicenow.now_platform.dictionary.located_files import xml_files
from privman_core.cuts import cut
from privman_core.inputs import quoted
from privman_core.regular_files import read_regular
from privman_core.safe_xml import XmlError, parse

Values = dict[str, str]
UPSERT = "INSERT_OR_UPDATE"
DELETE, DELETE_MULTIPLE = "DELETE", "delete_multiple"
ACTIONS = (UPSERT, DELETE, DELETE_MULTIPLE)
UPDATE, PAYLOAD = "sys_update_xml", "payload"
MOST_FIELDS = 5_000
"""Fields that one record may have."""
MOST_DEPTH = 16
MOST_BYTES = 64 * 1024 * 1024
"""Of one document."""
_GROUPS = ("unload", "xml", "record_update")
"""Elements that contain records: exports begin with the first, exports by address with the second."""
_CHOICE_SETS = ("sys_choice", "sys_choice_set", "sys_choice_v2")
_ADDING = "sys_choice_v2"
"""The choice set that keeps the choices which it does not contain (I)."""
_NAMES = (
    "name",
    "short_description",
    "user_name",
    "number",
    "sys_name",
    "label",
    "element",
    "sys_update_name",
    "sys_id",
)
_LONGEST_NAME = 100
_ATTRIBUTES = {
    "type": "internal_type",
    "label": "column_label",
    "default": "default_value",
    **{name: name for name in ("max_length", "reference", "mandatory", "display", "unique", "read_only", "active")},
}
"""The attributes of a column in a ``database`` element, and the columns of sys_dictionary that they are."""


class XmlPlace(NamedTuple):
    """A line of a document."""

    file: str
    line: int

    def error(self, message: str) -> DictionaryError:
        """Return an error that names file and line."""
        return DictionaryError(f"{self}: {message}")

    def __str__(self) -> str:
        """Return file and line."""
        return f"{self.file}:{self.line}"


class XmlRecord(NamedTuple):
    """A record, and what the document says to do with it.

    Attributes:
        action: one of `ACTIONS`.
        values: its fields.
        names: what the document says that references display, by column.
        query: which records ``delete_multiple`` deletes.
        of_update_set: whether it is part of an update set.
    """

    table: str
    action: str
    values: Values
    place: XmlPlace
    names: Mapping[str, str]
    query: str = ""
    of_update_set: bool = False

    @property
    def shown(self) -> str:
        """The table, and the name by which people know the record."""
        of_column = (
            [self.values.get(name, "") for name in ("name", "element")] if self.table in {COLUMNS, CHOICES} else []
        )
        name = ".".join(of_column) or next((self.values[name] for name in _NAMES if self.values.get(name)), "")
        return f"{self.table} {cut(name, _LONGEST_NAME)!r}" if name else self.table

    def error(self, message: str) -> DictionaryError:
        """Return an error about the record."""
        return self.place.error(f"{self.shown} {message}")


@dataclass(frozen=True, slots=True)
class XmlDocument:
    """A document of records.

    Attributes:
        name: of its file.
    """

    name: str
    content: bytes = field(repr=False)

    def records(self) -> Iterator[XmlRecord]:
        """Yield the records in order, those of an update after it; raises DictionaryError with file and line."""
        for record in _XmlReader(self.name).records(self.content):
            yield record
            if record.table == UPDATE and (payload := record.values.get(PAYLOAD)):
                inside = _XmlReader(self.name, record.place.line, of_update_set=True)
                yield from inside.records(payload.encode())


def xml_documents(source: Traversable) -> Iterator[XmlDocument]:
    """Yield a file, or every XML file of a folder; raises DictionaryError for one of more than `MOST_BYTES`."""
    for file in xml_files(source):
        try:
            content = read_regular(file, MOST_BYTES) if isinstance(file, Path) else file.read_bytes()
        except OSError as error:
            raise DictionaryError(f"{file.name}: cannot be read: {error.strerror}") from None
        yield XmlDocument(file.name, content)


class _Element(Struct):
    """An open element.

    Attributes:
        kind: its part in the document.
        payload_line: the line of the update's payload, if it has one.
    """

    tag: str
    kind: str
    attributes: Mapping[str, str]
    line: int
    values: Values = {}  # each element has its own
    names: dict[str, str] = {}
    payload_line: int = 0


class _XmlReader:
    """Reads one document, or the payload of an update, which begins on a line of one."""

    def __init__(self, file: str, line: int = 1, *, of_update_set: bool = False) -> None:
        self._file = file
        self._before = line - 1
        self._of_update_set = of_update_set
        self._open: list[_Element] = []
        self._field: str | None = None  # of the record that is open
        self._text: list[str] = []
        self._ready: deque[XmlRecord] = deque()
        # An update's payload is text that has been decoded already.
        self._parser = parser = expat.ParserCreate("utf-8" if of_update_set else None)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append

    def records(self, content: bytes) -> Iterator[XmlRecord]:
        try:
            for _ in parse(content, self._parser):
                while self._ready:
                    yield self._ready.popleft()
        except XmlError as error:
            of_payload = "the payload of an update " if self._of_update_set else ""
            raise XmlPlace(self._file, self._before + error.line).error(f"{of_payload}{error}") from None

    @property
    def _line(self) -> int:
        return self._before + self._parser.CurrentLineNumber

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        outer = self._open[-1] if self._open else None
        if outer is not None and outer.kind == "record" and self._field is None and "action" not in attributes:
            self._begin_field(outer, tag, attributes)
            return
        if len(self._open) == MOST_DEPTH:
            raise self._error(f"element '{cut(tag, _LONGEST_NAME)}' is more than {MOST_DEPTH} elements deep")
        kind = self._kind_in(outer, tag, attributes)
        self._open.append(_Element(tag, kind, attributes, self._line))
        _BEGINNINGS.get(kind, _nothing)(self, self._open[-1])

    def _kind_in(self, outer: _Element | None, tag: str, attributes: Mapping[str, str]) -> str:
        if outer is None:
            if tag not in (*_GROUPS, "database"):
                expected = f"{', '.join(_GROUPS)} or database, as an export or an update set has it"
                raise self._error(f"the document is {quoted(tag)}; expected {expected}")
            return "group" if tag in _GROUPS else "database"
        if outer.kind == "group":
            return _IN_GROUP.get(tag) or _kind_of_record(tag, attributes)
        if outer.kind in {"record", "wrapper"} and "action" in attributes and self._field is None:
            outer.kind = "wrapper"
            return "record"
        return _INSIDE.get((outer.kind, tag), "other")

    def _begin_field(self, record: _Element, tag: str, attributes: Mapping[str, str]) -> None:
        if len(record.values) == MOST_FIELDS:
            raise self._error(f"a record of {record.tag} has more than {MOST_FIELDS:,} fields")
        self._field = tag
        self._text.clear()
        if name := attributes.get("name") or attributes.get("display_value"):
            record.names[tag] = name
        if tag == PAYLOAD:
            record.payload_line = self._line

    def _end(self, _tag: str) -> None:
        element = self._open[-1]
        if self._field is not None and element.kind == "record":
            element.values[self._field] = "".join(self._text)
            self._field = None
            return
        self._open.pop()
        if element.kind == "record":
            self._end_record(element)

    def _end_record(self, element: _Element) -> None:
        action = element.attributes.get("action", ACTIONS[0])
        if action not in ACTIONS:
            expected = f"expected {', '.join(ACTIONS)}"
            raise XmlPlace(self._file, element.line).error(
                f"a record of {element.tag} has action {quoted(action)}; {expected}"
            )
        if element.tag == COLUMNS:  # an update names them outside of the record, too
            for attribute, column in (("table", "name"), ("element", "element")):
                if attribute in element.attributes:
                    element.values.setdefault(column, element.attributes[attribute])
        line = element.payload_line or element.line
        self._add(element.tag, element.values, line, action, element.names, element.attributes.get("query", ""))

    def _add(  # noqa: PLR0913, PLR0917 - what a record has
        self,
        table: str,
        values: Values,
        line: int,
        action: str = ACTIONS[0],
        names: Mapping[str, str] | None = None,
        query: str = "",
    ) -> None:
        place = XmlPlace(self._file, line)
        self._ready.append(XmlRecord(table, action, values, place, names or {}, query, self._of_update_set))

    def begin_choices(self, element: _Element) -> None:
        """Delete the choices of the column: the set has all that it is to have (I)."""
        table, column = (element.attributes.get(name, "") for name in ("table", "field"))
        if element.tag != _ADDING and "^" not in f"{table}{column}":
            self._add(
                CHOICES,
                {"name": table, "element": column},
                element.line,
                ACTIONS[2],
                query=f"name={table}^element={column}",
            )

    def begin_table(self, element: _Element) -> None:
        """Add the table that a ``database`` element describes."""
        name, label = (element.attributes.get(key, "") for key in ("name", "label"))
        self._add(TABLES, {"name": name} | ({"label": label} if label else {}), element.line)

    def begin_column(self, element: _Element) -> None:
        """Add the column."""
        given = element.attributes
        values = {column: given[name] for name, column in _ATTRIBUTES.items() if name in given}
        self._add(COLUMNS, {"name": self._name_of(1), "element": given.get("name", ""), **values}, element.line)

    def begin_choice(self, element: _Element) -> None:
        """Add the choice."""
        given = {name: element.attributes.get(name, "") for name in ("value", "label", "sequence")}
        self._add(
            CHOICES, {"name": self._name_of(1), "element": self._name_of(2), "language": "en", **given}, element.line
        )

    def _name_of(self, depth: int) -> str:
        """Return the name of the table or the column, so deep in a ``database`` element, that is open."""
        begin = next(index for index, each in enumerate(self._open) if each.kind == "database")
        return self._open[begin + depth].attributes.get("name", "")

    def _error(self, message: str) -> DictionaryError:
        return XmlPlace(self._file, self._line).error(message)


def _kind_of_record(tag: str, attributes: Mapping[str, str]) -> str:
    return "choices" if tag in _CHOICE_SETS and "field" in attributes else "record"


def _nothing(_reader: _XmlReader, _element: _Element) -> None:
    """Add nothing when other elements begin."""


_IN_GROUP = {"record_update": "group", "database": "database"}
_INSIDE = {
    ("database", "element"): "table",
    ("table", "element"): "column",
    ("column", "choice"): "column choices",
    ("column choices", "element"): "choice",
    ("choices", "sys_choice"): "record",
    ("choices", "sys_choice_set"): "record",
}
_BEGINNINGS = {
    "choices": _XmlReader.begin_choices,
    "table": _XmlReader.begin_table,
    "column": _XmlReader.begin_column,
    "choice": _XmlReader.begin_choice,
}
