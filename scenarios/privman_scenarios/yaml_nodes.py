"""YAML with line numbers: each value remembers where it stands in the file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from privman_scenarios.errors import ScenarioFileError

# The C parser is optional in PyYAML; it is ten times faster.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
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


def read_documents(text: str, file: str) -> Iterator[Located]:
    """Yield the documents of a YAML file; raises ScenarioFileError for what is no YAML."""
    try:
        for node in yaml.compose_all(text, Loader=_Loader):
            yield _locate(node, file)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScenarioFileError(file, line, f"{error.problem}.") from None
    except RecursionError:
        raise ScenarioFileError(file, 1, "is nested too deeply, or stands in itself.") from None
    except yaml.YAMLError as error:
        raise ScenarioFileError(file, 1, f"{error}.") from None


def _locate(node: yaml.Node, file: str) -> Located:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return Located(_mapping(node, file), line)
    if isinstance(node, yaml.SequenceNode):
        return Located([_locate(item, file) for item in node.value], line)
    return Located(_scalar(node), line)


def _mapping(node: yaml.MappingNode, file: str) -> dict[str, Located]:
    values: dict[str, Located] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise ScenarioFileError(file, line, "a key is a list or a mapping. Expected a word.")
        if key.value in values:
            raise ScenarioFileError(file, line, f"{key.value!r} stands twice.")
        # The key's line, since a block value begins below it.
        values[key.value] = Located(_locate(value, file).value, line)
    return values


def _scalar(node: yaml.Node) -> object:
    text: str = node.value
    kind = node.tag.rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool":
        return _BOOLEANS.get(text.lower(), text)
    # 16:30:00 is a sexagesimal integer to YAML 1.1; here it is a span of time.
    if kind == "int" and text.lstrip("-").isdecimal():
        return int(text)
    if kind == "float" and ":" not in text and text.strip("+-").lower() not in _NO_NUMBERS:
        return float(text.replace("_", ""))
    return text
