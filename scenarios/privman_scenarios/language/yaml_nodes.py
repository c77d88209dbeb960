"""YAML with line numbers, and the ``<name>`` places that a row of examples fills."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import yaml

from privman_core import yaml_reader
from privman_core.cuts import cut
from privman_core.near_words import advice
from privman_core.yaml_reader import YamlError
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.collected_errors import UnreadError

_NO_NUMBERS = (".inf", ".nan")  # neither is there in JSON
UNREAD: Any = object()
"""The value of what names another file that cannot be read."""
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Located:
    """A value and where it stands.

    Attributes:
        value: None, bool, int, float or str; for a mapping a dict of name to Located, for a list a list of Located.
        line: in the file, from 1.
        file: where it is not that of the scenario.
    """

    value: Any
    line: int
    file: str = ""

    def plain(self) -> Any:  # noqa: ANN401 - YAML holds anything
        """Return the value without its places."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def in_file(self, file: str) -> "Located":
        """Return the same as it stands in another file."""
        value = self.value
        if isinstance(value, dict):
            value = {key: item.in_file(file) for key, item in value.items()}
        elif isinstance(value, list):
            value = [item.in_file(file) for item in value]
        return Located(value, self.line, file)

    def at(self, path: Iterable[str | int]) -> "Located":
        """Return what these keys and indices lead to, or what holds it where they lead nowhere."""
        found = self
        for step in path:
            try:
                found = found.value[step]
            except (KeyError, IndexError, TypeError):
                return found
        return found


def read_documents(text: str, file: str) -> Iterator[Located]:
    """Yield the documents of a YAML file; raises ScenarioFileError for what is not usable YAML."""
    try:
        for node in yaml_reader.compose(text):
            yield _locate(node)
    except YamlError as error:
        raise ScenarioFileError(file, error.line or 1, str(error)) from None


def _locate(node: yaml.Node) -> Located:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return Located(_mapping(node), line)
    if isinstance(node, yaml.SequenceNode):
        return Located([_locate(item) for item in node.value], line)
    return Located(_scalar(node, line), line)


def _mapping(node: yaml.MappingNode) -> dict[str, Located]:
    # The key's line, since a block value begins below it.
    return {
        key.value: Located(_locate(value).value, key.start_mark.line + 1) for key, value in yaml_reader.entries(node)
    }


def _scalar(node: yaml.Node, line: int) -> object:
    text: str = node.value
    kind = node.tag.rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool":
        return _BOOLEANS.get(text.lower(), text)
    try:
        return _number(kind, text)
    except ValueError:
        raise YamlError(f"{cut(text, 40)!r} is not a number that fits.", line) from None


def _whole(text: str) -> int:
    """Return a whole number that JSON can hold; raises ValueError for a longer one."""
    number = int(text)
    if not -(2**63) <= number < 2**64:
        raise ValueError(text)
    return number


def _number(kind: str, text: str) -> float | str:
    """Return the number, or the text where YAML sees one that is none here; raises ValueError."""
    # 16:30:00 is a sexagesimal integer to YAML 1.1; here it is a span of time.
    if kind == "int" and text.lstrip("-").isdecimal():
        return _whole(text)
    if kind != "float" or ":" in text or text.strip("+-").lower() in _NO_NUMBERS:
        return text
    number = float(text.replace("_", ""))
    return number if isfinite(number) else text


def plain_number(text: str) -> float | None:
    """Return the number that a text is in YAML, if the number is printed just so; None for any other text."""
    for kind in ("int", "float"):
        with suppress(ValueError):
            number = _number(kind, text)
            if not isinstance(number, str) and str(number) == text:
                return number
    return None


Row = Mapping[str, Any] | None
"""Of a table of examples; None for one that could not be read."""
MOST_ROWS = 10_000
"""Of a table of examples."""
MOST_FILLED = 2_000_000
"""Characters of all scenarios of a run that examples are filled in, each as often as it has rows."""
# An escaped place, or a place; what lies between them is a name where it looks like one.
_PLACE = re.compile(r"<<([^<>]+)>>|<([^<>]+)>")
_NAME = re.compile(r"[^\W\d][\w-]*")
_LITERAL = re.compile(rf"<({_NAME.pattern})>")


