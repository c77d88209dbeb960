"""Texts that are cut, and what a cut leaves of a secret."""

from collections.abc import Iterator

CUT = "…"
"""Stands where a text was cut."""
SHORTEST_REMAINS = 6
"""Characters of a beginning that is worth hiding; fewer are those of many words."""
_LONGEST_ESCAPE = 12  # as of a character in percent-encoded UTF-8


def cut(text: str, longest: int) -> str:
    """Return the text, or as many characters of its beginning and the mark by which `Remains` finds what is left.

    Every text that is cut before its secrets are masked is cut by this function.
    """
    return text if len(text) <= longest else f"{text[:longest]}{CUT}"


class Remains:
    """Finds what cuts leave of known texts: their beginnings, directly before the mark."""

    def __init__(self) -> None:
        self._by_head: dict[str, dict[str, None]] = {}
        self._longest = 0

    def add(self, text: str) -> None:
        """Find the beginnings of this text, too."""
        for part in text.split(CUT):
            if len(part) >= SHORTEST_REMAINS:
                self._by_head.setdefault(part[:SHORTEST_REMAINS], {})[part] = None
                self._longest = max(self._longest, len(part))

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of beginnings, each up to a mark and as long as possible."""
        end = text.find(CUT)
        after = 0
        while end >= 0:
            earliest = max(after, end - self._longest - _LONGEST_ESCAPE)
            start = next((at for at in range(earliest, end) if self._is_cut(text, at, end)), end)
            if start < end:
                yield start, end
            after, end = end + 1, text.find(CUT, end + 1)

    def _is_cut(self, text: str, start: int, end: int) -> bool:
        """Return whether a known text begins here and goes on up to the mark, or to an escape that is broken there."""
        known = self._by_head.get(text[start : start + SHORTEST_REMAINS])
        if not known:
            return False
        left = text[start : max(start + SHORTEST_REMAINS, end - _LONGEST_ESCAPE)]
        return any(each.startswith(left) for each in known)
