"""What the rows of files get before they are stored, because no business rule runs."""

from collections.abc import Iterable, Iterator, Mapping

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.dictionary_rows import CHOICES, COLUMNS, TABLES
from mock_servicenow.now_platform.dictionary.values import is_storable
from mock_servicenow.now_platform.records.intake import COUNTERS, assign_number
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import one_way
from privman_core.natural_numbers import MANY, natural_number

Key = tuple[str, ...]
KEYS: Mapping[str, tuple[str, ...]] = {
    TABLES: ("name",),
    COLUMNS: ("name", "element"),
    CHOICES: ("name", "element", "value", "language"),
    "sys_properties": ("name",),
    "sys_user_role": ("name",),
    "sys_user_group": ("name",),
    "sys_user": ("user_name",),
    "sys_number": ("category",),
    "oauth_entity": ("client_id",),
}
"""The columns by which a record of another instance is one that is here already, whatever their sys_ids."""
"""Of a count: every number with so many fits in the database."""


def key_of(table: str, values: Mapping[str, str]) -> Key:
    """Return the table and the values by which a record is known; empty if it is known by none."""
    key = [values.get(name, "") for name in KEYS.get(table, ())]
    if not key or not key[0] or not all(map(is_storable, key)):
        return ()
    return (table, *key[:-1], key[-1] or "en") if table == CHOICES else (table, *key)


def complete(session: Session, table: str, values: dict[str, str]) -> None:
    """Give a new record what rules would: a number, and a user the full name."""
    assign_number(session, table, values)
    if session.dictionary.root(table) == "sys_user" and not values.get("name"):
        values["name"] = " ".join(filter(None, (values.get("first_name"), values.get("last_name"))))


def count_past(session: Session, numbers: Iterable[tuple[str, str]]) -> None:
    """Let counting go on after numbers, each with its table, that records have already."""
    by_table: dict[str, list[str]] = {}
    for table, number in numbers:
        by_table.setdefault(table, []).append(number)
    for table, taken in by_table.items():
        counter = session.find(COUNTERS, category=table)
        if counter is not None:
            prefix = counter["prefix"] or session.schema.plans[table].table.number_prefix or ""
            following = max(_count(number, prefix) for number in taken) + 1
            if int(counter["number"] or 0) < following:
                session.change_row(COUNTERS, counter.sys_id, {"number": str(following)})


def _count(number: str, prefix: str) -> int:
    """Return the count in a number; -1 for one with another prefix, or with more digits than counting can reach."""
    count = natural_number(number.removeprefix(prefix)) if number.startswith(prefix) else None
    return -1 if count is None or count == MANY else count


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
