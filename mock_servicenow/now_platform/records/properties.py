"""The system properties that the platform reads: records of sys_properties, each with its value where there is none."""

from collections.abc import Iterable
from typing import ClassVar

from privman_core.near_words import misspelt

OF_PLATFORM = ("glide.", "com.glide.")
_LIKE_A_TYPO = 0.92  # glide.sys.date_format and glide.sys.time_format are two properties


class Property:
    """A system property that is read; to make one is to make its name known.

    Args:
        name: the record's.
        usual: the value where no record has that name.
    """

    names: ClassVar[set[str]] = set()
    """Those of all properties that are read."""

    def __init__(self, name: str, usual: str = "") -> None:
        self.name = name
        self.usual = usual
        self.names.add(name)

    def __str__(self) -> str:
        """Return the name."""
        return self.name


def why_unread(name: str, others: Iterable[str]) -> str:
    """Return why nothing reads a property, if its name is like that of another one; empty if it may be meant so.

    Args:
        name: the name of a record.
        others: the names of the instance's other records.
    """
    if name in Property.names or not name.startswith(OF_PLATFORM):
        return ""
    known = {*Property.names, *(each for each in others if each.startswith(OF_PLATFORM))} - {name}
    near = misspelt(name, known, _LIKE_A_TYPO)
    return f"'{name}' is not the name of a property that is read; did you mean '{near}'?" if near else ""
