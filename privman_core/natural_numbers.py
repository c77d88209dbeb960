"""Natural numbers, with 0, in texts that others send."""

_DIGITS = 18
MANY = 10**_DIGITS
"""Stands for each number from there on, since Python refuses to read thousands of digits."""


def natural_number(text: str) -> int | None:
    """Return the number that ASCII digits spell, `MANY` at most; None for any other text."""
    if not text.isascii() or not text.isdecimal():
        return None
    digits = text.lstrip("0")
    return int(digits or 0) if len(digits) <= _DIGITS else MANY
