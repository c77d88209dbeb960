"""Help with a word that is not valid: the nearest one that is.

Comparing takes long, so whoever compares what a stranger sent bounds both the words and their number.
"""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from itertools import islice

_LONGEST_COMPARED = 200
_MOST_LISTED = 15
_ALIKE = 0.6
_LIKE_A_TYPO = 0.8
_DIGITS = re.compile(r"\d+")


def nearest(word: str, words: Iterable[str], likeness: float = _ALIKE) -> str:
    """Return the valid word that is nearest, empty if none is; a long one is not compared."""
    if len(word) > _LONGEST_COMPARED:
        return ""
    compared = [each for each in dict.fromkeys(words) if len(each) <= _LONGEST_COMPARED]
    return str(next(iter(get_close_matches(word, compared, n=1, cutoff=likeness)), ""))


def likeness(one: str, other: str) -> float:
    """Return how alike two words are, from 0 to 1; case and punctuation do not count. A long one is like none."""
    if max(len(one), len(other)) > _LONGEST_COMPARED:
        return 0
    # Which of the two is first makes a difference.
    pair = bare(one), bare(other)
    return max(SequenceMatcher(None, *order).ratio() for order in (pair, pair[::-1]))


def bare(word: str) -> str:
    """Return the word without case and punctuation."""
    return re.sub(r"[\W_]", "", word).lower()


def misspelt(word: str, words: Iterable[str], likeness: float = _LIKE_A_TYPO) -> str:
    """Return which of ``words`` a word is but for a typo; empty if it is one of them, or like none.

    A name with another number, such as ``ServiceNow 2``, is another one on purpose.
    """
    valid = list(dict.fromkeys(words))
    if word in valid:
        return ""
    return nearest(word, [each for each in valid if _without_numbers(each) != _without_numbers(word)], likeness)


def misspelt_words(name: str, names: Iterable[str], likeness: float = _LIKE_A_TYPO) -> str:
    """Do as `misspelt` for names of words joined by underscores; one of another number of words is another name.

    A name that differs only in its underscores is a misspelling, too.
    """
    words = name.split("_")
    joined = "".join(words)
    valid = {"".join(each.split("_")): each for each in names if _may_be(words, each.split("_"))}
    return valid.get(joined) or valid.get(misspelt(joined, valid, likeness), "")


def _may_be(words: list[str], others: list[str]) -> bool:
    return len(words) == len(others) or "".join(words) == "".join(others)


def _without_numbers(name: str) -> list[str]:
    return _DIGITS.sub(" ", name).split()


def hint(word: str, words: Iterable[str], most: int = 100) -> str:
    """Return the nearest word in brackets, to put behind a word that is not valid; compares ``most`` of them."""
    found = nearest(word, islice(words, most))
    return f" (did you mean {found!r}?)" if found else ""


def question(word: str, words: Iterable[str], likeness: float = _ALIKE) -> str:
    """Return a sentence with the nearest word, empty if there is none."""
    found = nearest(word, words, likeness)
    return f"Did you mean {found!r}?" if found else ""


def advice(word: str, words: Iterable[str], likeness: float = _ALIKE) -> str:
    """Return a sentence with the nearest word, else with all if they are few."""
    valid = list(dict.fromkeys(words))
    expected = f"Expected one of {', '.join(valid)}." if len(valid) <= _MOST_LISTED else "No known one is like it."
    return question(word, valid, likeness) or expected
