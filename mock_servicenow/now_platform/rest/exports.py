"""Exports by address, such as ``/incident_list.do?CSV`` (Docs: export directly from a URL, export limits).

What every format has in common, and the formats that are written piece by piece: CSV and XML.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace
from multidict import CIMultiDict

from mock_servicenow.now_platform.errors import MethodNotAllowed
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.fields import Field, Fields
from mock_servicenow.now_platform.records.list_columns import chosen
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Values
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.xml_text import HEAD, Texts, character_data
from mock_servicenow.now_platform.rest.address_queries import UI_LIMIT, asked_rows, ordered, row_limit
from mock_servicenow.now_platform.rest.answers import Layout, RowRange, laid_out, page_parts
from mock_servicenow.now_platform.rest.call import Answer, Call
from mock_servicenow.now_platform.rest.formats import Result, Value
from mock_servicenow.now_platform.rest.parameters import Parameters, read_parameters
from mock_servicenow.now_platform.rest.shapes import Shapes, shown_fields

LONGEST_CELL = 32_000
"""Characters of a displayed value in a file of cells."""
_READS = ("GET", "HEAD")
# What an export knows beside the parameters of a list.
_OWN = frozenset(
    {
        "sysparm_orderby",
        "sysparm_record_count",
        "sysparm_default_export_fields",
        "sysparm_export_column_header_label",
        "sys_id",
    }
)


class Export(Struct, frozen=True):
    """What an address asks for: columns, and rows of which the first have been read.

    Attributes:
        display: whether people's words stand in place of stored values.
        labels: whether a file of cells names columns by their labels.
    """

    table: str
    fields: Fields
    results: list[Result]
    further: Iterator[list[Result]] | None
    display: bool
    labels: bool

    @property
    def headings(self) -> list[str]:
        """The names of the columns, as the file shows them; a dot-walked one has its whole name."""
        return [field.column.label if self.labels else field.key for field in self.fields.fields]

    def headers(self, content_type: str, extension: str) -> CIMultiDict[str]:
        """Return what says that the answer is a file."""
        name = f"attachment;filename={self.table}.{extension}"
        return CIMultiDict({"Content-Type": content_type, "Content-Disposition": name})


class Choices(Struct, frozen=True):
    """What a format does unless an address says otherwise.

    Attributes:
        limits: the properties that bound the rows, the first one that is set.
        display: whether values are displayed, by the properties of the instance.
        labels: the same for labels as headings.
        both: whether a value comes with what people read, in an attribute.
        whole: whether the file has every column, not those of a list.
    """

    limits: tuple[Property, ...]
    display: Callable[[Session], bool]
    labels: Callable[[Session], bool]
    both: bool = False
    whole: bool = False


def open_export(call: Call, instance: Instance, session: Session, table: str, choices: Choices) -> Export:
    """Return what an address asks for, under the rights of its user; what means nothing becomes a finding.

    Raises PlatformError: the table is unknown or closed, or the verb is none that reads.
    """
    if call.verb not in _READS:
        raise MethodNotAllowed(call.verb, _READS)
    session.check_reach(table)
    given = call.query
    display = _flag(given.get("sysparm_display_value"), default=choices.display(session))
    shown = "all" if choices.both and not display else str(display).lower()
    asked = replace(read_parameters(call, also=_OWN), display=shown, exclude_reference_link=True)
    parameters = _with_columns(session, call, table, asked, choices)
    fields = shown_fields(session, call, parameters, table)
    query = asked_rows(session, table, ordered(asked.query, given.get("sysparm_orderby", "")), given.get("sys_id", ""))
    rows = RowRange(table, query, row_limit(session, given.get("sysparm_record_count", ""), choices.limits), 0)
    shape = Shapes(session, call, parameters, fields)

    def show(session: Session, rows: list[Values]) -> list[Result]:
        return Shapes(session, call, parameters, fields).results([session.record(table, row) for row in rows])

    found, further = page_parts(call, instance, session, rows, rows.beginning(session), show, repeats=shape.repeats)
    labels = _flag(given.get("sysparm_export_column_header_label"), default=choices.labels(session))
    return Export(table, fields, found, further, display, labels)


def _flag(text: str | None, *, default: bool) -> bool:
    return default if text is None else text.lower() == "true"


def _with_columns(session: Session, call: Call, table: str, asked: Parameters, choices: Choices) -> Parameters:
    """Return the parameters with those of a list as columns, unless they name some or all are wanted."""
    every = call.query.get("sysparm_default_export_fields", "").lower() == "all"
    if asked.fields or asked.view or every or choices.whole:
        return replace(asked, view="") if every and not asked.fields else asked
    return replace(asked, fields=tuple(column.name for column in chosen(session, table)))


class Format(Protocol):
    """One way to write rows piece by piece."""

    choices: Choices

    def answer(self, session: Session, export: Export) -> Answer:
        """Return the file."""


class RowExport:
    """Answers with the rows of a table in one format."""

    def __init__(self, instance: Instance, form: Format) -> None:
        self._instance = instance
        self._form = form

    def answer(self, call: Call, table: str) -> Answer:
        """Answer a call on the address of a table; raises PlatformError."""
        with self._instance.transaction(call.user, call.findings) as session:
            export = open_export(call, self._instance, session, table, self._form.choices)
            return self._form.answer(session, export)


# CSV

_CHARSETS = frozenset(
    {
        "windows-1250",
        "windows-1251",
        "windows-1252",
        "iso-8859-1",
        "iso-8859-2",
        "iso-8859-15",
        "us-ascii",
        "utf-8",
        "shift_jis",
        "euc-jp",
        "euc-kr",
        "gbk",
        "gb18030",
        "big5",
    }
)
_CHARSET = Property("glide.export.csv.charset", "windows-1252")
_RAW, _LABELS = Property("glide.export.csv.raw.value"), Property("glide.export.csv.column_header_label")
_ESCAPED = Property("glide.export.escape_formulas", "true")
_FORMULA = ("+", "-", "=", "@")
_SKIPPED = "\t\r\n"
"""Characters that spreadsheets skip before a formula."""


class Csv:
    """Comma-separated values, every one in quotes, lines ended by CR and LF (the last two inferred)."""

    choices = Choices(
        limits=(Property("glide.csv.export.limit"), UI_LIMIT),
        display=lambda session: not session.is_on(_RAW),
        labels=lambda session: session.is_on(_LABELS),
    )

    def answer(self, session: Session, export: Export) -> Answer:
        """Return the file in the instance's character set; what that lacks becomes a question mark."""
        named = session.system_property(_CHARSET).lower()
        charset = named if named in _CHARSETS else _CHARSET.usual
        cells = Cells(session, export)

        def write(results: list[Result]) -> bytes:
            return _lines(map(cells.row, results)).encode(charset, "replace")

        layout = Layout(_lines([cells.headings]).encode(charset, "replace"), write, b"", b"")
        return laid_out(
            layout, export.results, export.further, export.headers(f"text/csv;charset={charset.upper()}", "csv")
        )


