"""Table definitions and rows kept in YAML files."""

from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from mock_servicenow.now_platform.dictionary import definition_forms
from mock_servicenow.now_platform.dictionary.definition_forms import checked, is_name
from mock_servicenow.now_platform.dictionary.definitions import Acl, Choice, Column, DictionaryError, Table
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from privman_core import yaml_reader
from privman_core.yaml_reader import YamlError

_NAME = "letters, digits and _, a letter first"


def packaged_tables() -> Traversable:
    """Return the folder of the tables that every instance has."""
    return files("mock_servicenow.now_platform") / "tables"


def load_dictionary(*sources: Traversable, tables: Iterable[Table] = ()) -> Dictionary:
    """Return the dictionary of the packaged tables, of those in further files or folders, and of those given.

    Raises:
        DictionaryError: a definition cannot hold; the message names file, table and column.
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


def _documents(file: Traversable) -> "list[dict[str, Any]]":
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


def _table(file: str, given: "dict[str, Any]") -> Table:
    name = given.get("name")
    if not is_name(name):
        raise DictionaryError(f"{file}: a table has name {name!r}; expected {_NAME}")
    where = f"{file}: table '{name}'"
    definition = checked(where, given, definition_forms.TABLE)
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
        raise DictionaryError(f"{where}: a column has name {name!r}; expected {_NAME}")
    attributes = checked(f"{where}, column '{name}'", given, definition_forms.COLUMN)
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
        **{flag: attributes.get(flag, False) for flag in definition_forms.FLAGS},
    )


def _acl(where: str, given: object) -> Acl:
    attributes = checked(where, given, definition_forms.ACL)
    if "operation" not in attributes:
        raise DictionaryError(f"{where} has no operation; expected one of {', '.join(definition_forms.OPERATIONS)}")
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
