"""Reads what a program in the other party's place answers, and refuses what no page could show."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from privman_core.cuts import cut

T = TypeVar("T")
LARGEST = 4 * 1024 * 1024
"""Bytes of an answer, but for one exchange with its bodies."""
MOST_VALUES, DEEPEST = 50_000, 20
"""Values of an answer, and lists or objects within each other."""
_YEARS = range(1970, 9_000)  # so that no jump and no time zone leads to a year that no clock has
_LONGEST_REASON = 300


class ForeignAnswerError(ValueError):
    """An answer cannot be read; the message says why."""


def read_answer(body: bytes, shape: type[T], largest: int = LARGEST) -> T:
    """Return an answer of that shape; raises ForeignAnswerError for any other, and for one that is too much to show."""
    if len(body) > largest:
        raise ForeignAnswerError(f"{len(body):,} bytes; expected at most {largest:,}")
    try:
        found = msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ForeignAnswerError(cut(str(error), _LONGEST_REASON)) from None
    _check(found)
    return found


def _check(answer: object) -> None:
    """Raise ForeignAnswerError for too many values, too many levels, or a moment that no clock has."""
    level, depth, count = [answer], 0, 0
    while level:
        count, depth = count + len(level), depth + 1
        if count > MOST_VALUES or depth > DEEPEST:
            raise ForeignAnswerError(f"more than {MOST_VALUES:,} values, or more than {DEEPEST} levels")
        for each in level:
            if isinstance(each, datetime) and each.year not in _YEARS:
                raise ForeignAnswerError(f"the moment {each.isoformat()}; expected one from 1970 to 8999")
        level = [part for each in level for part in _parts(each)]


def _parts(value: object) -> Iterable[object]:
    """Return the values within a value, so that the next level is not longer than the answer."""
    if isinstance(value, Struct):
        return [getattr(value, name) for name in value.__struct_fields__]
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list | tuple) else ()
