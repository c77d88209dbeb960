"""A kind of database with the statements that are compiled for it once, whoever opens it."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Self

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.physical import PhysicalSchema
from mock_servicenow.now_platform.storage.engines import open_copies, open_engine

Row = Sequence[Any]
Given = Mapping[str, object] | Sequence[object]
"""The values of a statement's parameters: by their names, or in their order."""
_REMEMBERED = 1_000  # statements that differ in which columns they fill


class Prepared:
    """A statement compiled once, for those that run on every request.

    Going through SQLAlchemy's execution costs more than the statement itself on an embedded database.
    """

    __slots__ = ("_names", "_text")

    def __init__(self, text: str, names: Sequence[str] | None = None) -> None:
        self._text = text
        self._names = names

    @classmethod
    def compile(cls, statement: sa.ClauseElement, dialect: sa.Dialect) -> Self:
        """Return a statement of SQLAlchemy's."""
        compiled = statement.compile(dialect=dialect)
        return cls(str(compiled), getattr(compiled, "positiontup", None))

    @classmethod
    def insertion(cls, dialect: sa.Dialect, table: str, names: Sequence[str]) -> Self:
        """Return the insertion of a row of which only those columns are filled.

        SQLite's driver takes far longer for None than for a text, and most columns of most rows are empty.
        """
        quote = dialect.identifier_preparer.quote
        marks = ", ".join([_mark(dialect)] * len(names))
        return cls(f"INSERT INTO {quote(table)} ({', '.join(map(quote, names))}) VALUES ({marks})")  # noqa: S608 - the dictionary's names

    @classmethod
    def update(cls, dialect: sa.Dialect, table: str, names: Sequence[str]) -> Self:
        """Return the change of those columns of the row whose sys_id is given after their values."""
        quote, mark = dialect.identifier_preparer.quote, _mark(dialect)
        changes = ", ".join(f"{quote(name)} = {mark}" for name in names)
        return cls(f"UPDATE {quote(table)} SET {changes} WHERE sys_id = {mark}")  # noqa: S608 - the dictionary's names

    def run(self, driver: Any, values: Given) -> Sequence[Row]:  # noqa: ANN401 - two drivers
        """Execute and return the rows, if it returns any."""
        cursor = driver.execute(self._text, self._bind(values))
        return cursor.fetchall() if cursor.description else ()

    def _bind(self, values: Given) -> Given:
        if self._names is None or not isinstance(values, Mapping):
            return values
        return tuple(map(values.__getitem__, self._names))


def _mark(dialect: sa.Dialect) -> str:
    return "?" if dialect.positional else "%s"


class Database:
    """What the stores of instances with the same tables share.

    Args:
        url: a SQLAlchemy URL; each store in memory has rows of its own.
        schema: the physical tables.

    Attributes:
        embedded: whether it is SQLite.
        copies: opens databases for copies of one in memory.
        quote: writes a name as the database wants it.
        insertion: gives the insertion of a row with those columns.
        update: gives the change of those columns of a row.
        failures: what a statement raises that the database cannot carry out: it is gone, locked, full, read-only.

    Raises:
        StoreError: the URL names another kind of database, or one that cannot be opened.
    """

    def __init__(self, url: str, schema: PhysicalSchema) -> None:
        self.schema = schema
        self.engine = open_engine(url)
        self.copies = open_copies()
        self.embedded = self.engine.dialect.name == "sqlite"
        self.quote: Callable[[str], str] = self.engine.dialect.identifier_preparer.quote
        self.insertion = lru_cache(_REMEMBERED)(partial(Prepared.insertion, self.engine.dialect))
        self.update = lru_cache(_REMEMBERED)(partial(Prepared.update, self.engine.dialect))
        self.failures: tuple[type[Exception], ...] = (self.engine.dialect.loaded_dbapi.Error, sa.exc.SQLAlchemyError)
        self._prepared: dict[object, Prepared] = {}
        self._statements: dict[object, sa.Select[Any]] = {}

    def statement(self, key: object, build: Callable[[], "sa.Select[Any]"]) -> "sa.Select[Any]":
        """Return the statement known by that key; build it the first time."""
        known = self._statements.get(key)
        if known is None:
            known = self._statements[key] = build()
        return known

    def prepared(self, key: object, build: Callable[[], sa.ClauseElement]) -> Prepared:
        """Return the compiled statement known by that key; build it the first time."""
        known = self._prepared.get(key)
        if known is None:
            known = self._prepared[key] = Prepared.compile(build(), self.engine.dialect)
        return known
