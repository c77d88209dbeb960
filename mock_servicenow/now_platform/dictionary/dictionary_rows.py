"""The dictionary as clients read it: rows of sys_db_object, sys_dictionary and sys_choice."""

from collections.abc import Iterator
from hashlib import md5

from mock_servicenow.now_platform.dictionary.definitions import CLASS_COLUMN, SYSTEM_COLUMNS, Column, Table
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary

TABLES, COLUMNS, CHOICES = "sys_db_object", "sys_dictionary", "sys_choice"
COLLECTION = "collection"
"""The type of the record of `COLUMNS` that is about a table itself, and has no element."""


def seed_id(table: str, key: str) -> str:
    """Return the sys_id of a packaged row without one, the same in every instance, from its table and its key."""
    return md5(f"{table}:{key}".encode(), usedforsecurity=False).hexdigest()


Values = dict[str, str]


def rows(dictionary: Dictionary) -> Iterator[tuple[str, Values]]:
    """Return the rows that describe every table that is listed, its own columns and their choices."""
    for table in (each for each in dictionary if each.listed and not each.joined):
        yield TABLES, _table(dictionary, table)
        yield COLUMNS, _collection(table)
        for column in (*_system_columns(dictionary, table), *table.columns):
            yield COLUMNS, column_row(table, column)
            yield from ((CHOICES, values) for values in _choices(table, column))


def _system_columns(dictionary: Dictionary, table: Table) -> tuple[Column, ...]:
    """Return those that describe the columns of the system: once for a hierarchy, at its root."""
    if table.parent is not None:
        return ()
    return (*SYSTEM_COLUMNS, CLASS_COLUMN) if dictionary.has_classes(table.name) else SYSTEM_COLUMNS


def _table(dictionary: Dictionary, table: Table) -> Values:
    return {
        "sys_id": seed_id(TABLES, table.name),
        "name": table.name,
        "label": table.label,
        "super_class": seed_id(TABLES, table.parent) if table.parent else "",
        "is_extendable": _word(dictionary.has_classes(table.name)),
        "ws_access": _word(table.web_service_access),
        "sys_name": table.label,
    }


def _collection(table: Table) -> Values:
    """Return the row of sys_dictionary about the table itself."""
    return {
        "sys_id": seed_id(COLUMNS, table.name),
        "name": table.name,
        "element": "",
        "column_label": table.label,
        "internal_type": COLLECTION,
        "audit": _word(table.audited),
        "sys_name": table.label,
    }


def column_row(table: Table, column: Column) -> Values:
    """Return the row that describes a column of the table."""
    return {
        "sys_id": seed_id(COLUMNS, f"{table.name}.{column.name}"),
        "name": table.name,
        "element": column.name,
        "column_label": column.label,
        "internal_type": column.type,
        "max_length": str(column.max_length),
        "reference": column.reference or "",
        "reference_qual": column.reference_qual,
        "default_value": column.default or "",
        "choice": "1" if column.choices else "",
        "mandatory": _word(column.mandatory),
        "display": _word(column.display),
        "unique": _word(column.unique),
        "read_only": _word(column.read_only),
        "sys_name": column.label,
    }


def _choices(table: Table, column: Column) -> Iterator[Values]:
    for sequence, choice in enumerate(column.choices):
        yield {
            "sys_id": seed_id(CHOICES, f"{table.name}.{column.name}.{choice.value}"),
            "name": table.name,
            "element": column.name,
            "value": choice.value,
            "label": choice.label,
            "sequence": str(sequence),
            "sys_name": choice.label,
        }


def _word(flag: bool) -> str:  # noqa: FBT001 - the flag is the value
    return "true" if flag else "false"
