"""The format of files of tables: one row for each key, by which files are checked and their JSON Schema is made."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.column_types import MEANT, NAMED_TYPES
from mock_servicenow.now_platform.dictionary.definitions import (
    DEFAULT_CALLS,
    MOST_LENGTH,
    NAME_PATTERN,
    NAME_WORDS,
    OPERATIONS,
    SCRIPT,
    is_name,
)
from mock_servicenow.now_platform.dictionary.located_files import FilePlace
from privman_core.near_words import hint


class KeyForm(Struct, frozen=True):
    """The valid values of one key.

    Attributes:
        about: what the key means, for editors.
        schema: the JSON Schema of its values, without null, which is as if the key were absent.
        accepts: whether a value is one of them.
        expected: the same in words, for messages.
    """

    about: str
    schema: Mapping[str, Any]
    accepts: Callable[[object], bool]
    expected: str


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float)


def _are_choices(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_scalar, (*value, *value.values())))


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _are_moves(value: object) -> bool:
    if not isinstance(value, dict) or not all(map(_is_name_of_state, value)):
        return False
    return all(following == "any" or _are_states(following) for following in value.values())


def _are_moves_by_kind(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_name_of_state, value)) and all(map(_are_moves, value.values()))


def _are_states(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_name_of_state, value))


def _is_name_of_state(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _are_pairs(value: object) -> bool:
    return isinstance(value, dict) and all(_are_texts(pair) and len(pair) == 2 for pair in value.values())  # noqa: PLR2004


def _are_settings(value: object) -> bool:
    return (
        isinstance(value, dict)
        and all(isinstance(name, str) for name in value)
        and all(map(_is_scalar, value.values()))
    )


def _is_length(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST_LENGTH


def _text(about: str) -> KeyForm:
    return KeyForm(about, {"type": "string"}, lambda value: isinstance(value, str), "text")


def _flag(about: str) -> KeyForm:
    return KeyForm(about, {"type": "boolean"}, lambda value: isinstance(value, bool), "true or false")


def _name(about: str) -> KeyForm:
    return KeyForm(about, {"type": "string", "pattern": f"^{NAME_PATTERN}$"}, is_name, NAME_WORDS)


def _word(about: str, words: tuple[str, ...], expected: str) -> KeyForm:
    return KeyForm(about, {"enum": list(words)}, lambda value: isinstance(value, str) and value in words, expected)


_SCALAR = {"type": ["string", "number", "boolean"]}
_TABLE: Mapping[str, KeyForm] = {
    "name": _name("Name of the table. The name of a table that ships, or of an earlier file, changes that table."),
    "new": _flag("Says that the table is new although its name is nearly that of a table that ships."),
    "label": _text("Label (default: made from the name)."),
    "extends": _text("The table that it extends, which may be any other."),
    "number": _text(
        "Prefix of the column 'number', which then counts, such as INC. The table gets the column if it has none."
    ),
    "extendable": _flag("Whether records have sys_class_name although no table extends this one yet."),
    "web_service_access": _flag("Whether the REST APIs reach the table (default true)."),
    "listed": _flag("Whether `sys_db_object`, `sys_dictionary` and `sys_choice` describe the table (default true)."),
    "audited": _flag("Whether changes of its records, not of tables that extend it, become rows of `sys_audit`."),
    "columns": KeyForm(
        "Columns by name. The name of a column that the table has changes that column.",
        {
            "type": "object",
            "propertyNames": {"pattern": f"^{NAME_PATTERN}$"},
            "additionalProperties": {"$ref": "#/$defs/column"},
        },
        lambda value: isinstance(value, dict),
        "a mapping of columns",
    ),
    "acls": KeyForm(
        "Access rules: of those for one operation and one column, any one that is met allows it. Without any, every "
        "user may do everything. A file adds its rules to those that the table has.",
        {"type": "array", "items": {"$ref": "#/$defs/acl"}},
        lambda value: isinstance(value, list),
        "a list of rules",
    ),
    "view": KeyForm(
        "The tables that a database view joins, from left to right. A view has no columns of its own, and is read "
        "only. A file replaces the tables of a view that is known.",
        {"type": "array", "items": {"$ref": "#/$defs/joined_table"}, "minItems": 1},
        lambda value: isinstance(value, list) and bool(value),
        "a list of at least one table",
    ),
    "life_cycle": KeyForm(
        "Which states follow which, and what a change of state does. A table has that of its parent; a file changes "
        "the keys that it names.",
        {"$ref": "#/$defs/life_cycle"},
        lambda value: isinstance(value, dict),
        "a mapping",
    ),
}
_COLUMN: Mapping[str, KeyForm] = {
    "new": _flag("Says that the column is new although its name is nearly that of a column that ships."),
    "label": _text("Label (default: made from the name)."),
    "type": _word(
        "ServiceNow's name of the type (default: reference for a column with a reference, else string).",
        NAMED_TYPES,
        "a column type of ServiceNow, such as string, integer, boolean or reference",
    ),
    "length": KeyForm(
        "Most characters (default 40).",
        {"type": "integer", "minimum": 1, "maximum": MOST_LENGTH},
        _is_length,
        f"a whole number from 1 to {MOST_LENGTH}",
    ),
    "reference": _text("The table that a reference, or each entry of a glide_list, points to."),
    "default": KeyForm(
        f"Value of a new record, or one of {', '.join(f'{SCRIPT}{call}' for call in DEFAULT_CALLS)}.",
        _SCALAR,
        _is_scalar,
        "a single value",
    ),
    "choices": KeyForm(
        "Values with their labels. A column that has choices gets these, too; a value that it has gets the label.",
        {"type": "object", "additionalProperties": _SCALAR},
        _are_choices,
        "a mapping of values to labels",
    ),
    "mandatory": _flag("Whether forms demand a value."),
    "display": _flag("Whether its value is shown where others refer to the record."),
    "unique": _flag("Whether no two records may have the same value."),
    "indexed": _flag("Whether the database has an index on it."),
    "read_only": _flag("Whether values that clients send are ignored."),
    "reference_qual": _text("An encoded query of the records that a form would offer; sys_dictionary shows it."),
}
_ACL: Mapping[str, KeyForm] = {
    "operation": _word("What the rule allows.", OPERATIONS, f"one of {', '.join(OPERATIONS)}"),
    "roles": KeyForm(
        "Roles of which any is enough; none allows everybody. A role ships, or is in a file of rows (`sys_user_role`).",
        {"type": "array", "items": {"type": "string"}},
        _are_texts,
        "a list of names",
    ),
    "column": _text(
        "The column that it guards, or `*` for all without a rule of their own (default: the whole record)."
    ),
    "condition": _text(
        "An encoded query that the record must meet. For `write`, one that names the caller must be met after it, too."
    ),
}
_JOINED_TABLE: Mapping[str, KeyForm] = {
    "table": _text("The table, which is no view itself."),
    "prefix": _text("What its columns in the view begin with, before an underscore: `inc` makes `inc_number`."),
    "where": _text(
        "The condition on its rows and those of the tables before it, such as `mi_id = inc_sys_id`. Without any, every "
        "row goes with every row."
    ),
    "left_join": _flag("Whether rows of the tables before it stay without a row of this one."),
    "columns": KeyForm(
        "The columns that the view has of it (default: all).",
        {"type": "array", "items": {"type": "string"}},
        _are_texts,
        "a list of names",
    ),
}
_STATES = {"type": "array", "items": {"type": ["string", "integer"]}}
_MOVES = {"type": "object", "additionalProperties": {"anyOf": [{"const": "any"}, _STATES]}}
_LIFE_CYCLE: Mapping[str, KeyForm] = {
    "column": _text("The column that holds the state (default state)."),
    "mirror": _text("A column that always has the same value, whichever of both is written."),
    "moves": KeyForm(
        "For each state, the states that may follow it, or `any`. Any state may follow one that is not named.",
        _MOVES,
        _are_moves,
        "a mapping of states to lists of states, or to any",
    ),
    "kind": _text("The column by whose value `moves_by_kind` tells records apart."),
    "moves_by_kind": KeyForm(
        "For each value of that column, the moves of its records.",
        {"type": "object", "additionalProperties": _MOVES},
        _are_moves_by_kind,
        "a mapping of values to moves",
    ),
    "invalid_move": _word(
        "What another move does: `error` (default) refuses the write with 403, `keep` leaves the state as it was, "
        "`allow` changes it; each is a finding.",
        ("error", "keep", "allow"),
        "error, keep or allow",
    ),
    "rule": _text("Name of the business rule that refuses a move."),
    "message": _text("The text of that error, with {from} and {to} (default: that of a write which a rule aborts)."),
    "effects": KeyForm(
        "What changes do to other columns, by a name of your own, in order. The name of an effect that the table has "
        "replaces that one; without a value it takes it away.",
        {"type": "object", "additionalProperties": {"$ref": "#/$defs/effect"}},
        lambda value: isinstance(value, dict),
        "a mapping of effects",
    ),
}
_VALUES = {"type": "object", "additionalProperties": _SCALAR}
_NAMES = {"type": "array", "items": {"type": "string"}}
_SETTINGS = "a mapping of columns to values"
_EFFECT: Mapping[str, KeyForm] = {
    "column": _text("The column whose change has the effect (default: the one that holds the state)."),
    "into": KeyForm(
        "The values that it gets, having had others; a new record counts.", _STATES, _are_states, "a list of values"
    ),
    "out_of": KeyForm(
        "The values that it had, getting others. Without `into` and `out_of` any change counts but the first value.",
        _STATES,
        _are_states,
        "a list of values",
    ),
    "set": KeyForm("Values of columns, or the calls of a default.", _VALUES, _are_settings, _SETTINGS),
    "fill": KeyForm("The same for columns that are empty.", _VALUES, _are_settings, _SETTINGS),
    "clear": KeyForm("Columns to empty.", _NAMES, _are_texts, "a list of names"),
    "elapsed": KeyForm(
        "Columns that get, if they are empty, the time from one date-time column to another: a duration, or seconds.",
        {"type": "object", "additionalProperties": {**_NAMES, "minItems": 2, "maxItems": 2}},
        _are_pairs,
        "a mapping of columns to two columns each",
    ),
    "count": _text("The column that counts these changes."),
}
FORMS: Mapping[str, Mapping[str, KeyForm]] = {
    "table": _TABLE,
    "column": _COLUMN,
    "acl": _ACL,
    "joined_table": _JOINED_TABLE,
    "life_cycle": _LIFE_CYCLE,
    "effect": _EFFECT,
}
_REQUIRED = {"table": ("name",), "acl": ("operation",), "joined_table": ("table", "prefix")}


def table_schema() -> dict[str, Any]:
    """Return the JSON Schema of a file of tables, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tables of mock-servicenow",
        "type": "array",
        "items": {"$ref": "#/$defs/table"},
        "$defs": {kind: _schema(kind, forms) for kind, forms in FORMS.items()},
    }


