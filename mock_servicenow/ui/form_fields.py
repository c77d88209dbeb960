"""The fields of a form: the control of each column, and its value."""

from msgspec import Struct, field

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import CLASS_COLUMN, SYSTEM_COLUMNS, Column
from mock_servicenow.now_platform.records.list_columns import readable
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.composite_values import Pair, read_pairs, split_duration
from mock_servicenow.ui.visible_schema import column_text, is_number

LONG_TEXT = 255
LONGEST_SHOWN = 64 * 1024
"""Longest value that a form can edit; a longer one is read-only, because posting the shown part would shorten it."""
MOST_PAIRS = 300
"""Name-value pairs that a form can edit: a form has at most 1,000 fields."""
FEW = 12
"""A form with so many fields or fewer has one column, in the dictionary's order, as the app's printed forms have."""
_WIDE = frozenset({"long", "pairs", "journal"})
_ONE_LINE = 1_000
_SYSTEM = {column.name for column in (*SYSTEM_COLUMNS, CLASS_COLUMN)}


class FormField(Struct):
    """One field.

    Attributes:
        name: of its control; the names of several controls begin with it.
        control: ``fixed``, ``text``, ``long``, ``checkbox``, ``choice``, ``duration``, ``pairs``, ``password``,
            ``journal`` or ``reference``.
        value: the text in the control.
        shown: the text of a field that cannot be changed.
        url: address of the record it refers to; empty if there is none.
        parts: hours, minutes and seconds of a duration.
        pairs: name-value pairs.
        blank: whether an empty row follows the pairs.
        hint: why the field is read-only, although the user may change others.
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
    blank: bool = False
    hint: str = ""

    @property
    def is_number(self) -> bool:
        """Whether the value is aligned to the right."""
        return is_number(self.column)

    @property
    def is_wide(self) -> bool:
        """Whether the field is as wide as both columns of a form."""
        return self.control in _WIDE or len(self.shown) > LONG_TEXT

    @property
    def rows(self) -> int:
        """Lines of a text area, which grows as it is filled."""
        return 1 if self.column.max_length <= _ONE_LINE else 4


def form_fields(
    session: Session, record: Record, *, writable: bool, kept: frozenset[str] = frozenset()
) -> list[FormField]:
    """Return the fields of a record in the dictionary's order, without system columns.

    Args:
        session: reads.
        record: as stored, or a new one.
        writable: whether the user may change it.
        kept: columns that the form shows and never changes.
    """
    locked = session.sight.locked(record.table) | kept
    return [
        _field(session, record, column, fixed=not writable or column.read_only or column.name in locked)
        for column in readable(session, record.table).values()
        if column.name not in _SYSTEM
    ]


def is_system(name: str) -> bool:
    """Return whether it is a column that every table has, or every table with classes."""
    return name in _SYSTEM


def sections(fields: list[FormField]) -> list[tuple[str, list[FormField]]]:
    """Return the fields of a form by the heading of their section; a short form has one section without a heading."""
    if len(fields) <= FEW:
        return [("", fields)]
    journals = [each for each in fields if each.column.family is Family.JOURNAL]
    others = [each for each in fields if each.column.family is not Family.JOURNAL]
    narrow = [each for each in others if not each.is_wide]
    wide = [each for each in others if each.is_wide]
    return [(heading, some) for heading, some in (("", narrow), ("Details", wide), ("Notes", journals)) if some]


def system_fields(session: Session, record: Record) -> list[tuple[str, str]]:
    """Return the labels and texts of the system columns that have a value."""
    columns = readable(session, record.table)
    kept = [column for name, column in columns.items() if name in _SYSTEM]
    texts = ((column.label, column_text(session, record, column, LONGEST_SHOWN)) for column in kept)
    return [(label, text) for label, text in texts if text]


def to_text(session: Session, record: Record, column: Column) -> str:
    """Return the text in the control of a column."""
    if column.is_reference or column.family in {Family.DATE, Family.DATE_TIME}:
        return session.display(record, column.name)
    return "" if column.family.concealed else record[column.name].replace("\r\n", "\n")


def _field(session: Session, record: Record, column: Column, *, fixed: bool) -> FormField:
    is_long = len(record[column.name]) > LONGEST_SHOWN
    made = FormField(f"{record.table}.{column.name}", column, "fixed" if fixed or is_long else _control(column))
    if is_long:
        made.hint = f"The first {LONGEST_SHOWN:,} characters of {len(record[column.name]):,}. A form cannot change it."
    made.value = "" if is_long else to_text(session, record, column)
    made.shown = column_text(session, record, column, LONGEST_SHOWN)
    if column.is_reference and record[column.name]:
        made.url = f"/{column.reference}.do?sys_id={record[column.name]}"
    if column.family is Family.DURATION:
        made.parts = split_duration(record[column.name])
    if column.family is Family.PAIRS:
        # Other text is not shown, because it might contain a secret.
        made.value, made.pairs = "", read_pairs(record[column.name]) or []
        if len(made.pairs) > MOST_PAIRS:
            made.control = "fixed"
            made.hint = f"{len(made.pairs):,} pairs. A form changes at most {MOST_PAIRS:,}."
    return made


def _control(column: Column) -> str:
    if column.choices:
        return "choice"
    if column.is_reference:
        return "reference"
    return "long" if column.max_length > LONG_TEXT and column.type == "string" else column.family.control
