"""Hints for a search that finds nothing: values that no exchange has, and those that exchanges have."""

from collections.abc import Callable, Iterable, Mapping
from itertools import chain

from privman_core.cockpit.search_line import Term, read_terms
from privman_core.cockpit.seen_exchanges import Seen
from privman_core.inputs import quoted
from privman_core.near_words import nearest

MOST_LOOKED_AT = 1_000
"""Exchanges of a journal whose values are listed, the newest ones."""
MOST_VALUES = 20
"""Values of one word that are listed."""
_NAMES = {"method": "method", "party": "party", "from": "sender", "to": "receiver", "user": "user"}
_VALUES: Mapping[str, Callable[[Seen], Iterable[str]]] = {
    "method": lambda seen: [seen.exchange.method],
    "party": lambda seen: [seen.source, seen.target],
    "from": lambda seen: [seen.source],
    "to": lambda seen: [seen.target],
    "user": lambda seen: [seen.user] if seen.user else [],
}
"""The words whose values are few, and what they are of an exchange."""


def values_of(line: str, exchanges: Iterable[Seen]) -> dict[str, list[str]]:
    """Return what the exchanges have of the words in a search line, by word."""
    some = list(exchanges) if (words := {term.word for term in _asked(line)}) else []
    values = {word: dict.fromkeys(chain.from_iterable(map(_VALUES[word], some))) for word in words}
    return {word: list(each)[:MOST_VALUES] for word, each in values.items()}


def hints(line: str, known: Iterable[Mapping[str, list[str]]]) -> list[str]:
    """Return a sentence for each value in a search line that no party knows; ``known`` is what each of them has."""
    parts = list(known)
    told = list[str]()
    for term in _asked(line):
        values = sorted({value for each in parts for value in each.get(term.word, ())})
        lower = [value.lower() for value in values]
        wanted = (each for each in term.value.split(",") if values and each.lower() not in lower)
        told += [_hint(term.word, each, values, lower) for each in wanted]
    return told


def _hint(word: str, value: str, values: list[str], lower: list[str]) -> str:
    near = nearest(value.lower(), lower)
    meant = f" (did you mean {values[lower.index(near)]!r}?)" if near else ""
    has = f"None of the newest exchanges has the {_NAMES[word]} {quoted(value)}{meant}"
    return f"{has}; {'all have' if len(values) == 1 else 'they have'} {', '.join(values)}."


def _asked(line: str) -> list[Term]:
    return [term for term in read_terms(line) if term.word in _VALUES and not term.negated]
