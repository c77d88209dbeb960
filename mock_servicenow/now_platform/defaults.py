"""What a new record holds before anybody writes to it (platform 1.8)."""

from typing import TYPE_CHECKING

from mock_servicenow.now_platform.dictionary import Column

if TYPE_CHECKING:
    from mock_servicenow.now_platform.session import Session

_SCRIPT = "javascript:"


def default_values(session: "Session", table: str) -> dict[str, str]:
    """Return a new record of the table: every column, empty or with its default."""
    values = dict.fromkeys(session.dictionary.columns(table), "")
    for column in session.dictionary.columns_with_default(table):
        values[column.name] = _default(session, column)
    return values


def _default(session: "Session", column: Column) -> str:
    """Return what a new record holds in that column: a literal, or one of the calls that default scripts make."""
    default = column.default or ""
    if not default.startswith(_SCRIPT):
        return default
    calls = {
        "gs.getUserID()": session.user.sys_id,
        "gs.getUserName()": session.user.user_name,
        "gs.nowDateTime()": session.now,
    }
    return calls.get(default.removeprefix(_SCRIPT), "")
