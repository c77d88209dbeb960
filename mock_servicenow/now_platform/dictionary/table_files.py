"""Table definitions in YAML files."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, TypeGuard

from mock_servicenow.now_platform.dictionary.definitions import Acl, Choice, Column, DictionaryError, Table
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from privman_core import yaml_reader
from privman_core.yaml_reader import YamlError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NAME_WORDS = "letters, digits and _, a letter first"
_OPERATIONS = ("create", "delete", "read", "write")


@dataclass(frozen=True, slots=True)
class _Form:
    """The valid values of one key.

    Attributes:
        expected: the same in words, for messages.
    """

    accepts: Callable[[object], bool]
    expected: str


_Forms = Mapping[str, _Form]


def is_name(value: object) -> TypeGuard[str]:
    """Return whether it is a valid name of a table or column, in queries and in XML."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float)


def _are_choices(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_scalar, (*value, *value.values())))


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _is_length(value: object) -> bool:
    return isinstance(value, int) and value > 0


_TEXT = _Form(lambda value: isinstance(value, str), "text")
_FLAG = _Form(lambda value: isinstance(value, bool), "true or false")
_TABLE_FORMS: _Forms = {
    "name": _TEXT,
    "label": _TEXT,
    "extends": _TEXT,
    "number": _TEXT,
    "extendable": _FLAG,
    "web_service_access": _FLAG,
    "acls": _Form(lambda value: isinstance(value, list), "a list of rules"),
    "columns": _Form(lambda value: isinstance(value, dict), "a mapping of columns"),
}
_FLAGS = ("mandatory", "display", "unique", "indexed", "read_only")
_COLUMN_FORMS: _Forms = {
    "label": _TEXT,
    "type": _TEXT,
    "length": _Form(_is_length, "a whole number from 1"),
    "reference": _TEXT,
    "default": _Form(_is_scalar, "a single value"),
    "choices": _Form(_are_choices, "a mapping of values to labels"),
    **dict.fromkeys(_FLAGS, _FLAG),
}
_ACL_FORMS: _Forms = {
    "operation": _Form(lambda value: value in _OPERATIONS, f"one of {', '.join(_OPERATIONS)}"),
    "roles": _Form(_are_texts, "a list of names"),
    "column": _TEXT,
    "condition": _TEXT,
}


def _checked(where: str, given: object, forms: _Forms) -> dict[str, Any]:
    """Return the keys of a definition that have a value.

    Raises:
        DictionaryError: it is not a mapping, or has an unknown key or an invalid value.
    """
    if not isinstance(given, dict):
        raise DictionaryError(f"{where} is {given!r}; expected a mapping")
    unknown = sorted(map(str, given.keys() - forms.keys()))
    if unknown:
        raise DictionaryError(f"{where} has key '{unknown[0]}'; expected one of {', '.join(sorted(forms))}")
    said = {key: value for key, value in given.items() if value is not None}
    for key, value in said.items():
        if not forms[key].accepts(value):
            raise DictionaryError(f"{where} has {key} {value!r}; expected {forms[key].expected}")
    return said


def packaged_tables() -> Traversable:
    """Return the folder of the tables that every instance has."""
    return files("mock_servicenow.now_platform") / "tables"


def load_dictionary(*sources: Traversable, tables: Iterable[Table] = ()) -> Dictionary:
    """Return the dictionary of the packaged tables, of those in further files or folders, and of those given.

    Raises:
        DictionaryError: a definition is invalid; the message names file, table and column.
    """
    read = (table for source in (packaged_tables(), *sources) for table in read_tables(source))
    return Dictionary([*read, *tables])


def read_tables(source: Traversable) -> Iterator[Table]:
    """Return the tables that a YAML file, or every one in a folder, defines."""
    for file in yaml_files(source):
        for definition in _documents(file):
            yield _table(file.name, definition)


def yaml_files(source: Traversable) -> list[Traversable]:
    """Return the file itself, or the YAML files in the folder in order of their names."""
    if source.is_file():
        return [source]
    found = (file for file in source.iterdir() if file.name.endswith((".yaml", ".yml")))
    return sorted(found, key=lambda file: file.name)


def _documents(file: Traversable) -> list[dict[str, Any]]:
    definitions = load_yaml(file)
    if not isinstance(definitions, list) or not all(isinstance(entry, dict) for entry in definitions):
        raise DictionaryError(f"{file.name}: expected a list of tables")
    return definitions


def load_yaml(file: Traversable) -> Any:  # noqa: ANN401 - YAML holds anything
    """Return what a YAML file holds; raises DictionaryError."""
    try:
        return yaml_reader.load(yaml_reader.read_text(file))
    except YamlError as error:
        raise DictionaryError(error.located(file.name)) from None


def _table(file: str, given: dict[str, Any]) -> Table:
    name = given.get("name")
    if not is_name(name):
        raise DictionaryError(f"{file}: a table has name {name!r}; expected {_NAME_WORDS}")
    where = f"{file}: table '{name}'"
    definition = _checked(where, given, _TABLE_FORMS)
    columns = definition.get("columns", {})
    return Table(
        name,
        label=definition.get("label") or to_label(name),
        parent=definition.get("extends"),
        columns=tuple(_column(where, column, attributes or {}) for column, attributes in columns.items()),
        number_prefix=definition.get("number"),
        extendable=definition.get("extendable", False),
        acls=tuple(_acl(f"{where}, acl", acl) for acl in definition.get("acls", ())),
        web_service_access=definition.get("web_service_access", True),
    )


def _column(where: str, name: object, given: object) -> Column:
    if not is_name(name):
        raise DictionaryError(f"{where}: a column has name {name!r}; expected {_NAME_WORDS}")
    attributes = _checked(f"{where}, column '{name}'", given, _COLUMN_FORMS)
    reference = attributes.get("reference")
    default = attributes.get("default")
    choices: Mapping[object, object] = attributes.get("choices", {})
    return Column(
        name,
        label=attributes.get("label") or to_label(name),
        type=attributes.get("type", "string" if reference is None else "reference"),
        max_length=attributes.get("length", 40),
        reference=reference,
        default=None if default is None else _text(default),
        choices=tuple(Choice(_text(value), str(label)) for value, label in choices.items()),
        **{flag: attributes.get(flag, False) for flag in _FLAGS},
    )


def _acl(where: str, given: object) -> Acl:
    attributes = _checked(where, given, _ACL_FORMS)
    if "operation" not in attributes:
        raise DictionaryError(f"{where} has no operation; expected one of {', '.join(_OPERATIONS)}")
    return Acl(
        attributes["operation"],
        tuple(attributes.get("roles", ())),
        attributes.get("column"),
        attributes.get("condition", ""),
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def to_label(name: str) -> str:
    """Return the label of a table or column that names none."""
    return name.removeprefix("u_").replace("_", " ").capitalize()
