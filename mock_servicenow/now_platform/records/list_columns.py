"""The columns of a table that its list shows to a user."""

from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.usual_columns import SYSTEM, usual_columns


def readable(session: Session, table: str) -> dict[str, Column]:
    """Return the columns that the user may see, in the dictionary's order, system columns last."""
    hidden = session.sight.hidden(table)
    columns = [column for name, column in session.dictionary.columns(table).items() if name not in hidden]
    columns.sort(key=lambda column: column.name in SYSTEM)
    return {column.name: column for column in columns}


def listable(session: Session, table: str) -> dict[str, Column]:
    """Return the readable columns that a list can show: all except secrets and journals."""
    return {name: column for name, column in readable(session, table).items() if not column.family.concealed}


def chosen(session: Session, table: str, fields: tuple[str, ...] = ()) -> list[Column]:
    """Return the columns of a list: ``fields``, or else the usual ones."""
    columns = listable(session, table)
    named = [columns[name] for name in dict.fromkeys(fields) if name in columns]
    if named:
        return named
    return [columns[name] for name in usual_columns(columns, session.dictionary.display_column(table))]
