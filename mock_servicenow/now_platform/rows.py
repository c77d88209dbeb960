"""How rows are written."""

from typing import TYPE_CHECKING

import sqlalchemy as sa

from mock_servicenow.now_platform.errors import UniqueKeyViolation
from mock_servicenow.now_platform.physical import index_name
from mock_servicenow.now_platform.store import DuplicateError, Prepared
from mock_servicenow.now_platform.values import to_database

if TYPE_CHECKING:
    from mock_servicenow.now_platform.session import Session

Values = dict[str, str]


class Rows:
    """Writes rows for one session and tells everybody concerned that their table has changed."""

    def __init__(self, session: "Session") -> None:
        self._session = session

    def insert(self, table: str, values: Values) -> None:
        """Insert a row; raises UniqueKeyViolation."""
        session = self._session
        columns = session.dictionary.columns(table)
        row = {name: to_database(column, values[name]) for name, column in columns.items()}
        try:
            session.work.transaction.run(self._prepared_insertion(table), row)
        except DuplicateError as error:
            raise self._violation(table, values, error) from None
        self._touched(table)

    def insert_all(self, table: str, rows: list[Values]) -> None:
        """Insert many rows."""
        columns = self._session.dictionary.columns(table)
        stored = [{name: to_database(column, values[name]) for name, column in columns.items()} for values in rows]
        self._session.work.transaction.run_many(self._prepared_insertion(table), stored)
        self._touched(table)

    def update(self, table: str, sys_id: str, changes: Values) -> None:
        """Change columns of a row; raises UniqueKeyViolation."""
        session = self._session
        physical = session.dictionary.sql_table(table)
        columns = session.dictionary.columns(table)
        row = {name: to_database(columns[name], text) for name, text in changes.items()}
        try:
            session.work.transaction.execute(sa.update(physical).where(physical.c.sys_id == sys_id).values(row))
        except DuplicateError as error:
            raise self._violation(table, changes, error) from None
        self._touched(table)

    def delete(self, table: str, sys_id: str) -> None:
        """Delete a row."""
        physical = self._session.dictionary.sql_table(table)
        self._session.work.transaction.execute(sa.delete(physical).where(physical.c.sys_id == sys_id))
        self._touched(table)

    def _prepared_insertion(self, table: str) -> Prepared:
        store, dictionary = self._session.instance.store, self._session.dictionary
        return store.prepared_insertion(table, dictionary.root(table), dictionary.columns(table))

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
