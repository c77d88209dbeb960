"""A search line that has been read: ``method:POST status:4xx,5xx -path:*/clock body:"PM Approval"``."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from privman_core.cockpit.search_line import Term, read_terms
from privman_core.cockpit.search_words import IN_BODIES, TEXT, WORDS, SearchError, Sieve, Test, Word
from privman_core.exchange import Exchange
from privman_core.inputs import quoted
from privman_core.near_words import hint

LONGEST_SEARCH = 400
"""Characters of a search line."""


class Search(Struct, frozen=True):
    """A search; an exchange matches if it passes every test.

    Attributes:
        sieves: those that need the exchange alone.
        conditions: those that need what the search sees of it.
        verdicts: those that need an exchange that has been judged.
        texts: what bodies must contain, in lower case, each with whether they must not.
    """

    sieves: tuple[Sieve, ...] = ()
    conditions: tuple[Test, ...] = ()
    verdicts: tuple[Test, ...] = ()
    texts: tuple[tuple[str, bool], ...] = ()

    def sifts(self, exchange: Exchange) -> bool:
        """Return whether an exchange passes the tests that need it alone."""
        # Thousands of exchanges are sifted for one page, and a generator would double the time.
        for sieve in self.sieves:  # noqa: SIM110
            if not sieve(exchange):
                return False
        return True

    @classmethod
    def read(cls, line: str) -> "Search":
        """Return the search; raises SearchError."""
        if len(line) > LONGEST_SEARCH:
            raise SearchError(f"the search has {len(line):,} characters; expected at most {LONGEST_SEARCH}")
        terms = [_checked(term) for term in read_terms(line)]
        texts = tuple((term.value.lower(), term.negated) for term in terms if term.word == IN_BODIES)
        others = [(WORDS.get(term.word, TEXT), term) for term in terms if term.word != IN_BODIES]
        sieves, conditions, verdicts = (
            tuple(_test(word, term) for word, term in others if word.of == of) for of in ("exchange", "seen", "judged")
        )
        return cls(sieves, conditions, verdicts, texts)


def _checked(term: Term) -> Term:
    if term.word in {"http", "https"}:  # an address that was pasted
        return Term(f"{term.word}:{term.value}", negated=term.negated)
    if term.word and term.word not in WORDS:
        expected = ", ".join(WORDS)
        raise SearchError(f"unknown word {quoted(term.word)}{hint(term.word, WORDS)}; expected one of {expected}")
    if term.word and not term.value.strip():
        raise SearchError(f"{quoted(term.word)} is empty; expected, for example, {WORDS[term.word].example}")
    return term


def _test(word: Word, term: Term) -> Callable[[Any], bool]:
    """Return the test of a term."""
    value, wanted = term.value.lower(), not term.negated
    tests = [word.test(each) for each in (value.split(",") if word.several else [value])]
    if len(tests) == 1 and wanted:
        return tests[0]
    return lambda each: any(test(each) for test in tests) is wanted
