"""Compare a value with what a scenario expects of it.

A plain value must be equal, a mapping is a subset, a list has as many items, each as expected. A mapping with one of
the keys of `OPERATORS` alone is an operator; of comparisons there may be several.
"""

import json
import operator
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

import re2

from privman_scenarios.errors import Comparison, Difference, ExpectationError

LONGEST_PATTERN = 1_000
_WILD = re.compile(r"\[[^\[\]]*\]|[*?]")
_WORD = re.compile(r"[^\W\d_]{4,}")


class PatternError(ValueError):
    """A text is not a usable regular expression; the message says why."""


@lru_cache
def compiled(pattern: str) -> Any:  # noqa: ANN401 - RE2 ships no types
    """Return the pattern, in which a dot is a line break too; raises PatternError."""
    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(f"it has {len(pattern)} characters, more than {LONGEST_PATTERN}")
    options = re2.Options()
    options.dot_nl, options.log_errors = True, False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise PatternError(error.args[0].decode(errors="replace")) from None
    except UnicodeEncodeError:
        raise PatternError("it holds half a character") from None


def is_found(pattern: str, text: str) -> bool:
    """Tell whether the pattern, a usable one, is found in the text."""
    return compiled(pattern).search(text.encode(errors="replace").decode()) is not None


def is_glob(pattern: str) -> bool:
    """Tell whether the pattern fits more than the one text that it is."""
    return _WILD.search(pattern) is not None


def holds_word(pattern: str) -> bool:
    """Tell whether a text or a glob holds a word of four letters or more, so that it does not fit almost everything."""
    return _WORD.search(_WILD.sub(" ", pattern)) is not None


def says(text: str, part: str) -> bool:
    """Tell whether the part stands in the text, and does not begin or end within a word."""
    begin, end = (r"\b" if each.isalnum() else "" for each in (part[:1], part[-1:]))
    return re.search(f"{begin}{re.escape(part)}{end}", text) is not None


@lru_cache
def matches_every_text(pattern: str) -> bool:
    """Tell whether the pattern, a usable one, is found in texts that have nothing in common."""
    return all(is_found(pattern, text) for text in ("", *texts_of_all_kinds()))


def texts_of_all_kinds() -> Iterator[str]:
    """Yield each character alone, and a long text."""
    yield from (*string.printable, "\ue000")
    yield string.printable * LONGEST_PATTERN


# Deeper than any message, and no deeper than what is written as lines can be.
DEEPEST = 200


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()


def require(expected: object, got: object, what: str = "") -> None:
    """Raise ExpectationError unless ``got`` is as expected; ``what`` names the value in the message."""
    if _is_deep(got):
        raise ExpectationError(f"{what} nested at most {DEEPEST} deep".lstrip(), "a value that is nested deeper")
    different = tuple(differences(expected, got, what))
    if different:
        raise ExpectationError(
            ", ".join(f"{each.where} {each.expected}".strip() for each in different),
            ", ".join(f"{each.where} {each.got}".strip() for each in different),
            Comparison(what, got, different),
        )


def holds(expected: object, got: object) -> bool:
    """Tell whether ``got`` is as expected."""
    return next(differences(expected, got), None) is None


def differences(expected: object, got: object, where: str = "") -> Iterator[Difference]:
    """Yield each place where ``got`` is not as expected."""
    if isinstance(expected, Mapping):
        yield from _of_mapping(expected, got, where)
    elif isinstance(expected, list):
        yield from _of_list(expected, got, where)
    elif not _equal(expected, got):
        yield Difference(where, repr(expected), repr(got))


def is_operator(expected: object) -> bool:
    """Tell whether a mapping is an operator, or several comparisons, rather than a subset of another mapping."""
    if not isinstance(expected, Mapping) or not expected:
        return False
    return set(expected) <= set(COMPARISONS) or (len(expected) == 1 and next(iter(expected)) in OPERATORS)


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [item for each in level if isinstance(each, list | Mapping) for item in _items(each)]
        if not level:
            return False
    return True


