"""What may stand in the definition of a table, and in which form."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from mock_servicenow.now_platform.dictionary.definitions import DictionaryError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
OPERATIONS = ("create", "delete", "read", "write")


@dataclass(frozen=True, slots=True)
class Form:
    """The form of one key's value.

    Attributes:
        expected: the same in words, for the message.
    """

    holds: Callable[[object], bool]
    expected: str


Forms = Mapping[str, Form]


def is_name(value: object) -> TypeGuard[str]:
    """Return whether a table or column can be called like that, in queries and in XML."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float)


def _are_choices(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_scalar, (*value, *value.values())))


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _is_length(value: object) -> bool:
    return isinstance(value, int) and value > 0


_TEXT = Form(lambda value: isinstance(value, str), "text")
_FLAG = Form(lambda value: isinstance(value, bool), "true or false")
TABLE: Forms = {
    "name": _TEXT,
    "label": _TEXT,
    "extends": _TEXT,
    "number": _TEXT,
    "extendable": _FLAG,
    "web_service_access": _FLAG,
    "acls": Form(lambda value: isinstance(value, list), "a list of rules"),
    "columns": Form(lambda value: isinstance(value, dict), "a mapping of columns"),
}
FLAGS = ("mandatory", "display", "unique", "indexed", "read_only")
COLUMN: Forms = {
    "label": _TEXT,
    "type": _TEXT,
    "length": Form(_is_length, "a whole number from 1"),
    "reference": _TEXT,
    "default": Form(_is_scalar, "a single value"),
    "choices": Form(_are_choices, "a mapping of values to labels"),
    **dict.fromkeys(FLAGS, _FLAG),
}
ACL: Forms = {
    "operation": Form(lambda value: value in OPERATIONS, f"one of {', '.join(OPERATIONS)}"),
    "roles": Form(_are_texts, "a list of names"),
    "column": _TEXT,
    "condition": _TEXT,
}


def checked(where: str, given: object, forms: Forms) -> dict[str, Any]:
    """Return what a definition says; a key without a value says nothing.

    Raises:
        DictionaryError: it is no mapping, has another key, or a value of another form.
    """
    if not isinstance(given, dict):
        raise DictionaryError(f"{where} is {given!r}; expected a mapping")
    unknown = sorted(map(str, given.keys() - forms.keys()))
    if unknown:
        raise DictionaryError(f"{where} has key '{unknown[0]}'; expected one of {', '.join(sorted(forms))}")
    said = {key: value for key, value in given.items() if value is not None}
    for key, value in said.items():
        if not forms[key].holds(value):
            raise DictionaryError(f"{where} has {key} {value!r}; expected {forms[key].expected}")
    return said
