"""Record numbers such as ``INC0010001``: a prefix and a counter (platform 1.8)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.sql_tables import Folded
from privman_core.findings import Finding

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.session import Session

COUNTERS = "sys_number"
FIRST = 10_001
DIGITS = 7
_LAST = 2**63 - 1  # what the database counts to


def assign(session: "Session", table: str, values: dict[str, str]) -> None:
    """Give a new record its number, unless the table is not numbered or the record has one.

    Without a counter, which an administrator may delete, empty or count to its end, there is none.
    """
    definition = session.dictionary.table(table)
    if definition is None or definition.number_prefix is None or values.get("number"):
        return
    count = _next(session, table)
    if count is None:
        session.findings.append(Finding("swallowed", "number-missing", f"table {table}: no counter gives a number"))
        return
    values["number"] = f"{definition.number_prefix}{count:0{DIGITS}d}"


def _next(session: "Session", table: str) -> int | None:
    """Return the table's next count; others wait for this transaction to end before they get theirs."""
    store, transaction = session.instance.store, session.work.transaction
    counter = store.prepared(COUNTERS, lambda: _counter(session.dictionary))
    for sys_id, number in transaction.run(counter, {"table": table}):
        if number is None or number >= _LAST:
            return None
        transaction.run(store.update(COUNTERS, ("number",)), (number + 1, sys_id))
        return int(number)
    return None


def _counter(dictionary: Dictionary) -> sa.ClauseElement:
    rows = dictionary.sql_table(COUNTERS)
    table: sa.ColumnElement[str] = sa.bindparam("table", type_=rows.c.category.type)
    # Indexes on texts are folded: the first condition finds the row, the second proves it.
    found = sa.and_(Folded(rows.c.category) == Folded(table), rows.c.category == table)
    return sa.select(rows.c.sys_id, rows.c.number).where(found).with_for_update()


def counters(dictionary: Dictionary) -> Iterator[tuple[str, dict[str, str]]]:
    """Return a row for each numbered table, from which its numbers are counted."""
    for table in dictionary:
        if table.number_prefix is not None:
            yield COUNTERS, {"category": table.name, "prefix": table.number_prefix, "number": str(FIRST)}
