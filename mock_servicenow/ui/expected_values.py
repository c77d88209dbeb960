"""The values that a field accepts, as the error beside it says."""

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.visible_schema import label

_MOST_CHOICES = 12
_MOMENT = "2026-12-24 16:30:00"


def expected(session: Session, column: Column) -> str:  # noqa: PLR0911 - one sentence a kind
    """Return which values a field of this column accepts."""
    if column.is_reference:
        return _of_reference(session, column)
    if column.choices:
        return _of_choices(column)
    match column.family:
        case Family.DATE_TIME:
            return f"a date and time such as {session.formats.date_time(_MOMENT)}"
        case Family.DATE:
            return f"a date such as {session.formats.date(_MOMENT[:10])}"
        case Family.DURATION:
            return "hours, minutes and seconds, such as 16, 30 and 00"
        case Family.PAIRS:
            return "at least one name with its value"
        case Family.INTEGER:
            return "a whole number such as 15"
        case Family.DECIMAL:
            return "a number such as 1.5"
        case Family.TEXT:
            return f"text of at most {column.max_length:,} characters"
    noun = column.family.noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _of_reference(session: Session, column: Column) -> str:
    name = column.reference or ""
    shown = session.dictionary.columns(name)[session.dictionary.display_column(name)]
    return f"the {shown.label} or sys_id of one record of {label(session, name)}"


def _of_choices(column: Column) -> str:
    labels = [choice.label for choice in column.choices]
    more = " …" if len(labels) > _MOST_CHOICES else ""
    return f"one of {', '.join(labels[:_MOST_CHOICES])}{more}"
