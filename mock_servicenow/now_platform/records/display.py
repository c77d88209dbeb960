"""What people read in place of a stored value (platform 1.7)."""

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.dictionary.column_types import (
    DATE_TIME_TYPES,
    INTEGER_TYPES,
    JOURNAL_TYPES,
    NUMBER_TYPES,
    PASSWORD_TYPES,
)
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.values import UNITS, duration_seconds
from mock_servicenow.now_platform.records import journal_fields
from mock_servicenow.now_platform.records.references import MOST_NAMED

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.record import Record
    from mock_servicenow.now_platform.records.session import Session

CURRENCY_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_CODES = {sign: code for code, sign in CURRENCY_SIGNS.items()}
_AMOUNT = re.compile(r"(?P<sign>[$€£¥]|[A-Z]{3}(?= )) ?(?P<number>-?[\d,]*\d(?:\.\d+)?)", re.ASCII)
_LONGEST_NAME = 255
"""Characters of a name in a list of them, which may have it any number of times."""
PASSWORD_MASK = "********"  # noqa: S105 - what stands in for one


class Displays:
    """What one session's user reads in records; how a column is displayed is chosen once."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._words: dict[tuple[str, str], Words] = {}

    def of(self, record: "Record", name: str) -> str:
        """Return what is read in a column of a record."""
        column, value = self._session.dictionary.columns(record.table)[name], record.values[name]
        if column.type in JOURNAL_TYPES:
            if name in self._session.sight.hidden(record.table):
                return ""
            return journal_fields.history(self._session, record, column)
        return value and self._words_of(record.table, column)(value)

    def _words_of(self, table: str, column: Column) -> "Words":
        words = self._words.get((table, column.name))
        if words is None:
            words = self._words[table, column.name] = words_of(self._session, column)
        return words


def words_of(session: "Session", column: Column) -> "Words":
    """Return what gives the words that people read in place of a stored value of a column."""
    if column.is_reference:
        return partial(session.references.display, column)
    if column.choices:
        labels = {choice.value: choice.label for choice in reversed(column.choices)}
        return lambda value: labels.get(value, value)
    show = _SHOWN.get(column.type)
    return str if show is None else partial(show, session, column)


def _list(session: "Session", column: Column, value: str) -> str:
    if column.reference is None:
        return value.replace(",", ", ")
    items = value.split(",", MOST_NAMED)
    session.references.fetch(column, items[:MOST_NAMED])
    names = [session.references.display(column, item)[:_LONGEST_NAME] for item in items[:MOST_NAMED]]
    return ", ".join([*names, *items[MOST_NAMED:]])


def _class(session: "Session", _column: Column, value: str) -> str:
    table = session.dictionary.table(value)
    return value if table is None else table.label


def _number(_session: "Session", column: Column, value: str) -> str:
    return f"{int(value):,}" if column.type in INTEGER_TYPES else f"{float(value):,.15g}"


Words = Callable[[str], str]
_Show = Callable[["Session", Column, str], str]
_SHOWN: dict[str, _Show] = {
    "glide_duration": lambda _session, _column, value: duration_words(duration_seconds(value)),
    "glide_date": lambda session, _column, value: session.formats.date(value),
    "glide_list": _list,
    "sys_class_name": _class,
    **dict.fromkeys(DATE_TIME_TYPES, lambda session, _column, value: session.formats.date_time(value)),
    **dict.fromkeys(INTEGER_TYPES | NUMBER_TYPES, _number),
    **dict.fromkeys(("currency", "price"), lambda _session, _column, value: currency(value)),
    **dict.fromkeys(PASSWORD_TYPES, lambda _session, _column, _value: PASSWORD_MASK),
}


def currency(stored: str) -> str:
    """Return an amount such as ``USD;1234.5`` with its sign: ``$1,234.50``; other text as it is."""
    code, separator, amount = stored.partition(";")
    try:
        number = f"{float(amount):,.2f}"
    except ValueError:
        return stored
    return f"{CURRENCY_SIGNS.get(code, f'{code} ')}{number}" if separator else stored


def parse_currency(displayed: str) -> str:
    """Return the stored form of an amount written with its sign or code: ``USD;1234.50``; other text as it is."""
    amount = _AMOUNT.fullmatch(displayed)
    if amount is None:
        return displayed
    return f"{_CODES.get(amount['sign'], amount['sign'])};{amount['number'].replace(',', '')}"


def duration_words(seconds: int) -> str:
    """Return a duration in words: ``16 Hours 30 Minutes``, ``0 Seconds``."""
    words = list(_words(seconds))
    return " ".join(words) or "0 Seconds"


def _words(seconds: int) -> Iterable[str]:
    for unit, size in UNITS.items():
        amount, seconds = divmod(seconds, size)
        if amount:
            yield f"{amount} {unit.title()}{'s' * (amount != 1)}"
