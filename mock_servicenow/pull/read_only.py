"""An instance whose rows are copied: those of an earlier pull are not read again."""

from collections import Counter
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import cast

from mock_servicenow.pull.page_log import PageLog, Rows
from privman_core.outbound import HttpAnswer
from privman_core.table_reader import Listing, RowPage, TableReader

_TEXTS = frozenset({str})
REFUSED = "the user may not read them"
"""In lines of the report, which does not say who the user is."""
Replace = Callable[[Rows], Rows]


class ReadOnlyInstance:
    """An instance of which rows are kept.

    Args:
        reader: reads the instance.
        log: has pages already, and gets each that is read.
        tell: is told what is read.

    Attributes:
        hidden: how many rows of a table the instance counts, but does not show to the user.
    """

    def __init__(self, reader: TableReader[HttpAnswer], log: PageLog, tell: Callable[[str], None]) -> None:
        self._reader = reader
        self._log = log
        self._tell = tell
        self.user = reader.user
        self.hidden: Counter[str] = Counter()

    async def rows(
        self, table: str, query: str, fields: list[str], most: int | None = None, replace: Replace = list
    ) -> Rows:
        """Return the rows of a table that a query matches, at most so many, by sys_id.

        Args:
            table: its name.
            query: an encoded query.
            fields: columns to read, ``sys_id`` among them.
            most: rows; None for all.
            replace: makes of rows what is kept of them.

        Raises:
            UnreadableTableError: the user cannot read the table.
            UnreadableInstanceError: the instance does not answer, or with something else.
        """
        found: Rows = []
        listed, expected, asked = 0, None, frozenset(fields)

        async def page_at(path: str) -> RowPage:
            return self._log.get(path) or await self._read(path, asked, replace)

        async for page in Listing(table, query, tuple(fields), most).pages(page_at):
            if expected is None and page.total is not None:
                expected = page.total if most is None else min(most, page.total)
            found += page.rows
            listed += page.listed
            self._tell(f"{table}: {listed}{'' if expected is None else f' of {expected}'} rows")
        if expected is not None and listed < expected:
            self.hidden[table] += expected - listed
        return found

    async def _read(self, path: str, read: AbstractSet[str], replace: Replace) -> RowPage:
        page = await self._reader.page(path)
        page = page._replace(rows=replace([_texts(row, read) for row in page.rows]))
        self._log.add(path, page)
        return page


def _texts(row: dict[str, object], read: AbstractSet[str]) -> dict[str, str]:
    """Return what has been asked for, without empty values."""
    filled = {name: value for name, value in row.items() if value}
    if filled.keys() <= read and _TEXTS.issuperset(map(type, filled.values())):
        return cast("dict[str, str]", filled)  # as nearly all instances answer
    return {name: value if type(value) is str else _text(value) for name, value in filled.items() if name in read}


def _text(value: object) -> str:
    """Return a value as text; a reference may be an object with a ``value``."""
    if isinstance(value, dict):
        value = value.get("value")
    return str(value or "")
