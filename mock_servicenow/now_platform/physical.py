"""How tables are stored: one SQL table per hierarchy, empty values as NULL."""

from collections.abc import Mapping
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


def physical_schema(hierarchies: "Mapping[str, Mapping[str, Column]]") -> sa.MetaData:
    """Return the SQL tables for hierarchies, given by root name with all their columns."""
    # Named by SQLAlchemy, which keeps within the length that a database allows.
    metadata = sa.MetaData(naming_convention={"ix": "%(column_0_label)s"})
    for root, columns in hierarchies.items():
        sa.Table(root, metadata, *map(_sql_column, columns.values()), *_indexes(columns))
    return metadata


def _sql_column(column: "Column") -> sa.Column[object]:
    types = {"integer": sa.BigInteger, "number": sa.Double, "text": sa.Text}
    return sa.Column(column.name, types[storage_kind(column.type)](), primary_key=column.name == "sys_id")


def _indexes(columns: "Mapping[str, Column]") -> list[sa.Index]:
    return [
        sa.Index(None, column.name, unique=column.unique)
        for column in columns.values()
        if column.unique or column.indexed
    ]
