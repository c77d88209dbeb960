"""Text that any report, terminal and pipeline can hold."""

import re

# XML 1.0 cannot hold the former, not even escaped, and a terminal may obey some of them; the latter turn text around.
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)


def printable(text: str) -> str:
    """Return the text with each character that a report cannot hold replaced."""
    return _UNPRINTABLE.sub("\ufffd", text)
