"""Contract coverage as tables, and as data for programs."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from privman_contracts.evidence import MEANING
from privman_scenarios.coverage.item import Item, Kind
from privman_scenarios.coverage.measure import Coverage
from privman_scenarios.reports.section import Section

HEADINGS: dict[Kind, str] = {
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
    return _section("Contract coverage", "Contract", coverage, groups)


def by_evidence(coverage: Coverage) -> Section:
    """Return how much was exercised of what is known how well, by kind, and of everything."""
    groups = {
        f"{mark}: {meaning}": [item for item in coverage.items if item.evidence == mark]
        for mark, meaning in MEANING.items()
    }
    return _section("Contract coverage by evidence", "Evidence", coverage, {**groups, "everything": coverage.items})


def missing(coverage: Coverage) -> Section:
    """Return what was not exercised."""
    rows = [(item.contract, item.kind, item.name, item.evidence) for item in coverage.items if not coverage.has(item)]
    return Section("Not exercised", ("Contract", "Kind", "What", "Evidence"), rows)


def to_json(coverage: Coverage | None) -> dict[str, Any] | None:
    """Return the percentage, and each item with whether it was exercised; None where nothing was measured."""
    if coverage is None:
        return None
    items = [{**asdict(item), "exercised": coverage.has(item)} for item in coverage.items]
    return {"percent": round(coverage.percent(), 1), "items": items}


def _section(title: str, first: str, coverage: Coverage, groups: dict[str, list[Item]]) -> Section:
    rows = [(name, *_cells(coverage, items)) for name, items in groups.items() if items]
    return Section(title, (first, *HEADINGS.values(), "All"), rows)


def _cells(coverage: Coverage, items: Sequence[Item]) -> Iterable[str]:
    for kind in HEADINGS:
        yield _share(coverage, [item for item in items if item.kind == kind])
    yield f"{100 * sum(map(coverage.has, items)) / len(items):.0f}%"


def _share(coverage: Coverage, items: Sequence[Item]) -> str:
    return f"{sum(map(coverage.has, items))}/{len(items)}" if items else ""
