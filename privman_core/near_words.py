"""Hints at the word that somebody may have meant."""

from collections.abc import Collection
from difflib import get_close_matches
from itertools import islice

_LONGEST_COMPARED = 200


def near(word: str, words: Collection[str], most: int = 100) -> str:
    """Return a hint at the nearest valid word, or nothing.

    Comparing takes long: neither long words nor more than ``most`` of them are compared.
    """
    compared = [each for each in islice(words, most) if len(each) <= _LONGEST_COMPARED]
    found = get_close_matches(word, compared, n=1) if len(word) <= _LONGEST_COMPARED else []
    return f" (did you mean {str(found[0])!r}?)" if found else ""
