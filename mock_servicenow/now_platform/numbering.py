"""Record numbers such as ``INC0010001``: a prefix and a counter (platform 1.8)."""

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from mock_servicenow.now_platform.session import Session

COUNTERS = "sys_number"
FIRST = 10_001
DIGITS = 7


def assign(session: "Session", table: str, values: dict[str, str]) -> None:
    """Give a new record its number, unless the table is not numbered or the record has one."""
    definition = session.dictionary.table(table)
    if definition is None or definition.number_prefix is None or values.get("number"):
        return
    values["number"] = f"{definition.number_prefix}{_next(session, table):0{DIGITS}d}"


def _next(session: "Session", table: str) -> int:
    """Return the table's next count; others wait for this transaction to end before they get theirs."""
    counters = session.dictionary.sql_table(COUNTERS)
    advance = (
        sa.update(counters)
        .where(counters.c.category == table)
        .values(number=counters.c.number + 1)
        .returning(counters.c.number)
    )
    advanced = session.work.transaction.execute(advance).scalar()
    if advanced is not None:
        return int(advanced) - 1
    session.elevated.insert(COUNTERS, {"category": table, "number": str(FIRST + 1)})
    return FIRST
