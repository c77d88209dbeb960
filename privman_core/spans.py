"""Spans of a text: of known needles, and of each part before its escapes were undone."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from html import unescape
from urllib.parse import unquote

from privman_core.cuts import CUT, CutPrefixes

Span = tuple[int, int]
_BLOCK = 5
_STRIDE = 4
_PIECE = 256
SHORTEST = _BLOCK + _STRIDE - 1
"""Length of the shortest needle."""


class Needles:
    """Texts of at least `SHORTEST` characters, and their beginnings that a cut has left, searched for in linear time.

    Only every fourth block of five characters is looked up: each occurrence of a needle has one near its start.
    A long needle is searched for in pieces, because comparing all of it at each place takes quadratic time if it
    repeats itself.
    """

    def __init__(self) -> None:
        self._needles: set[str] = set()
        self._index: dict[str, tuple[Span, ...]] = {}
        self._prefixes = CutPrefixes()

    def add(self, needle: str) -> None:
        """Search for this text, too."""
        for at in range(0, len(needle), _PIECE):
            self._add_piece(needle[max(0, min(at, len(needle) - _PIECE)) : at + _PIECE])

    def _add_piece(self, needle: str) -> None:
        if needle in self._needles:
            return
        self._needles.add(needle)
        self._prefixes.add(needle)
        for offset in range(_STRIDE):
            block = needle[offset : offset + _BLOCK]
            known, place = self._index.get(block, ()), (offset, len(needle))
            if place not in known:
                self._index[block] = (*known, place)

    def find(self, text: str) -> Iterator[Span]:
        """Yield the spans of needles, or of their pieces, and of what cuts have left of them; they may overlap."""
        index = self._index
        if not index:
            return
        blocks = range(0, len(text) - _BLOCK + 1, _STRIDE)
        for at in [at for at in blocks if text[at : at + _BLOCK] in index]:
            for offset, length in index[text[at : at + _BLOCK]]:
                start = max(0, at - offset)
                if text[start : start + length] in self._needles:
                    yield start, start + length
        if CUT in text:
            yield from self._prefixes.find(text)


class Words:
    """Texts of any length, and their beginnings that a cut has left, searched for one by one: for a few of them."""

    def __init__(self) -> None:
        self._words: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._prefixes = CutPrefixes()

    def __contains__(self, word: str) -> bool:
        return word in self._words

    def add(self, word: str) -> None:
        """Search for this text, too."""
        self._words.add(word)
        self._prefixes.add(word)
        longest_first = map(re.escape, sorted(self._words, key=len, reverse=True))
        self._pattern = re.compile(f"(?=({'|'.join(longest_first)}))")  # looks ahead, since words may overlap

    def find(self, text: str) -> Iterator[Span]:
        """Yield the spans of the texts, and of what cuts have left of them; they may overlap."""
        if self._pattern is None:
            return
        yield from (found.span(1) for found in self._pattern.finditer(text))
        if CUT in text:
            yield from self._prefixes.find(text)


DEEPEST = 5
"""Levels of nested escapes that are undone, such as JSON in JSON in a form."""
_JSON = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
# Each alternative has a bounded length, so that matching is linear.
_ESCAPE = re.compile(
    r"%[0-7][0-9A-Fa-f]|%[C-Fc-f][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){1,3}"
    r"|\\u[dD][89ABab][0-9A-Fa-f]{2}\\u[dD][C-Fc-f][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}"
    r"|\\x[0-9A-Fa-f]{2}|\\U00(?:0[0-9A-Fa-f]|10)[0-9A-Fa-f]{4}"  # as Python writes a character
    r'|\\["\'\\/bfnrt]'
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,6});"
)


class Unescaped:
    """A text with every percent escape, JSON escape and character reference undone once.

    Attributes:
        text: the result.
    """

    def __init__(self, source: str) -> None:
        parts: list[str] = []
        # Ends of escapes in the text, and the offset of the source there.
        self._ends: list[int] = []
        self._shifts = [0]
        at = size = 0
        for escape in _ESCAPE.finditer(source):
            character = _undone(escape[0])
            parts += (source[at : escape.start()], character)
            size += escape.start() - at + len(character)
            at = escape.end()
            self._ends.append(size)
            self._shifts.append(at - size)
        parts.append(source[at:])
        self.text = "".join(parts)

    def to_source(self, span: Span) -> Span:
        """Return the span in the source, with whole escapes."""
        return self._origin(span[0]), self._origin(span[1])

    def _origin(self, place: int) -> int:
        return place + self._shifts[bisect_right(self._ends, place)]


def layers(text: str) -> Iterator[list[Unescaped]]:
    """Yield the empty list for the text itself, then the layers that lead to each less escaped text."""
    below: list[Unescaped] = []
    yield below
    while len(below) < DEEPEST and _ESCAPE.search(text):
        below = [*below, Unescaped(text)]
        text = below[-1].text
        yield below


def bare(text: str) -> str:
    """Return the text with all escapes undone."""
    *_, deepest = layers(text)
    return deepest[-1].text if deepest else text


def _undone(escape: str) -> str:
    if escape[0] == "%":
        return unquote(escape)
    if escape[0] == "&":
        return unescape(escape)
    if escape[1] in "xU":
        return escape.encode().decode("unicode_escape")
    if escape[1] == "u":
        return _of_code_units(escape)
    return _JSON.get(escape[1], escape[1])


def _of_code_units(escape: str) -> str:
    return bytes.fromhex(escape.replace("\\u", "")).decode("utf-16-be", errors="replace")
