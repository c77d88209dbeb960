"""Values in a request body, turned from display values into raw ones where the client says so (platform 1.3, 1.7)."""

import re
from itertools import islice
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.dictionary.column_types import (
    DATE_TIME_TYPES,
    INTEGER_TYPES,
    NUMBER_TYPES,
    PASSWORD_TYPES,
)
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.records.display import parse_currency
from mock_servicenow.now_platform.records.intake import LONGEST_VALUE, is_sys_id
from privman_core.findings import Finding

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.session import Session

MOST_NAMES = 1_000
"""Different names of a list that are looked up; the others stay as they are (I)."""
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?", re.ASCII)


def to_raw(session: "Session", table: str, values: dict[str, str], *, display: bool) -> dict[str, str]:
    """Return raw values for a client's values, which are display values if ``display`` says so.

    Passwords are taken as display values only: the platform would store a raw one as if it were encrypted already.
    """
    columns = session.dictionary.columns(table)
    if display:
        return {
            name: _from_display(session, columns[name], value) if name in columns else value
            for name, value in values.items()
        }
    passwords = session.dictionary.columns_of_type(table, PASSWORD_TYPES)
    for name in filter(passwords.__contains__, values):
        message = f"table {table}: password '{name}' is not set without sysparm_input_display_value=true: ignored"
        session.findings.append(Finding("swallowed", "password-ignored", message, name))
    return {name: value for name, value in values.items() if name not in passwords} if passwords else values


def _from_display(session: "Session", column: Column, text: str) -> str:
    if column.type in DATE_TIME_TYPES:
        return session.formats.to_utc(text)
    if column.type == "glide_date":
        return session.formats.to_date(text)
    if column.type == "glide_list":
        return _list(session, column, text)
    if column.type in {"currency", "price"}:
        return parse_currency(text)
    if column.type in INTEGER_TYPES | NUMBER_TYPES and len(text) <= LONGEST_VALUE and _GROUPED.fullmatch(text):
        return text.replace(",", "")
    return next((choice.value for choice in column.choices if choice.label == text), text)


def _list(session: "Session", column: Column, text: str) -> str:
    """Return the sys_ids of a list of names; what names no single record stays as it is."""
    entries = [entry.strip() for entry in text.split(",")]
    if column.reference is None:
        return ",".join(entries)
    names = islice((entry for entry in dict.fromkeys(entries) if not is_sys_id(entry)), MOST_NAMES)
    known = {name: session.by_display(column.reference, name) or name for name in names}
    return ",".join(known.get(entry, entry) for entry in entries)
