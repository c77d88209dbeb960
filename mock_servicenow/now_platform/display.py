"""What people read in place of a stored value (platform 1.7)."""

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from mock_servicenow.now_platform import journal_fields
from mock_servicenow.now_platform.dictionary import DATE_TIME_TYPES, JOURNAL_TYPES, PASSWORD_TYPES, Column
from mock_servicenow.now_platform.physical import storage_kind
from mock_servicenow.now_platform.values import DATE_TIME, UNITS, duration_seconds

if TYPE_CHECKING:
    from mock_servicenow.now_platform.record import Record
    from mock_servicenow.now_platform.session import Session

PASSWORD_MASK = "********"  # noqa: S105 - what stands in for one


def display_value(session: "Session", record: "Record", column: Column) -> str:
    """Return what people read in that column of a record."""
    value = record[column.name]
    if column.type in JOURNAL_TYPES:
        return journal_fields.history(session, record, column)
    if not value:
        return ""
    if column.is_reference:
        return session.references.display(column, value)
    if column.choices:
        return next((choice.label for choice in column.choices if choice.value == value), value)
    if column.type in DATE_TIME_TYPES:
        return local_date_time(value, session.time_zone)
    return _by_type(session, column, value)


def _by_type(session: "Session", column: Column, value: str) -> str:
    if column.type == "glide_duration":
        return duration_words(duration_seconds(value))
    if column.type in PASSWORD_TYPES:
        return PASSWORD_MASK
    if column.type == "sys_class_name":
        table = session.dictionary.table(value)
        return value if table is None else table.label
    if column.type == "glide_list":
        return ", ".join(session.references.display(column, item) for item in value.split(","))
    return value if storage_kind(column.type) == "text" else f"{float(value):,.15g}"


def local_date_time(stored: str, zone: tzinfo) -> str:
    """Return a stored date-time on the wall clock of a time zone, in the platform's default format."""
    moment = datetime.strptime(stored, DATE_TIME).replace(tzinfo=UTC)
    return moment.astimezone(zone).strftime(DATE_TIME)


def utc_date_time(local: str, zone: tzinfo) -> str:
    """Return the stored form of a date-time on the wall clock of a time zone; other text as it is."""
    try:
        moment = datetime.strptime(local, DATE_TIME).replace(tzinfo=zone)
    except ValueError:
        return local
    return moment.astimezone(UTC).strftime(DATE_TIME)


def duration_words(seconds: int) -> str:
    """Return a duration in words: ``16 Hours 30 Minutes``, ``0 Seconds``."""
    words = list(_words(seconds))
    return " ".join(words) or "0 Seconds"


def _words(seconds: int) -> Iterable[str]:
    for unit, size in UNITS.items():
        amount, seconds = divmod(seconds, size)
        if amount:
            yield f"{amount} {unit.title()}{'s' * (amount != 1)}"