class Cells:
    """The texts of a file of cells; an apostrophe is before what a spreadsheet would take for a formula."""

    def __init__(self, session: Session, export: Export) -> None:
        self._export = export
        self._longest = LONGEST_CELL if export.display else None
        self._escapes = session.is_on(_ESCAPED)

    def row(self, result: Result) -> list[str]:
        """Return those of one record."""
        return [self._cell(result[name]) for name in self._export.fields.names]

    @property
    def headings(self) -> list[str]:
        """Those above the columns."""
        return [self._cell(heading) for heading in self._export.headings]

    def _cell(self, value: Value) -> str:
        text = str(value)[: self._longest]
        return f"'{text}" if self._escapes and text.lstrip(_SKIPPED).startswith(_FORMULA) else text


def _lines(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


# XML

_IN_ATTRIBUTES = str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})
_XML_LIMITS = Property("glide.xml.export.limit"), UI_LIMIT


class Xml:
    """XML: one element a record, one a column; a reference has the name of its record in an attribute.

    Args:
        root: the name of the element around all.
        action: what importing a record does, an attribute of each; empty for none.
    """

    choices = Choices(_XML_LIMITS, display=lambda _session: False, labels=lambda _session: False, both=True, whole=True)

    def __init__(self, root: str, action: str = "") -> None:
        self._root = root
        self._action = action

    def answer(self, session: Session, export: Export) -> Answer:
        """Return the file."""
        date = f' unload_date="{session.now}"' if self._action else ""
        action = f' action="{self._action}"' if self._action else ""
        opening, closing = f"{HEAD}<{self._root}{date}>", f"</{self._root}>"
        fields = export.fields.fields

        def write(results: list[Result]) -> bytes:
            texts = Texts()
            records = (_record(fields, result, texts) for result in results)
            return "".join(f"<{export.table}{action}>{record}</{export.table}>" for record in records).encode()

        layout = Layout(opening.encode(), write, b"", closing.encode())
        headers = export.headers("text/xml;charset=UTF-8", "xml")
        return laid_out(layout, export.results, export.further, headers)


def _record(fields: Iterable[Field], result: Result, texts: Mapping[str, str]) -> str:
    return "".join(_element(field, result[field.key], texts) for field in fields)


def _element(field: Field, value: Value, texts: Mapping[str, str]) -> str:
    text, named = (value, "") if isinstance(value, str) else (value["value"], value["display_value"])
    attribute = f' display_value="{_attribute(named)}"' if field.column.is_reference and text and named else ""
    return f"<{field.key}{attribute}>{texts[text]}</{field.key}>" if text else f"<{field.key}/>"


def _attribute(text: str) -> str:
    return character_data(text).translate(_IN_ATTRIBUTES)
