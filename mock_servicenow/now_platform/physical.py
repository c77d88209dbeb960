"""How tables are stored: one SQL table per hierarchy, empty values as NULL."""

from collections.abc import Mapping
from hashlib import md5
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from mock_servicenow.now_platform.dictionary import Column

INTEGER_TYPES = frozenset({"integer", "longint", "order_index"})
NUMBER_TYPES = frozenset({"decimal", "float"})


def storage_kind(glide_type: str) -> str:
    """Return how values of a type are stored: ``integer``, ``number`` or ``text``.

    Date-times and durations are text in UTC form, so that they sort; booleans are ``true`` and ``false``.
    """
    if glide_type in INTEGER_TYPES:
        return "integer"
    return "number" if glide_type in NUMBER_TYPES else "text"


class PhysicalSchema:
    """The SQL tables of a dictionary, one a hierarchy.

    A table is described to SQLAlchemy when somebody first asks for it, and created without that: describing and
    compiling them all is half of what a new instance would cost.

    Args:
        hierarchies: every column that is stored, by name, for the root of each hierarchy.
    """

    def __init__(self, hierarchies: "Mapping[str, Mapping[str, Column]]") -> None:
        self._hierarchies = hierarchies
        self._metadata = sa.MetaData()

    def table(self, root: str) -> sa.Table:
        """Return the table of a hierarchy."""
        known = self._metadata.tables.get(root)
        if known is None:
            known = sa.Table(root, self._metadata, *map(_sql_column, self._hierarchies[root].values()))
        return known

    def create_all(self, connection: sa.Connection) -> None:
        """Create the tables and indexes that are missing."""
        quote = connection.dialect.identifier_preparer.quote
        for root, columns in self._hierarchies.items():
            described = ", ".join(f"{quote(name)} {_sql_type(column)}" for name, column in columns.items())
            connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {quote(root)} ({described})")
            for column in columns.values():
                if column.unique or column.indexed:
                    unique = "UNIQUE " if column.unique else ""
                    name = quote(index_name(root, column.name))
                    where = f"{quote(root)} ({quote(column.name)})"
                    connection.exec_driver_sql(f"CREATE {unique}INDEX IF NOT EXISTS {name} ON {where}")

    def drop_all(self, connection: sa.Connection) -> None:
        """Drop the tables that exist."""
        quote = connection.dialect.identifier_preparer.quote
        for root in self._hierarchies:
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {quote(root)}")


def index_name(root: str, column: str) -> str:
    """Return the name of the index on a column, within the length that databases allow."""
    name = f"{root}_{column}"
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_KEPT]}_{md5(name.encode(), usedforsecurity=False).hexdigest()[:8]}"


_LONGEST_NAME = 63
_KEPT = 54
_SQL_TYPES = {"integer": "BIGINT", "number": "DOUBLE PRECISION", "text": "TEXT"}
_TYPES = {"integer": sa.BigInteger, "number": sa.Double, "text": sa.Text}


def _sql_type(column: "Column") -> str:
    key = " PRIMARY KEY" if column.name == "sys_id" else ""
    return f"{_SQL_TYPES[storage_kind(column.type)]}{key}"


def _sql_column(column: "Column") -> sa.Column[object]:
    return sa.Column(column.name, _TYPES[storage_kind(column.type)](), primary_key=column.name == "sys_id")