def _schema(kind: str, forms: Mapping[str, KeyForm]) -> dict[str, Any]:
    required = [*_REQUIRED.get(kind, ())]
    return {
        # A column without keys may be null.
        "type": "object" if required else ["object", "null"],
        "properties": {
            name: {"description": form.about, **(form.schema if name in required else _or_null(form.schema))}
            for name, form in forms.items()
        },
        "required": required,
        "additionalProperties": False,
    }


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:  # the definition takes null
        return dict(schema)
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    types = schema["type"]
    return {**schema, "type": [*([types] if isinstance(types, str) else types), "null"]}


def checked_tables(content: object, place: FilePlace) -> list[tuple[dict[str, Any], FilePlace]]:
    """Return the definitions of a file, each with its place; raises DictionaryError.

    Keys without a value are left out; those of the columns and rules, too.
    """
    if not isinstance(content, list):
        raise place.error("expected a list of tables")
    places = (place.at(index) for index in range(len(content)))
    return [(_checked_table(given, there), there) for given, there in zip(content, places, strict=True)]


def _checked_table(given: object, place: FilePlace) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise place.error("expected a list of tables")
    if not is_name(given.get("name")):
        raise place.at("name").error(f"a table has name {given.get('name')!r}; expected {NAME_WORDS}")
    where = f"table '{given['name']}'"
    said = _checked("table", given, place, where)
    columns, acls = said.get("columns", {}), said.get("acls", [])
    said["columns"] = {name: _checked_column(name, each, place, where) for name, each in columns.items()}
    if "life_cycle" in said:
        said["life_cycle"] = _checked_life_cycle(said["life_cycle"], place.at("life_cycle"), where)
    said["acls"] = [_checked_part("acl", each, place.at("acls", index), where) for index, each in enumerate(acls)]
    if "view" in said:
        parts = enumerate(said["view"])
        said["view"] = [_checked_part("joined_table", each, place.at("view", index), where) for index, each in parts]
    return said


