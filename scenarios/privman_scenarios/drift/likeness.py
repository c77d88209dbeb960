"""Which of two spellings means the same."""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

_ALIKE = 0.6


def likest(word: str, words: Iterable[str]) -> str:
    """Return the word that is most like it, empty where none is; case and punctuation do not count."""
    ranked = sorted(((_likeness(word, other), other) for other in words), reverse=True)
    return next((other for likeness, other in ranked if likeness >= _ALIKE), "")


def _likeness(one: str, other: str) -> float:
    # Which of the two is first makes a difference.
    pair = _bare(one), _bare(other)
    return max(SequenceMatcher(None, *order).ratio() for order in (pair, pair[::-1]))


def _bare(word: str) -> str:
    return re.sub(r"[\W_]", "", word).lower()
