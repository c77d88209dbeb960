"""The contract coverage of a run, as tables and as data for programs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from privman_contracts import Contracts, Evidence, PartyName
from privman_contracts.evidence import MEANING
from privman_core.exchange import path_of
from privman_scenarios.analysis.coverage_items import CoverageItem, Inventory, ItemKind, SeenExchange
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.events import Event, JournalsRead


@dataclass(frozen=True, slots=True)
class Section:
    """A titled table of texts, such as the contract coverage of a run."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class ContractsExercised(Event):
    """A variation has been played and has exercised these items; only sent where a listener wants them."""

    scenario: Scenario
    items: frozenset[CoverageItem]


class Exercised:
    """Reads journals; a party that keeps none is seen through the other one's.

    Args:
        faults: the kinds of faults of each party.

    Attributes:
        items: everything that can be exercised, in the order of the contracts.
    """

    def __init__(self, contracts: Contracts, faults: Mapping[PartyName, Sequence[str]]) -> None:
        self._contracts = contracts
        self._inventory = Inventory(contracts, faults)
        self.items = self._inventory.everything()

    def __call__(self, read: JournalsRead) -> frozenset[CoverageItem]:
        """Return what the exchanges of a scenario exercised; a refusal is, where a step expected its status."""
        return frozenset(
            item
            for party, journal in read.journals.items()
            for exchange in journal
            for item in self._items_of(party, exchange)
            if item.kind != "refusal" or exchange["status"] in read.expected
        )

    def _items_of(self, party: str, exchange: Mapping[str, Any]) -> Iterator[CoverageItem]:
        server = _server(party, exchange["direction"])
        contract = self._contracts.match(server, exchange["method"], path_of(exchange["url"]))
        if contract is not None:
            request, answer = _parsed_body(exchange["request"]["body"]), _parsed_body(exchange["response"]["body"])
            yield from self._inventory.exercised(
                SeenExchange(contract, request, exchange["status"], answer, exchange["fault"])
            )


def _server(party: str, direction: str) -> PartyName:
    return "servicenow" if party.startswith("servicenow") == (direction == "in") else "console"


def _parsed_body(body: str) -> Any:  # noqa: ANN401 - JSON holds anything
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


@dataclass(frozen=True, slots=True)
class CoveredItem(CoverageItem):
    """The same, and whether it was exercised."""

    exercised: bool = False


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a run exercised.

    Attributes:
        items: everything that can be exercised, in the order of the contracts.
    """

    items: tuple[CoveredItem, ...]

    def percent(self, evidence: Evidence | None = None) -> float:
        """Return how much of everything, or of what has this mark, was exercised, from 0 to 100."""
        items = [item for item in self.items if evidence in (None, item.evidence)]
        return 100 * _count(items) / len(items) if items else 100

    def and_of(self, other: "Coverage") -> "Coverage":
        """Return what either of two runs exercised; raises ValueError if other items can be exercised in the other."""
        pairs = zip(self.items, other.items, strict=True)
        return Coverage(tuple(_either(one, another) for one, another in pairs))


def _either(one: CoveredItem, other: CoveredItem) -> CoveredItem:
    if replace(one, exercised=other.exercised) != other:
        raise ValueError(f"{one.contract}: {one.kind} {one.name}")
    return one if one.exercised else other


class CoverageReport:
    """Listens to a run and takes note of what its exchanges exercised."""

    def __init__(self, exercised: Exercised) -> None:
        self._read = exercised
        self._exercised: set[CoverageItem] = set()

    def __call__(self, event: Event) -> None:
        """Record what a scenario, or a variation of one, exercised."""
        if isinstance(event, JournalsRead):
            self._exercised |= self._read(event)
        elif isinstance(event, ContractsExercised):
            self._exercised |= event.items

    @property
    def coverage(self) -> Coverage:
        """What was exercised by now."""
        return Coverage(tuple(_covered(item, item in self._exercised) for item in self._read.items))


def _covered(item: CoverageItem, exercised: bool) -> CoveredItem:  # noqa: FBT001 - the value of a field
    return CoveredItem(item.contract, item.kind, item.name, item.evidence, exercised)


HEADINGS: dict[ItemKind, str] = {
    "exchange": "Exchanges",
    "field": "Fields",
    "boundary": "Boundaries",
    "status": "Statuses",
    "refusal": "Refusals",
    "fault": "Faults",
}


def sections(coverage: Coverage | None) -> list[Section]:
    """Return the tables of a report; none where nothing was measured."""
    return [by_contract(coverage), by_evidence(coverage), missing(coverage)] if coverage else []


def by_contract(coverage: Coverage) -> Section:
    """Return how much of each contract was exercised, by kind."""
    contracts = dict.fromkeys(item.contract for item in coverage.items)
    groups = {name: [item for item in coverage.items if item.contract == name] for name in contracts}
    return _section("Contract coverage", "Contract", groups)


def by_evidence(coverage: Coverage) -> Section:
    """Return how much was exercised of what is known how well, by kind, and of everything."""
    groups = {
        f"{mark}: {meaning}": [item for item in coverage.items if item.evidence == mark]
        for mark, meaning in MEANING.items()
    }
    return _section("Contract coverage by evidence", "Evidence", {**groups, "everything": coverage.items})


def missing(coverage: Coverage) -> Section:
    """Return what was not exercised."""
    rows = [(item.contract, item.kind, item.name, item.evidence) for item in coverage.items if not item.exercised]
    return Section("Not exercised", ("Contract", "Kind", "What", "Evidence"), rows)


def _section(title: str, first: str, groups: Mapping[str, Sequence[CoveredItem]]) -> Section:
    rows = [(name, *_cells(items)) for name, items in groups.items() if items]
    return Section(title, (first, *HEADINGS.values(), "All"), rows)


def _cells(items: Sequence[CoveredItem]) -> Iterable[str]:
    for kind in HEADINGS:
        yield _share([item for item in items if item.kind == kind])
    yield f"{100 * _count(items) / len(items):.0f}%"


def _share(items: Sequence[CoveredItem]) -> str:
    return f"{_count(items)}/{len(items)}" if items else ""


def _count(items: Sequence[CoveredItem]) -> int:
    return sum(item.exercised for item in items)
