"""What a new record holds before anybody writes to it (platform 1.8)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.session import Session


def default_values(session: "Session", table: str) -> dict[str, str]:
    """Return a new record of the table: every column, empty or with its default."""
    values = session.dictionary.new_record(table)
    for name, call in session.dictionary.scripted_defaults(table).items():
        values[name] = _result(session, call)
    return values


def _result(session: "Session", call: str) -> str:
    """Return what one of the calls that default scripts make gives; nothing for any other."""
    calls = {
        "gs.getUserID()": session.user.sys_id,
        "gs.getUserName()": session.user.user_name,
        "gs.nowDateTime()": session.now,
    }
    return calls.get(call, "")
