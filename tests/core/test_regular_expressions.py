"""Every regular expression of what ships takes time linear in the length of the text, whatever the text.

Two loops are quadratic where characters of one could as well be taken by the other and nothing between them is fixed.
A search is, too, where a loop could begin at any of its own characters and then fail. Both can be seen in the parsed
expression. Possessive loops give nothing back, so they can't be part of either.
"""

import importlib
import pkgutil
import re
import re._constants as sre  # type: ignore[import-not-found]  # typeshed knows neither, both come with Python
import re._parser as sre_parse  # type: ignore[import-not-found]
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from inspect import getsource
from itertools import combinations, product
from types import ModuleType
from typing import Any

import pytest
import yaml

import console_sim
import mock_servicenow
import privman_contracts
import privman_core
import privman_scenarios

PACKAGES = (mock_servicenow, console_sim, privman_contracts, privman_scenarios, privman_core)
ALPHABET = frozenset([*map(chr, range(128)), "é", "ß", "日", "\ud800", "\U0001f600"])
_CATEGORIES = {
    sre.CATEGORY_DIGIT: r"\d",
    sre.CATEGORY_NOT_DIGIT: r"\D",
    sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_WORD: r"\W",
}
_MANY = 100  # a loop that ends sooner costs no more than this for each character


@dataclass(frozen=True)
class Element:
    """A part of an expression: the characters that it may take, whether it takes any, whether as many as it likes."""

    characters: frozenset[str]
    required: bool
    loop: bool = False


Elements = tuple[Element, ...]


def quadratic(pattern: str, flags: int, *, searched: bool) -> str:
    """Return why an expression may take quadratic time; empty if it can't."""
    parsed = sre_parse.parse(pattern, flags)
    for elements in _sequences(list(parsed), bool(parsed.state.flags & re.IGNORECASE)):
        for first, last in combinations([at for at, each in enumerate(elements) if each.loop], 2):
            shared = elements[first].characters & elements[last].characters
            if shared and not _is_fixed(elements[first + 1 : last], elements[first], elements[last]):
                return f"two loops share {sorted(shared)[:3]}"
        loop = next((at for at, each in enumerate(elements) if each.loop), None)
        if searched and loop is not None and _restarts(elements, loop):
            return "a search may begin at each character of a loop"
    return ""


def _is_fixed(between: Elements, first: Element, last: Element) -> bool:
    return any(
        each.required and not (each.characters & first.characters and each.characters & last.characters)
        for each in between
    )


def _restarts(elements: Elements, loop: int) -> bool:
    begun = all(each.characters & elements[loop].characters for each in elements[:loop] if each.required)
    return begun and any(each.required for each in elements[loop + 1 :])


def _sequences(items: Sequence[Any], ignoring_case: bool) -> Iterator[Elements]:  # noqa: FBT001 - a helper
    """Yield the ways through an expression."""
    for ways in product(*(list(_ways(op, argument, ignoring_case)) for op, argument in items)):
        yield tuple(element for way in ways for element in way)


def _ways(op: Any, argument: Any, ignoring_case: bool) -> Iterator[Elements]:  # noqa: FBT001 - a helper
    if op in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN):
        yield (Element(_characters(op, argument, ignoring_case), required=True),)
    elif op is sre.SUBPATTERN:
        yield from _sequences(argument[3], ignoring_case)
    elif op is sre.BRANCH:
        for way in argument[1]:
            yield from _sequences(way, ignoring_case)
    elif op is sre.AT and argument in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
        yield (Element(frozenset(), required=True),)
    elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        yield from _repeated(argument[0], argument[1], argument[2], ignoring_case)
    elif op in (sre.POSSESSIVE_REPEAT, sre.ATOMIC_GROUP):
        least, body = (argument[0], argument[2]) if op is sre.POSSESSIVE_REPEAT else (1, argument)
        yield (Element(_union(body, ignoring_case), required=least > 0),)
    else:
        yield ()


def _repeated(least: int, most: Any, body: Sequence[Any], ignoring_case: bool) -> Iterator[Elements]:  # noqa: FBT001 - a helper
    ways = list(_sequences(body, ignoring_case))
    nested = any(element.loop for way in ways for element in way)
    if least == 0:
        yield ()
    if most is not sre.MAXREPEAT and most < _MANY:
        yield from ways if nested else ((Element(_union(body, ignoring_case), required=least > 0),),)
    elif nested:
        yield from ((*one, *other) for one, other in product(ways, ways))
    else:
        yield (Element(_union(body, ignoring_case), required=least > 0, loop=True),)


