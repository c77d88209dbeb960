"""Text that any report can hold."""

import re

# XML 1.0 cannot hold these, not even escaped, and a terminal may obey some of them.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(text: str) -> str:
    """Return the text with each character that a report cannot hold replaced."""
    return _UNPRINTABLE.sub("\ufffd", text)