def _items(value: list[Any] | Mapping[str, Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, Mapping) else value


def _of_mapping(expected: Mapping[str, Any], got: object, where: str) -> Iterator[Difference]:
    if is_operator(expected):
        for name, operand in expected.items():
            yield from OPERATORS[name](operand, got, where)
        return
    if not isinstance(got, Mapping):
        yield Difference(where, f"a mapping with {', '.join(expected)}", repr(got))
        return
    for key, value in expected.items():
        yield from differences(value, got.get(key, MISSING), f"{where}.{key}" if where else key)


def _of_list(expected: list[Any], got: object, where: str) -> Iterator[Difference]:
    if not isinstance(got, list) or len(got) != len(expected):
        yield Difference(where, repr(expected), repr(got))
        return
    for index, (want, item) in enumerate(zip(expected, got, strict=True)):
        yield from differences(want, item, f"{where}[{index}]")


def _equal(expected: object, got: object) -> bool:
    # The Table API prints every value as text, so that true is "true" and 3 is "3" there.
    if isinstance(got, str) and isinstance(expected, bool | int):
        return got == (str(expected).lower() if isinstance(expected, bool) else str(expected))
    return expected == got and isinstance(expected, bool) == isinstance(got, bool)


def _matches(pattern: object, got: object, where: str) -> Iterator[Difference]:
    if not isinstance(got, str) or not is_found(str(pattern), got):
        yield Difference(where, f"text that matches {pattern!r}", repr(got))


def _absent(wanted: object, got: object, where: str) -> Iterator[Difference]:
    is_absent = got is MISSING or got in (None, "")
    if is_absent is not wanted:
        yield Difference(where, "nothing" if wanted else "something", repr(got))


def _contains(part: object, got: object, where: str) -> Iterator[Difference]:
    if isinstance(got, list):
        for each in part if isinstance(part, list) else [part]:
            if not any(holds(each, item) for item in got):
                yield Difference(where, f"a list that contains {each!r}", repr(got))
    elif not isinstance(got, str) or not isinstance(part, str) or part not in got:
        yield Difference(where, f"text that contains {part!r}" if isinstance(part, str) else "a list", repr(got))


def _one_of(allowed: list[Any], got: object, where: str) -> Iterator[Difference]:
    if not any(holds(each, got) for each in allowed):
        yield Difference(where, f"one of {', '.join(map(repr, allowed))}", repr(got))


def _unordered(expected: list[Any], got: object, where: str) -> Iterator[Difference]:
    if not isinstance(got, list) or len(got) != len(expected):
        yield Difference(where, f"{expected!r} in any order", repr(got))
        return
    for each in _unpaired(expected, got):
        yield Difference(where, f"an item for {each!r}", repr(got))


def _unpaired(expected: list[Any], got: list[Any]) -> list[Any]:
    """Return the expected items for which no item is left, however expected ones and items are paired."""
    pairs: dict[int, int] = {}

    def pair(index: int, tried: set[int]) -> bool:
        for place, item in enumerate(got):
            if place in tried or not holds(expected[index], item):
                continue
            tried.add(place)
            if place not in pairs or pair(pairs[place], tried):
                pairs[place] = index
                return True
        return False

    return [each for index, each in enumerate(expected) if not pair(index, set())]


def number_in(value: object) -> float | None:
    """Return a number, or the one that a text is; None for anything else."""
    if isinstance(value, str):
        return _read_like(0, value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _comparison(name: str) -> "_Operator":
    def compare(bound: object, got: object, where: str) -> Iterator[Difference]:
        number, limit = number_in(got), number_in(bound)
        if number is None or limit is None or not COMPARISONS[name](number, limit):
            yield Difference(where, f"a number {name} {bound}", repr(got))

    return compare


def _json(expected: object, got: object, where: str) -> Iterator[Difference]:
    try:
        value = json.loads(got) if isinstance(got, str) else MISSING
    except (ValueError, RecursionError):
        value = MISSING
    if value is MISSING:
        yield Difference(where, "JSON text", repr(got))
    else:
        yield from differences(expected, value, where)


def _not(unwanted: object, got: object, where: str) -> Iterator[Difference]:
    if isinstance(unwanted, list) and unwanted and isinstance(got, list):
        yield from _none_of(unwanted, got, where)
    elif _is_unwanted(unwanted, got, where):
        yield Difference(where, f"not {unwanted!r}", repr(got))
    elif got is not MISSING and (kind := _kind_of(unwanted)) and not _is_of(kind, got):
        # It could never have been that, so that this would prove nothing.
        yield Difference(where, f"{kind}, not {unwanted!r}", repr(got))


def _none_of(unwanted: list[Any], got: list[Any], where: str) -> Iterator[Difference]:
    """Yield each item that is one of what is unwanted: a list that merely has another length proves nothing."""
    for index, item in enumerate(got):
        place = f"{where}[{index}]"
        for each in unwanted:
            if _is_unwanted(each, item, place):
                yield Difference(place, f"not {each!r}", repr(item))


def _is_unwanted(unwanted: object, got: object, where: str) -> bool:
    return next(differences(unwanted, _as_meant(unwanted, got), where), None) is None


def _as_meant(unwanted: object, got: object) -> object:
    """Return the value with each text replaced by the unwanted number or flag that it would be without quotes."""
    if isinstance(unwanted, Mapping) and set(unwanted) == {"one-of"}:
        return next((each for each in unwanted["one-of"] if _reads_as(each, got)), got)
    if isinstance(unwanted, Mapping) and isinstance(got, Mapping):
        return {key: _as_meant(unwanted.get(key), item) for key, item in got.items()}
    if isinstance(unwanted, list) and isinstance(got, list) and len(unwanted) == len(got):
        return [_as_meant(each, item) for each, item in zip(unwanted, got, strict=True)]
    return unwanted if _reads_as(unwanted, got) else got


def _reads_as(unwanted: object, got: object) -> bool:
    return isinstance(got, str) and isinstance(unwanted, int | float) and _read_like(unwanted, got) == unwanted


def _read_like(like: object, text: str) -> float | None:
    """Return the flag, or the number, that is in the text; None for any other text."""
    if isinstance(like, bool):
        return _FLAGS.get(text.lower())
    for number in (int, float):
        with suppress(ValueError):
            return number(text)
    return None


def _kind_of(unwanted: object) -> str:
    """Return the kind of the only values that may be what is unwanted; empty where that is said by no shape."""
    if isinstance(unwanted, list):
        return "a list"
    if isinstance(unwanted, bool):
        return "true or false"
    if not isinstance(unwanted, Mapping):
        return "text" if isinstance(unwanted, str) else "a number"
    if set(unwanted) == {"one-of"}:
        return _kind_of(unwanted["one-of"][0])
    if is_operator(unwanted) and set(unwanted) != {"json"}:
        return ""
    return "JSON text" if set(unwanted) == {"json"} else "a mapping"


def _is_of(kind: str, got: object) -> bool:
    if kind == "JSON text":
        return not any(each.expected == kind for each in _json(MISSING, got, ""))
    if kind in _LIKE:
        return got in (None, "") or _is_like(_LIKE[kind], got)
    return isinstance(got, list if kind == "a list" else Mapping)


def _is_like(like: object, got: object) -> bool:
    """Tell whether a value is text, a number or a flag, as the example is; the last two may be printed as text."""
    if isinstance(like, str):
        return isinstance(got, str)
    if isinstance(got, str):
        return _read_like(like, got) is not None
    return isinstance(got, int | float) and isinstance(got, bool) == isinstance(like, bool)


_FLAGS = {"true": True, "false": False}
# An example of each kind of plain value.
_LIKE: Mapping[str, object] = {"text": "", "a number": 0, "true or false": True}
_Operator = Callable[[Any, object, str], Iterator[Difference]]
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
OPERATORS: Mapping[str, _Operator] = {
    "matches": _matches,
    "contains": _contains,
    "one-of": _one_of,
    "unordered": _unordered,
    **{name: _comparison(name) for name in COMPARISONS},
    "absent": _absent,
    "json": _json,
    "not": _not,
}