def _union(body: Sequence[Any], ignoring_case: bool) -> frozenset[str]:  # noqa: FBT001 - a helper
    return frozenset().union(*(each.characters for way in _sequences(body, ignoring_case) for each in way))


def _characters(op: Any, argument: Any, ignoring_case: bool) -> frozenset[str]:  # noqa: FBT001 - a helper
    found = {each for each in ALPHABET if _takes(op, argument, each)}
    if ignoring_case:
        found |= {each for each in ALPHABET if {each.lower(), each.upper()} & found}
    return frozenset(found)


def _takes(op: Any, argument: Any, character: str) -> bool:
    if op is sre.LITERAL:
        return bool(ord(character) == argument)
    if op is sre.NOT_LITERAL:
        return bool(ord(character) != argument)
    if op is sre.RANGE:
        return bool(argument[0] <= ord(character) <= argument[1])
    if op is sre.CATEGORY:
        return re.fullmatch(_CATEGORIES[argument], character) is not None
    if op is sre.IN:
        negated = argument[0][0] is sre.NEGATE
        return any(_takes(kind, value, character) for kind, value in argument[negated:]) != negated
    return True


# Importing Locust replaces the sockets and threads of these tests; the module keeps no expressions.
NOT_IMPORTED = ("privman_scenarios.load_process", "privman_scenarios.load_users")


def expressions() -> Iterator[tuple[str, re.Pattern[str], bool]]:
    """Yield the expressions that modules keep, each with its place, and whether it is searched for."""
    for package in PACKAGES:
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if info.name not in NOT_IMPORTED and not info.name.endswith("__main__"):
                yield from _expressions_of(importlib.import_module(info.name))


def _expressions_of(module: ModuleType) -> Iterator[tuple[str, re.Pattern[str], bool]]:
    kept = {name: found for name, value in vars(module).items() if (found := _each(value))}
    source = getsource(module) if kept else ""
    for name, patterns in kept.items():
        searched = re.search(rf"\b{name}\.(?:search|sub|subn|finditer|findall|split)\(", source) is not None
        for pattern in patterns:
            yield f"{module.__name__}.{name}", pattern, searched


def _each(value: object) -> list[re.Pattern[str]]:
    values = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else [value]
    return [each for each in values if isinstance(each, re.Pattern)]


def schema_patterns(node: object) -> Iterator[str]:
    """Yield the patterns in a schema."""
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "pattern" and isinstance(value, str))
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from schema_patterns(child)


@pytest.mark.long
def test_expressions_are_linear() -> None:
    """No module keeps an expression that a caller could make slow."""
    kept = list(expressions())
    assert len(kept) > 100
    slow = {
        place: reason
        for place, pattern, searched in kept
        if (reason := quadratic(pattern.pattern, pattern.flags, searched=searched))
    }
    assert slow == {}


@pytest.mark.long
def test_patterns_of_contracts_are_linear() -> None:
    """Bodies are judged by them, so they meet whatever callers send."""
    patterns = {
        pattern
        for file in (resources.files(privman_contracts) / "schemas").iterdir()
        for pattern in schema_patterns(yaml.safe_load(file.read_text()))
    }
    assert len(patterns) > 5
    assert {pattern: reason for pattern in patterns if (reason := quadratic(pattern, 0, searched=True))} == {}


@pytest.mark.parametrize(
    "pattern",
    [
        r"\)\s*;?\s*",
        r"\d+\.?\d*",
        r"[^\s/?#]+[^\s]*$",
        r"(?:a+)*b",
        r"(a*)?a*",
        r"x(?:[a-c]|d)+[c-e]*y",
        r"(?i)[a-z]+[A-Z]+!",
    ],
)
def test_shared_characters_are_seen(pattern: str) -> None:
    """Such loops are recognized."""
    assert quadratic(pattern, 0, searched=False)


@pytest.mark.parametrize("pattern", [r"\s+$x", r"/\*(?:[^*]|\*(?!/))*\*/", r"\$\{[^}]*\}", r"a?\w+!", r"(\w+)\.(\w+)="])
def test_searches_that_begin_again_are_seen(pattern: str) -> None:
    """Such searches are recognized."""
    assert quadratic(pattern, 0, searched=True)


@pytest.mark.parametrize(
    "pattern", [r"\s*+;?\s*+", r"(\w+)\.(\w+)=", r"^\s+x", r"<(\w+)>", r"a+b+c", r'"(?>[^"\\]+|\\.)*"?']
)
def test_linear_expressions_pass(pattern: str) -> None:
    """What is fixed between two loops, or gives nothing back, is fine."""
    assert quadratic(pattern, 0, searched=False) == ""
