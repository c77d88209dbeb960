"""A recording compared with the contracts."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from privman_contracts import Contracts, Observed, PartyName
from privman_contracts.schemas import walk
from privman_core.masking import MASK
from privman_scenarios.drift.dictionary import LABEL, lacking_in_dictionary, renamed_in_dictionary
from privman_scenarios.drift.finding import Renamed, Unexplained
from privman_scenarios.drift.missing import missing_names
from privman_scenarios.drift.moved import moved_messages
from privman_scenarios.drift.properties import renamed_properties
from privman_scenarios.drift.refusals import unexpected_refusals
from privman_scenarios.drift.statuses import renamed_statuses
from privman_scenarios.drift.tables import renamed_tables
from privman_scenarios.drift.words import renamed_in_lists, renamed_words
from privman_scenarios.recordings.bodies import to_json
from privman_scenarios.recordings.recorded import Recorded

_DETECTORS: tuple[Callable[[Sequence[Recorded], Contracts], Iterator[Renamed]], ...] = (
    renamed_in_dictionary,
    renamed_tables,
    renamed_properties,
    renamed_words,
    renamed_in_lists,
    renamed_statuses,
)
# Such an answer, or none, says nothing of the contract.
_DOWN = (0, 429, *range(500, 600))
_EMPTY: dict[str, object] = {"result": []}
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Drift:
    """In what a recording differs from the contracts.

    Attributes:
        compared: how many exchanges have a contract, and were answered with something.
        left_out: how many have none, were kept without their bodies, list nothing, or met a server that failed or was
            overloaded.
        failed: the parties all of whose answers are such failures.
        contracts: with the other names.
    """

    renamed: tuple[Renamed, ...]
    unexplained: tuple[Unexplained, ...]
    compared: int
    left_out: int
    failed: tuple[PartyName, ...]
    contracts: Contracts


def find_drift(recording: Sequence[Recorded], contracts: Contracts) -> Drift:
    """Return what differs; other names are tried until they explain no more."""
    whole = [recorded for recorded in recording if recorded.complete]
    renamed: dict[str, Renamed] = {}
    while new := _new(whole, contracts, renamed):
        renamed |= new
        contracts = contracts.spelled({path: each.value for path, each in renamed.items()})
    observed = [(recorded, seen) for recorded in whole if (seen := recorded.observed(contracts))]
    broken = [(each, message) for each, seen in observed for message in sorted({*_violations(seen, contracts)})]
    refused = () if renamed else unexpected_refusals(whole, contracts)
    moved = moved_messages(whole, contracts)
    unexplained = [*_unexplained([*broken, *missing_names(whole, contracts), *refused, *moved])]
    unexplained += [Unexplained(text, LABEL, 1) for text in lacking_in_dictionary(whole, contracts)]
    compared = count_compared(recording, contracts)
    answered = {seen.server for recorded, seen in observed if recorded.status not in _DOWN}
    failed = tuple(sorted({seen.server for _, seen in observed} - answered))
    return Drift(tuple(renamed.values()), tuple(unexplained), compared, len(recording) - compared, failed, contracts)


def count_compared(recording: Sequence[Recorded], contracts: Contracts) -> int:
    """Return how many exchanges have a contract, and were kept and answered with something."""
    return sum(each.complete and _says_something(each) and each.observed(contracts) is not None for each in recording)


def _says_something(recorded: Recorded) -> bool:
    """Tell whether there is anything to compare: no failed server's answer, and no list that is empty."""
    is_empty = not recorded.request and to_json(recorded.response) == _EMPTY
    return recorded.status not in _DOWN and not is_empty


def _new(recording: Sequence[Recorded], contracts: Contracts, known: dict[str, Renamed]) -> dict[str, Renamed]:
    """Return what the detectors find besides, the first for each name, and nothing that is another's name already."""
    taken = {(name.group, str(name.value)) for name in contracts.names if name.group != "rules"}
    new: dict[str, Renamed] = {}
    for each in (each for detect in _DETECTORS for each in detect(recording, contracts)):
        place = each.name.group, str(each.value)
        if each.name.path not in known and each.name.path not in new and place not in taken:
            new[each.name.path] = each
            taken.add(place)
    return new


def _unexplained(broken: Sequence[tuple[Recorded, str]]) -> Iterator[Unexplained]:
    counts = Counter(message for _, message in broken)
    first = {message: recorded.label for recorded, message in reversed(broken)}
    for message, count in counts.items():
        yield Unexplained(message, first[message], count)


def _violations(seen: Observed, contracts: Contracts) -> Iterator[str]:
    """Yield what breaks the contract, but for values that were masked: nobody can tell what they were."""
    masked = {
        (message, place.where)
        for message, body in contracts.messages(seen)
        for place in walk(to_json(body.data), contracts.schemas[message])
        if place.value == MASK
    }
    for violation in contracts.check(seen):
        where = _INDEX.sub("[]", violation.where)
        if not violation.doubtful and (violation.schema, where) not in masked:
            yield f"{violation.schema} {where} [{violation.evidence}]: {violation.message}"
