"""Tables of examples: each row fills the ``<name>`` places of the steps; ``<<name>>`` is the text ``<name>``."""

import re
from collections.abc import Mapping
from typing import Any

from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.words import nearest
from privman_scenarios.yaml_nodes import Located

Row = Mapping[str, Any]
# An escaped place, or a place; what lies between them is a name where it looks like one.
_PLACE = re.compile(r"<<([^<>]+)>>|<([^<>]+)>")
_NAME = re.compile(r"[^\W\d][\w-]*")
_LITERAL = re.compile(rf"<({_NAME.pattern})>")


def rows(table: Located | None, places: object, file: str) -> list[Row]:
    """Return the rows of the table, one empty row without a table; ``places`` is where the names may stand.

    Raises:
        ScenarioFileError: the table is no list of mappings with the same keys, or a key is used nowhere.
    """
    if table is None:
        return [{}]
    columns = _columns(table, file)
    used = {found[2] for found in _PLACE.finditer(repr(places))}
    for column in columns:
        if column not in used:
            raise ScenarioFileError(file, table.line, f"no step uses <{column}>. Expected it in an argument.")
    for row in table.value:
        if not isinstance(row.value, dict) or list(row.value) != columns:
            raise ScenarioFileError(file, row.line, f"an example is {row.plain()!r}. Expected {', '.join(columns)}.")
    return [row.plain() for row in table.value]


def fill(located: Located, row: Row, file: str) -> Located:
    """Return the value with each ``<name>`` replaced; a text that is nothing else takes the example's own type.

    Raises ScenarioFileError for a name that the row lacks, and for a key that is there already.
    """
    if isinstance(located.value, dict):
        return Located(_fill_mapping(located.value, row, file), located.line)
    if isinstance(located.value, list):
        return Located([fill(item, row, file) for item in located.value], located.line)
    if not isinstance(located.value, str):
        return located
    alone = _PLACE.fullmatch(located.value)
    if alone and alone[2] in row:
        return _relocate(row[alone[2]], located.line)
    return Located(_fill_text(located.value, row, located.line, file), located.line)


def _fill_mapping(mapping: Mapping[str, Located], row: Row, file: str) -> dict[str, Located]:
    filled: dict[str, Located] = {}
    for key, item in mapping.items():
        name = _fill_text(key, row, item.line, file)
        if name in filled:
            raise ScenarioFileError(
                file, item.line, f"the key {name!r} is there twice once the examples are filled in. Expected it once."
            )
        filled[name] = fill(item, row, file)
    return filled


def literal(value: Any) -> Any:  # noqa: ANN401 - any argument
    """Return the value as a file has to hold it, so that no text in it is taken for a place."""
    if isinstance(value, Mapping):
        return {literal(key): literal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [literal(item) for item in value]
    return _LITERAL.sub(r"<<\1>>", value) if isinstance(value, str) else value


def _fill_text(text: str, row: Row, line: int, file: str) -> str:
    def filled(place: re.Match[str]) -> str:
        escaped, name = place[1], place[2]
        if escaped is not None:
            return f"<{escaped}>" if escaped in row or _NAME.fullmatch(escaped) else place[0]
        if name in row:
            return str(row[name])
        if _NAME.fullmatch(name):
            help_ = nearest(name, row) if row else "This scenario has no examples."
            raise ScenarioFileError(file, line, f"unknown place <{name}>. {help_} The text itself is <<{name}>>.")
        return place[0]

    return _PLACE.sub(filled, text)


def _columns(table: Located, file: str) -> list[str]:
    first = table.value[0].value if isinstance(table.value, list) and table.value else None
    if not isinstance(first, dict) or not first:
        raise ScenarioFileError(file, table.line, f"'examples' is {table.plain()!r}. Expected a list of mappings.")
    return list(first)


def _relocate(value: object, line: int) -> Located:
    if isinstance(value, dict):
        return Located({key: _relocate(item, line) for key, item in value.items()}, line)
    if isinstance(value, list):
        return Located([_relocate(item, line) for item in value], line)
    return Located(value, line)
