"""YAML with line numbers: each value remembers where it stands in the file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

import yaml

from privman_core import yaml_reader
from privman_core.yaml_reader import YamlError
from privman_scenarios.errors import ScenarioFileError

_NO_NUMBERS = (".inf", ".nan")  # neither is there in JSON
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Located:
    """A value and where it stands.

    Attributes:
        value: None, bool, int, float or str; for a mapping a dict of name to Located, for a list a list of Located.
        line: in the file, from 1.
    """

    value: Any
    line: int

    def plain(self) -> Any:  # noqa: ANN401 - YAML holds anything
        """Return the value without its places."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

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
        raise YamlError(f"{text[:40]!r} is not a number that fits.", line) from None


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
