"""What the rows of files get before they are stored, because no business rule runs."""

from collections.abc import Iterator

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.records.intake import assign_number
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import one_way


def complete(session: Session, table: str, values: dict[str, str]) -> None:
    """Give a new record what rules would: a number, and a user the full name."""
    assign_number(session, table, values)
    if session.dictionary.root(table) == "sys_user" and not values.get("name"):
        values["name"] = " ".join(filter(None, (values.get("first_name"), values.get("last_name"))))


def to_stored(session: Session, table: str, values: dict[str, str]) -> dict[str, str]:
    """Return the values with secrets in their stored form, and with what the table's life cycle repeats of them."""
    values = values | dict(_secrets(session, table, values))
    cycle = session.dictionary.life_cycle(table)
    return values if cycle is None else cycle.mirrored(values)


def _secrets(session: Session, table: str, values: dict[str, str]) -> Iterator[tuple[str, str]]:
    columns = session.dictionary.columns(table)
    for name in session.dictionary.columns_of(table, Family.PASSWORD):
        store = one_way(session.dictionary.root(table), name, columns[name].type)
        if store is not None and values.get(name):
            yield name, store(values[name], session.ids)
