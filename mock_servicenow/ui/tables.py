"""The tables that have pages."""

from dataclasses import dataclass

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.errors import PlatformError


class NoSuchPage(PlatformError):  # noqa: N818 - named after what the browser reads
    """There is no page of that name."""

    status = 404

    def __init__(self, table: str) -> None:
        super().__init__("Page not found", f"There is no table '{table}'")


@dataclass(frozen=True, slots=True)
class PageTables:
    """Every table of the dictionary, less those whose rows no page may show.

    Attributes:
        hidden: names of those.
    """

    dictionary: Dictionary
    hidden: frozenset[str]

    def named(self, name: str) -> str:
        """Return the name; raises NoSuchPage."""
        if name in self.hidden or self.dictionary.table(name) is None:
            raise NoSuchPage(name)
        return name