def _checked_column(name: object, given: object, table: FilePlace, where: str) -> dict[str, Any]:
    place = table.at("columns", str(name))
    if not is_name(name):
        raise place.error(f"{where}: a column has name {name!r}; expected {NAME_WORDS}")
    return _checked("column", {} if given is None else given, place, f"{where}, column '{name}'")


def _checked_part(kind: str, given: object, place: FilePlace, table: str) -> dict[str, Any]:
    """Return a definition in a list of a table's; raises DictionaryError, for one without what it needs, too."""
    where = f"{table}, {kind.replace('_', ' ')}"
    said = _checked(kind, given, place, where)
    for key in _REQUIRED[kind]:
        if key not in said:
            raise place.error(f"{where} has no {key}; expected {FORMS[kind][key].expected}")
    return said


def _checked_life_cycle(given: object, place: FilePlace, table: str) -> dict[str, Any]:
    where = f"{table}, life_cycle"
    said = _checked("life_cycle", given, place, where)
    for name, effect in said.get("effects", {}).items():
        there = place.at("effects", str(name))
        if not isinstance(name, str):
            raise there.error(f"{where} has effect {name!r}; expected a name")
        if effect is not None:
            said["effects"][name] = _checked("effect", effect, there, f"{where}, effect '{name}'")
    return said


def _checked(kind: str, given: object, place: FilePlace, where: str) -> dict[str, Any]:
    """Return the keys of a definition that have a value; raises DictionaryError for an unknown key or a wrong value."""
    forms = FORMS[kind]
    if not isinstance(given, dict):
        raise place.error(f"{where} is {given!r}; expected a mapping")
    for key in given:
        if key not in forms:
            near = hint(str(key), forms)
            raise place.at(str(key)).error(f"{where} has key '{key}'{near}; expected one of {', '.join(sorted(forms))}")
    said = {key: value for key, value in given.items() if value is not None}
    for key, value in said.items():
        if not forms[key].accepts(value):
            meant = MEANT.get(str(value), str(value)) if key == "type" else str(value)
            near = hint(meant, forms[key].schema.get("enum", ()), len(NAMED_TYPES))
            raise place.at(key).error(f"{where} has {key} {value!r}{near}; expected {forms[key].expected}")
    return said