def example_rows(table: Located, file: str) -> list[Mapping[str, Any]]:
    """Return the rows of the table.

    Raises:
        ScenarioFileError: the table is no list of mappings with the same keys.
        UnreadError: it could not be read.
    """
    if table.value is UNREAD:
        raise UnreadError
    if isinstance(table.value, list) and len(table.value) > MOST_ROWS:
        raise ScenarioFileError(file, table.line, f"'examples' has more than {MOST_ROWS} rows. Expected fewer.")
    columns = _example_columns(table, file)
    for row in table.value:
        if not isinstance(row.value, dict) or list(row.value) != columns:
            raise ScenarioFileError(file, row.line, f"an example is {row.plain()!r}. Expected {', '.join(columns)}.")
    return [row.plain() for row in table.value]


class Places:
    """Where a scenario uses the columns of its examples.

    Attributes:
        used: how often, by column.
        size: characters of the scenario.
    """

    def __init__(self, keys: Iterable[Located]) -> None:
        text = repr([located.plain() for located in keys])
        self.used = Counter(found[2] for found in _PLACE.finditer(text))
        self.size = len(text)

    def refuse_foreign(self, table: Located, file: str) -> None:
        """Raise ScenarioFileError for a file of which no column is used; a link may lead to one that has secrets."""
        if table.value[0].file and self.used.keys().isdisjoint(_example_columns(table, file)):
            raise ScenarioFileError(
                file, table.line, "no step uses a column of the file. Expected <column> in an argument."
            )

    def refuse_unused(self, table: Located, file: str) -> None:
        """Raise ScenarioFileError for a column that is used nowhere."""
        for column in _example_columns(table, file):
            if column not in self.used:
                raise ScenarioFileError(file, table.line, f"no step uses <{column}>. Expected it in an argument.")


class FilledText:
    """Counts the characters of scenarios with their examples filled in."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, places: Places, rows: Iterable[Mapping[str, object]], table: Located, file: str) -> None:
        """Count a scenario once for each row; raises ScenarioFileError if that is more than `MOST_FILLED` allows."""
        for row in rows:
            self._count += places.size + sum(places.used[name] * len(str(cell)) for name, cell in row.items())
        if self._count > MOST_FILLED:
            expected = f"Expected {MOST_FILLED} at most, in all scenarios with examples"
            raise ScenarioFileError(file, table.line, f"'examples': too many characters, rows filled in. {expected}.")


def fill_example(located: Located, row: Row, file: str) -> Located:
    """Return the value with each ``<name>`` replaced; a text that is nothing else takes the example's own type.

    Raises:
        ScenarioFileError: the row lacks a name, or a key is there already.
        UnreadError: the value is UNREAD, or has a name of a row that could not be read.
    """
    if located.value is UNREAD:
        raise UnreadError
    if isinstance(located.value, dict):
        return replace(located, value=_fill_mapping(located.value, row, file))
    if isinstance(located.value, list):
        return replace(located, value=[fill_example(item, row, file) for item in located.value])
    if not isinstance(located.value, str):
        return located
    alone = _PLACE.fullmatch(located.value)
    if alone and row is not None and alone[2] in row:
        return _relocate(row[alone[2]], located)
    return replace(located, value=_fill_text(located.value, row, located.line, located.file or file))


def _fill_mapping(mapping: Mapping[str, Located], row: Row, file: str) -> dict[str, Located]:
    filled: dict[str, Located] = {}
    for key, item in mapping.items():
        name = _fill_text(key, row, item.line, item.file or file)
        if name in filled:
            raise ScenarioFileError(
                item.file or file, item.line, f"duplicate key {name!r} once the examples are filled in."
            )
        filled[name] = fill_example(item, row, file)
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
        if row is None:
            raise UnreadError
        if escaped is not None:
            return f"<{escaped}>" if escaped in row or _NAME.fullmatch(escaped) else place[0]
        if name in row:
            return str(row[name])
        if _NAME.fullmatch(name):
            help_ = advice(name, row) if row else "This scenario has no examples."
            raise ScenarioFileError(file, line, f"unknown place <{name}>. {help_} The text itself is <<{name}>>.")
        return place[0]

    return _PLACE.sub(filled, text)


def _example_columns(table: Located, file: str) -> list[str]:
    first = table.value[0].value if isinstance(table.value, list) and table.value else None
    if not isinstance(first, dict) or not first:
        raise ScenarioFileError(file, table.line, f"'examples' is {table.plain()!r}. Expected rows, or a CSV file.")
    return list(first)


def _relocate(value: object, place: Located) -> Located:
    if isinstance(value, dict):
        return replace(place, value={key: _relocate(item, place) for key, item in value.items()})
    if isinstance(value, list):
        return replace(place, value=[_relocate(item, place) for item in value])
    return replace(place, value=value)
