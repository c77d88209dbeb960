"""Values in a request body, turned from display values into raw ones where the client says so (platform 1.3, 1.7)."""

from typing import TYPE_CHECKING

from mock_servicenow.now_platform.column_types import DATE_TIME_TYPES, PASSWORD_TYPES
from mock_servicenow.now_platform.dictionary import Column
from privman_testbench.findings import Finding

if TYPE_CHECKING:
    from mock_servicenow.now_platform.session import Session


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
    return next((choice.value for choice in column.choices if choice.label == text), text)
