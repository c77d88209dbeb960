"""Exports as a workbook: ``/incident_list.do?XLSX`` (Docs: export limits).

Workbook libraries write the file in one go, which blocked other requests for over a second. This module streams it
while it reads the rows.
"""

from collections.abc import Iterable, Iterator
from io import RawIOBase
from itertools import chain
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.xml_text import HEAD, character_data
from mock_servicenow.now_platform.rest.address_queries import UI_LIMIT, row_limit
from mock_servicenow.now_platform.rest.call import Answer
from mock_servicenow.now_platform.rest.exports import Cells, Choices, Export

MOST_CELLS = 500_000
ROWS_OF_SHEET = 32_000
LONGEST_CELL = 32_767
"""UTF-16 code units of a cell (Excel specifications and limits)."""
STOPPED = "Export stopped due to excessive size. Use CSV for a complete export"
_DISPLAYED, _LABELS = (
    Property(f"glide.export.xlsx.{name}", "true") for name in ("display_value", "column_header_label")
)
_MOST_CELLS = Property("glide.xlsx.max_cells")
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


class Xlsx:
    """A workbook whose cells are all texts, as by default on the platform."""

    choices = Choices(
        limits=(Property("glide.xlsx.export.limit"), UI_LIMIT),
        display=lambda session: session.is_on(_DISPLAYED),
        labels=lambda session: session.is_on(_LABELS),
    )

    @staticmethod
    def answer(session: Session, export: Export) -> Answer:
        """Return the file in pieces."""
        most = row_limit(session, "", [_MOST_CELLS], MOST_CELLS)
        cells = Cells(session, export)
        rows = (map(cells.row, part) for part in chain([export.results], export.further or ()))
        pieces = filter(None, _pieces(cells.headings, rows, most))
        return Answer(200, headers=export.headers(f"{_TYPE}.sheet", "xlsx"), pieces=pieces)


def _pieces(headings: list[str], parts: Iterable[Iterable[list[str]]], most_cells: int) -> Iterator[bytes]:
    """Yield a workbook, some of it for each part of its rows."""
    workbook = _Workbook(headings)
    for part in parts:
        for row in part:
            most_cells -= len(headings)
            if most_cells < 0:
                workbook.add([STOPPED])
                yield workbook.end()
                return
            workbook.add(row)
        yield workbook.take()
    yield workbook.end()


class _Workbook:
    """A workbook that is being written; what has been taken of it is not kept."""

    def __init__(self, headings: list[str]) -> None:
        self._written = _Pipe()
        self._files = ZipFile(self._written, "w", ZIP_DEFLATED)
        self._headings = headings
        self._sheets = 0
        self._rows = 0
        self._sheet = self._begin()

    def add(self, row: list[str]) -> None:
        """Write a row, on a new sheet once one is full."""
        if self._rows == ROWS_OF_SHEET:
            self._end_sheet()
            self._sheet = self._begin()
        self._rows += 1
        self._sheet.write(_row(row))

    def take(self) -> bytes:
        """Return what has been written since the last time."""
        return self._written.take()

    def end(self) -> bytes:
        """Write the rest and return it."""
        self._end_sheet()
        for name, content in _frame(self._sheets).items():
            self._files.writestr(ZipInfo(name), HEAD + content, ZIP_DEFLATED)
        self._files.close()
        return self.take()

    def _begin(self) -> IO[bytes]:
        self._sheets, self._rows = self._sheets + 1, 0
        file = ZipInfo(f"xl/worksheets/sheet{self._sheets}.xml")
        file.compress_type = ZIP_DEFLATED
        sheet = self._files.open(file, "w")
        sheet.write(f'{HEAD}<worksheet xmlns="{_MAIN}"><sheetData>'.encode() + _row(self._headings))
        return sheet

    def _end_sheet(self) -> None:
        self._sheet.write(b"</sheetData></worksheet>")
        self._sheet.close()


class _Pipe(RawIOBase):
    """A file that only goes forward, and forgets what has been taken of it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        self._pieces.append(bytes(data))
        return len(self._pieces[-1])

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def _row(texts: list[str]) -> bytes:
    cells = (
        f'<c t="inlineStr"><is><t xml:space="preserve">{character_data(_cell(text))}</t></is></c>' for text in texts
    )
    return f"<row>{''.join(cells)}</row>".encode()


def _cell(text: str) -> str:
    """Return as much of a text as a cell can hold; Excel repairs a file with more."""
    if len(text) * 2 <= LONGEST_CELL:
        return text
    return text.encode("utf-16-le")[: LONGEST_CELL * 2].decode("utf-16-le", "ignore")


def _frame(sheets: int) -> dict[str, str]:
    """Return the files around the sheets of a workbook, without their first line."""
    numbers = range(1, sheets + 1)
    types = "".join(_content(f"/xl/worksheets/sheet{number}.xml", "worksheet") for number in numbers)
    links = "".join(_link(number, "worksheet", f"worksheets/sheet{number}.xml") for number in numbers)
    names = "".join(f'<sheet name="Page {number}" sheetId="{number}" r:id="rId{number}"/>' for number in numbers)
    return {
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _links(links),
        "_rels/.rels": _links(_link(1, "officeDocument", "xl/workbook.xml")),
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f"{_content('/xl/workbook.xml', 'sheet.main')}{types}</Types>",
    }


def _content(path: str, kind: str) -> str:
    return f'<Override PartName="{path}" ContentType="{_TYPE}.{kind}+xml"/>'


def _links(content: str) -> str:
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{content}</Relationships>'


def _link(number: int, kind: str, target: str) -> str:
    return f'<Relationship Id="rId{number}" Type="{_DOCUMENT}/{kind}" Target="{target}"/>'
