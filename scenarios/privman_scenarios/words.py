"""Help with a word that is not known."""

import difflib
from collections.abc import Iterable


def nearest(word: str, words: Iterable[str]) -> str:
    """Return a sentence that helps with a word that is none of ``words``: the nearest one, else all of them."""
    valid = list(words)
    near = difflib.get_close_matches(word, valid, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Expected one of {', '.join(valid)}."
