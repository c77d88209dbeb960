"""The fields of a form: which control each column gets, and what stands in it."""

from dataclasses import dataclass, field

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import CLASS_COLUMN, SYSTEM_COLUMNS, Column
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui import durations
from mock_servicenow.ui.columns import readable
from mock_servicenow.ui.name_values import Pair, in_one_line, read_pairs

LONG_TEXT = 255
LONGEST_SHOWN = 64 * 1024
"""Characters of a value that a form shows; a longer one cannot be changed there, as posting it would cut it."""
MOST_PAIRS = 300
"""Rows of name-value pairs that can be changed on a form, which has 1,000 fields at most."""
_SYSTEM = {column.name for column in (*SYSTEM_COLUMNS, CLASS_COLUMN)}


@dataclass(slots=True)
class Field:
    """One field.

    Attributes:
        name: of its control; that of a control with several parts begins with it.
        control: ``fixed``, ``text``, ``long``, ``checkbox``, ``choice``, ``duration``, ``pairs``, ``password``,
            ``journal`` or ``reference``.
        value: what stands in the control.
        shown: what people read where the field cannot be changed.
        url: the record it refers to.
        parts: hours, minutes and seconds.
        pairs: the rows of name-value pairs.
    """

    name: str
    column: Column
    control: str
    value: str = ""
    shown: str = ""
    url: str = ""
    error: str = ""
    parts: tuple[str, ...] = ()
    pairs: list[Pair] = field(default_factory=list)


def form_fields(session: Session, record: Record, *, writable: bool) -> list[Field]:
    """Return the fields of a record in the dictionary's order, without those that the system keeps."""
    locked = session.sight.locked(record.table)
    return [
        _field(session, record, column, fixed=not writable or column.read_only or column.name in locked)
        for column in readable(session, record.table).values()
        if column.name not in _SYSTEM
    ]


def system_fields(session: Session, record: Record) -> list[tuple[str, str]]:
    """Return what the system keeps about a record, by label."""
    columns = readable(session, record.table)
    kept = ((column.label, session.display(record, name)) for name, column in columns.items() if name in _SYSTEM)
    return [(label, text) for label, text in kept if text]


def to_text(session: Session, record: Record, column: Column) -> str:
    """Return what stands in the control of a column."""
    if column.is_reference or column.family in {Family.DATE, Family.DATE_TIME}:
        return session.display(record, column.name)
    return "" if column.family.concealed else record[column.name].replace("\r\n", "\n")


def _field(session: Session, record: Record, column: Column, *, fixed: bool) -> Field:
    is_long = len(record[column.name]) > LONGEST_SHOWN
    made = Field(f"{record.table}.{column.name}", column, "fixed" if fixed or is_long else _control(column))
    made.value = "" if is_long else to_text(session, record, column)
    made.shown = _cut(_shown(session, record, column))
    if column.is_reference and record[column.name]:
        made.url = f"/{column.reference}.do?sys_id={record[column.name]}"
    if column.family is Family.DURATION:
        made.parts = durations.split(record[column.name])
    if column.family is Family.PAIRS:
        # Text that holds no pairs might hold a secret: it is not shown.
        made.value, made.pairs = "", read_pairs(record[column.name]) or []
        if len(made.pairs) > MOST_PAIRS:
            made.control = "fixed"
    return made


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _shown(session: Session, record: Record, column: Column) -> str:
    return in_one_line(record[column.name]) if column.family is Family.PAIRS else session.display(record, column.name)


def _control(column: Column) -> str:
    if column.choices:
        return "choice"
    if column.is_reference:
        return "reference"
    return "long" if column.max_length > LONG_TEXT and column.type == "string" else column.family.control
