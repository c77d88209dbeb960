"""Names for new things."""

from collections.abc import Callable
from itertools import chain, count


def first_free(is_free: Callable[[str], bool], *names: str) -> str:
    """Return the first of the names that is free, or else the last one with the lowest free number, from 2."""
    numbered = (f"{names[-1]} {number}" for number in count(2))
    return next(name for name in chain(names, numbered) if is_free(name))
