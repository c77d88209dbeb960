"""The columns of a table that its list shows to a user."""

from mock_servicenow.now_platform.dictionary.definitions import SYSTEM_COLUMNS, Column
from mock_servicenow.now_platform.records.list_indexes import MOST_COLUMNS
from mock_servicenow.now_platform.records.session import Session

_SYSTEM = {column.name for column in SYSTEM_COLUMNS}
_LAST = "sys_created_on"


def readable(session: Session, table: str) -> dict[str, Column]:
    """Return the columns that the user may see, in the dictionary's order, system columns last."""
    hidden = session.sight.hidden(table)
    columns = [column for name, column in session.dictionary.columns(table).items() if name not in hidden]
    columns.sort(key=lambda column: column.name in _SYSTEM)
    return {column.name: column for column in columns}


def listable(session: Session, table: str) -> dict[str, Column]:
    """Return the readable columns that a list can show: all except secrets and journals."""
    return {name: column for name, column in readable(session, table).items() if not column.family.concealed}


def chosen(session: Session, table: str, fields: tuple[str, ...] = ()) -> list[Column]:
    """Return the columns of a list: ``fields``, or else the display column, a few others and the creation time.

    The sys_id is never the first column, where there is another.
    """
    columns = listable(session, table)
    named = [columns[name] for name in dict.fromkeys(fields) if name in columns]
    if named:
        return named
    display = session.dictionary.display_column(table)
    own = [name for name in columns if name not in _SYSTEM and name != display]
    first = [display] if display in columns else []
    usual = [*own[:MOST_COLUMNS], *first, _LAST] if display == "sys_id" else [*first, *own[:MOST_COLUMNS], _LAST]
    return [columns[name] for name in dict.fromkeys(usual) if name in columns]
