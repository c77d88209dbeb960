"""The contract coverage of a run, measured while it goes on."""

from privman_contracts import Evidence
from privman_scenarios.coverage.exercised import Exercised
from privman_scenarios.coverage.item import Item
from privman_scenarios.events import ContractsExercised, Event, JournalsRead


class Coverage:
    """Listens to a run and takes note of what its exchanges exercised.

    Attributes:
        items: everything that can be exercised.
    """

    def __init__(self, exercised: Exercised) -> None:
        self._read = exercised
        self.items = exercised.items
        self._exercised: set[Item] = set()

    def __call__(self, event: Event) -> None:
        """Take note of what a scenario, or a variation of one, exercised."""
        if isinstance(event, JournalsRead):
            self._exercised |= self._read(event)
        elif isinstance(event, ContractsExercised):
            self._exercised |= event.items

    def has(self, item: Item) -> bool:
        """Tell whether the item was exercised."""
        return item in self._exercised

    def percent(self, evidence: Evidence | None = None) -> float:
        """Return how much of everything, or of what has this mark, was exercised, from 0 to 100."""
        items = [item for item in self.items if evidence in (None, item.evidence)]
        return 100 * sum(map(self.has, items)) / len(items) if items else 100
