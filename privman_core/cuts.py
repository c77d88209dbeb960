"""Texts that are cut, and what a cut leaves of a secret."""

import re
from bisect import bisect_left, insort
from collections.abc import Iterator

CUT = "…"
"""Stands where a text was cut."""
_ALWAYS_MASKED = 6
# The beginning of an escape, or the replacement character of one whose first half alone was undone.
_BROKEN_ESCAPES = re.compile(
    r"(?:%(?:[0-7]|[89ABab]|[C-Fc-f](?:[0-9A-Fa-f]%?)?)?"
    r"|\\(?:x[0-9A-Fa-f]?|u[0-9A-Fa-f]{0,3}|U[0-9A-Fa-f]{0,7})?"
    r"|&(?:#[0-9]{0,7}|#[xX][0-9A-Fa-f]{0,6}|[A-Za-z]{0,6})"
    r"|\ufffd)*"
)
_LONGEST_BROKEN_ESCAPES = 24


def cut(text: str, longest: int) -> str:
    """Return the text; of a longer one, its first ``longest`` characters and the mark `CUT`.

    Every text whose secrets are masked later must be cut by this function: `CutPrefixes` searches before the marks.
    """
    return text if len(text) <= longest else f"{text[:longest]}{CUT}"


def shortest_prefix(text: str) -> int:
    """Return the length from which the beginning of a secret is masked before a mark: a quarter of it, from 2 to 6.

    Less is the beginning of many words.
    """
    return max(2, min(_ALWAYS_MASKED, len(text) // 4))


class CutPrefixes:
    """Finds the beginnings of known texts directly before a mark, where a text was cut."""

    def __init__(self) -> None:
        self._short = set[str]()
        self._by_head: dict[str, list[str]] = {}  # each list is sorted
        self._longest = 0

    def add(self, text: str) -> None:
        """Find the beginnings of this text, too, from `shortest_prefix` characters on."""
        for part in text.split(CUT):
            self._short |= {part[:length] for length in range(shortest_prefix(part), _ALWAYS_MASKED)}
            insort(self._by_head.setdefault(part[:_ALWAYS_MASKED], []), part)
            self._longest = max(self._longest, len(part))

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of beginnings, each up to a mark and as long as possible.

        An escape that the cut has broken is part of the span.
        """
        end, after = text.find(CUT), 0
        while end >= 0:
            start = self._start(text, after, end)
            if start < end:
                yield start, end
            after, end = end + 1, text.find(CUT, end + 1)

    def _start(self, text: str, after: int, end: int) -> int:
        """Return where the longest beginning starts that goes on up to the mark; the mark if there is none."""
        earliest = max(after, end - _LONGEST_BROKEN_ESCAPES)
        stops = [at for at in range(earliest, end + 1) if _BROKEN_ESCAPES.fullmatch(text, at, end)]
        starts = range(max(after, stops[0] - self._longest), end)
        return next((at for at in starts if any(self._is_beginning(text, at, stop) for stop in stops)), end)

    def _is_beginning(self, text: str, start: int, stop: int) -> bool:
        if stop - start < _ALWAYS_MASKED:
            return text[start:stop] in self._short
        known = self._by_head.get(text[start : start + _ALWAYS_MASKED])
        if not known:
            return False
        left = text[start:stop]
        at = bisect_left(known, left)
        return at < len(known) and known[at].startswith(left)
