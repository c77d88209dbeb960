"""Tables of examples: each row fills the ``<name>`` places of the steps."""

from collections.abc import Mapping
from typing import Any

from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.yaml_nodes import Located

Row = Mapping[str, Any]


def rows(table: Located | None, places: object, file: str) -> list[Row]:
    """Return the rows of the table, one empty row without a table; ``places`` is where the names may stand.

    Raises:
        ScenarioFileError: the table is no list of mappings with the same keys, or a key is used nowhere.
    """
    if table is None:
        return [{}]
    columns = _columns(table, file)
    for column in columns:
        if f"<{column}>" not in repr(places):
            raise ScenarioFileError(file, table.line, f"no step uses <{column}>. Expected it in an argument.")
    for row in table.value:
        if not isinstance(row.value, dict) or list(row.value) != columns:
            raise ScenarioFileError(file, row.line, f"an example is {row.plain()!r}. Expected {', '.join(columns)}.")
    return [row.plain() for row in table.value]


def fill(located: Located, row: Row) -> Located:
    """Return the value with each ``<name>`` replaced; a text that is nothing else takes the example's own type."""
    if not row:
        return located
    if isinstance(located.value, dict):
        return Located({fill_text(key, row): fill(item, row) for key, item in located.value.items()}, located.line)
    if isinstance(located.value, list):
        return Located([fill(item, row) for item in located.value], located.line)
    if not isinstance(located.value, str):
        return located
    whole = located.value.removeprefix("<").removesuffix(">")
    if whole in row and located.value == f"<{whole}>":
        return _relocate(row[whole], located.line)
    return Located(fill_text(located.value, row), located.line)


def fill_text(text: str, row: Row) -> str:
    """Return the text with each ``<name>`` replaced."""
    for name, value in row.items():
        text = text.replace(f"<{name}>", str(value))
    return text


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
