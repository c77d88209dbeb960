"""How rows are written."""

from itertools import compress
from typing import TYPE_CHECKING

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.sql_tables import index_name
from mock_servicenow.now_platform.errors import UniqueKeyViolation
from mock_servicenow.now_platform.storage.transaction import DuplicateError

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.session import Session

Values = dict[str, str]


class Rows:
    """Writes rows for one session and tells everybody concerned that their table has changed."""

    def __init__(self, session: "Session") -> None:
        self._session = session

    def insert(self, table: str, values: Values) -> None:
        """Insert a row; raises UniqueKeyViolation."""
        try:
            self._insert(table, values)
        except DuplicateError as error:
            raise self._violation(table, values, error) from None
        self._touched(table)

    def insert_all(self, table: str, rows: list[Values]) -> None:
        """Insert many rows."""
        for values in rows:
            self._insert(table, values)
        self._touched(table)

    def update(self, table: str, sys_id: str, changes: Values) -> None:
        """Change columns of a row; raises UniqueKeyViolation."""
        session = self._session
        prepared = session.instance.store.update(session.dictionary.root(table), tuple(changes))
        stored = [text or None for text in changes.values()]
        try:
            session.work.transaction.run(prepared, [*stored, sys_id])
        except DuplicateError as error:
            raise self._violation(table, changes, error) from None
        self._touched(table)

    def delete(self, table: str, sys_id: str) -> None:
        """Delete a row."""
        physical = self._session.dictionary.sql_table(table)
        self._session.work.transaction.execute(sa.delete(physical).where(physical.c.sys_id == sys_id))
        self._touched(table)

    def _insert(self, table: str, values: Values) -> None:
        session, texts = self._session, values.values()
        filled = tuple(compress(values, texts))
        prepared = session.instance.store.insertion(session.dictionary.root(table), filled)
        session.work.transaction.run(prepared, tuple(filter(None, texts)))

    def _violation(self, table: str, values: Values, error: DuplicateError) -> UniqueKeyViolation:
        """Return the platform's error; drivers name the key in words of their own."""
        root = self._session.dictionary.root(table)
        for column in self._session.dictionary.columns(table).values():
            names = (f"{root}.{column.name}", index_name(root, column.name))
            if column.unique and any(name in error.text for name in names):
                return UniqueKeyViolation(values.get(column.name, ""), column.name)
        return UniqueKeyViolation(values.get("sys_id", ""), "PRIMARY")

    def _touched(self, table: str) -> None:
        work = self._session.work
        work.forget()
        for name in self._session.dictionary.lineage(table):
            work.written.add(name)
            self._session.instance.cache.forget(name)
