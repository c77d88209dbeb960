"""Patterns in which ``*`` stands for any text, and no other character for anything but itself."""

from collections.abc import Callable


def glob(pattern: str) -> Callable[[str], bool]:
    """Return a test of whether the whole text matches the pattern; it takes linear time."""
    first, *rest = pattern.split("*")
    if not rest:
        return lambda text: text == pattern
    *middle, last = rest

    def fits(text: str) -> bool:
        at, end = len(first), len(text) - len(last)
        if at > end or not (text.startswith(first) and text.endswith(last)):
            return False
        for piece in middle:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True

    return fits
