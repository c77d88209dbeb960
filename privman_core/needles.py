"""Many texts, looked for at once."""

from collections.abc import Iterator

Span = tuple[int, int]
_BLOCK = 5
_STRIDE = 4
SHORTEST = _BLOCK + _STRIDE - 1
"""Characters that a text must have to be looked for."""


class Needles:
    """Texts of at least `SHORTEST` characters, found in time linear in the text that is searched.

    Only every fourth block of five characters is looked up: each occurrence of a needle has one of them near its
    beginning.
    """

    def __init__(self) -> None:
        self._needles: set[str] = set()
        self._index: dict[str, tuple[Span, ...]] = {}

    def add(self, needle: str) -> None:
        """Look for this text too."""
        if needle in self._needles:
            return
        self._needles.add(needle)
        for offset in range(_STRIDE):
            block = needle[offset : offset + _BLOCK]
            known, place = self._index.get(block, ()), (offset, len(needle))
            if place not in known:
                self._index[block] = (*known, place)

    def find(self, text: str) -> Iterator[Span]:
        """Yield where a needle begins and ends; such spans may overlap."""
        index = self._index
        if not index:
            return
        for at in range(0, len(text) - _BLOCK + 1, _STRIDE):
            for offset, length in index.get(text[at : at + _BLOCK], ()):
                start = max(0, at - offset)
                if text[start : start + length] in self._needles:
                    yield start, start + length
