"""Split scenarios among the jobs of a pipeline, and put back together what they report."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Self, TypeVar, cast

from privman_core.natural_numbers import natural_number

Item = TypeVar("Item")
MOST_SHARDS = 1_000
_NOTHING = object()


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """One part of several, in which each item is in exactly one part.

    Attributes:
        number: from 1.
        count: how many parts there are.
    """

    count: int
    number: int

    def __post_init__(self) -> None:
        """Refuse a part that no run has; raises ValueError."""
        if not 1 <= self.number <= self.count <= MOST_SHARDS:
            raise ValueError(f"shard {self}: expected N/M with N from 1 to M, and M at most {MOST_SHARDS}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the shard that a text such as ``2/5`` names; raises ValueError."""
        number, count = map(natural_number, text.partition("/")[::2])
        if number is None or count is None:
            raise ValueError(text)
        return cls(count, number)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Return every item of this part, in order."""
        return list(items[self.number - 1 :: self.count])


def joined(parts: Sequence[Sequence[Item]]) -> list[Item]:
    """Return the items in their order before they were split; takes all the parts in order."""
    dealt = chain.from_iterable(zip_longest(*parts, fillvalue=_NOTHING))
    return [cast("Item", item) for item in dealt if item is not _NOTHING]
