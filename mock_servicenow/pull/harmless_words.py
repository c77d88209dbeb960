"""Values that name nobody: words of the schema, numbers of records, and words of the platform."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from mimetypes import MimeTypes
from zoneinfo import available_timezones

from mock_servicenow.now_platform.dictionary.column_types import TYPES
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.values import is_sys_id
from mock_servicenow.now_platform.provisioning.row_files import packaged_roles

NUMBER = "number"
Test = Callable[[str], object]
_MOST_DIGITS = 10
_PREFIX = re.compile(r"[A-Za-z_]{2,10}")
_GUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_IDENTIFIER = re.compile(rf"global|{_GUID}|\{{{_GUID}\}}")
_RUNS = r"([yMdHhmsSaEz])\1*+|(?:([yMdHhmsSaEz])\2++)++"
_DATE_FORMAT = re.compile(rf"(?:(?:{_RUNS})(?:[ .,:/-]++|$))++")
_LANGUAGE = re.compile(r"[a-z]{2}")


def is_identifier(value: str) -> bool:
    """Return whether it has the form of a sys_id, of a GUID, or is the id of the global domain."""
    return is_sys_id(value) or _IDENTIFIER.fullmatch(value) is not None


def is_prefix(value: str) -> bool:
    """Return whether numbers of records may begin with it."""
    return _PREFIX.fullmatch(value) is not None


class HarmlessWords:
    """The words of a schema, beside those of the platform.

    Args:
        dictionary: its names and labels of tables and columns, its choices and its prefixes of numbers are such words.
        prefixes: further ones of numbers of records.

    Attributes:
        dictionary: as given.
    """

    def __init__(self, dictionary: Dictionary, prefixes: Iterable[str]) -> None:
        self.dictionary = dictionary
        columns = [column for table in dictionary for column in dictionary.columns(table.name).values()]
        choices = (choice for column in columns for choice in column.choices)
        self._prefixes = {*prefixes, *(table.number_prefix for table in dictionary if table.number_prefix)}
        self._names = {
            *TYPES,
            *self._prefixes,
            *(text for table in dictionary for text in (table.name, table.label)),
            *(text for column in columns for text in (column.name, column.label)),
            *(text for choice in choices for text in (choice.value, choice.label)),
        }

    def is_name(self, value: str) -> bool:
        """Return whether it is the name or label of a table or column, a type, a choice, or a prefix of numbers."""
        return value in self._names

    def prefix(self, value: str) -> str:
        """Return the prefix of a value that is the number of a record, such as INC0010001; else nothing."""
        prefix = value.rstrip("0123456789")
        return prefix if prefix in self._prefixes and 0 < len(value) - len(prefix) <= _MOST_DIGITS else ""

    def is_role(self, value: str) -> bool:
        """Return whether it is the name of a role that the mock has."""
        return value in self._roles

    @cached_property
    def _roles(self) -> frozenset[str]:
        return packaged_roles(self.dictionary)

    def test(self, treatment: str) -> Test:
        """Return what is true of the values that a treatment of `KEPT` copies."""
        return _OF_SCHEMAS[treatment](self) if treatment in _OF_SCHEMAS else _OF_THE_PLATFORM[treatment]


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def _media_types() -> frozenset[str]:
    return frozenset(name for types in MimeTypes().types_map for name in types.values())


_OF_SCHEMAS: Mapping[str, Callable[[HarmlessWords], Test]] = {
    "schema": lambda words: words.is_name,
    NUMBER: lambda words: words.prefix,
    "role": lambda words: words.is_role,
}
_OF_THE_PLATFORM: Mapping[str, Test] = {
    "sys_id": is_identifier,
    "time_zone": lambda value: value in _time_zones(),
    "date_format": _DATE_FORMAT.fullmatch,
    "language": _LANGUAGE.fullmatch,
    "media_type": lambda value: value in _media_types(),
}
KEPT: Mapping[str, str] = {
    "schema": "name of the schema",
    NUMBER: "number such as INC0010001",
    "role": "role of the mock",
    "sys_id": "sys_id",
    "time_zone": "time zone",
    "date_format": "date format",
    "language": "language",
    "media_type": "media type",
}
"""Treatments that copy such values, and replace all others by words; with a noun for them."""
