"""One record before and after a write."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Change:
    """One record as it would be; it need not be stored.

    Attributes:
        table: its class.
        values: its stored values by column, an empty text for none.
        previous: the same before the change; nothing for a new record.
    """

    table: str
    values: Mapping[str, str]
    previous: Mapping[str, str] = field(default_factory=dict)

    def before(self, column: str) -> str:
        """Return what a column held."""
        return self.previous.get(column, "")

    def after(self, column: str) -> str:
        """Return what a column would hold."""
        return self.values.get(column, "")
