"""The grammar of a search line: ``method:POST -path:*/clock body:"PM Approval"``, read and written."""

import re
from collections.abc import Iterable

from msgspec import Struct

_TERM = re.compile(r'([-!]?)(?:([A-Za-z]{1,20}):)?("(?:[^"\\]|\\.)*+\\?"?|\S++)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
_PLAIN = re.compile(r'[^\s"\-!]\S*')


class Term(Struct, frozen=True):
    """One condition of a search line.

    Attributes:
        value: without quotation marks; empty only after a word.
        word: the word before the colon, in lower case; empty for a term that is only a text.
        negated: whether a minus excludes what matches.
    """

    value: str
    word: str = ""
    negated: bool = False

    def __str__(self) -> str:
        """Return the term as it is typed."""
        is_plain = _PLAIN.fullmatch(self.value) and (self.word or ":" not in self.value)
        escaped = self.value.replace("\\", r"\\").replace('"', r"\"")
        value = self.value if is_plain else f'"{escaped}"'
        return f"{'-' * self.negated}{self.word}{':' * bool(self.word)}{value}"


def read_terms(line: str) -> list[Term]:
    """Return the terms of a line; every line is valid, and its end closes an open quotation mark."""
    terms = (_term(*found) for found in _TERM.findall(line))
    return [term for term in terms if term.word or term.value]


def is_open(line: str) -> bool:
    """Return whether the line ends within quotation marks."""
    typed = [text for _, _, text in _TERM.findall(line)]
    return bool(typed) and typed[-1].startswith('"') and (len(typed[-1]) == 1 or not _is_closed(typed[-1]))


def write_terms(terms: Iterable[Term]) -> str:
    """Return a line with these terms."""
    return " ".join(map(str, terms))


def written(text: str = "", **words: str) -> str:
    """Return the line with a text, if there is one, and these words with their values."""
    terms = (Term(value, word) for word, value in words.items())
    return write_terms([Term(text), *terms] if text else terms)


def toggled(line: str, term: Term) -> str:
    """Return the line with the term, or without it if it has it."""
    terms = read_terms(line)
    return write_terms([each for each in terms if each != term] if term in terms else [*terms, term])


def _term(minus: str, word: str, typed: str) -> Term:
    if not typed.startswith('"'):
        if not word and typed.endswith(":") and typed[:-1].isalpha() and typed.isascii():
            return Term("", typed[:-1].lower(), bool(minus))
        return Term(typed, word.lower(), bool(minus))
    end = len(typed) - 1 if len(typed) > 1 and _TERM.fullmatch(typed) and _is_closed(typed) else len(typed)
    return Term(_ESCAPED.sub(r"\1", typed[1:end]), word.lower(), bool(minus))


def _is_closed(typed: str) -> bool:
    """Return whether a quoted text ends with a quotation mark that is not escaped."""
    return _ESCAPED.sub("", typed[1:]).endswith('"')
