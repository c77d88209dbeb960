"""Compare a recording with the contracts."""

import re
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from privman_contracts import Contracts, Observed, PartyName, Violation
from privman_contracts.exchanges import ExchangeContract
from privman_contracts.schemas import walk
from privman_core.masking import MASK
from privman_scenarios.analysis.recorded import Recorded, to_json
from privman_scenarios.analysis.recorded_dictionary import (
    LABEL,
    lacking_in_dictionary,
    missing_names,
    renamed_in_dictionary,
)
from privman_scenarios.analysis.refusals import unexpected_refusals
from privman_scenarios.analysis.renamed import (
    Renamed,
    Unexplained,
    renamed_in_lists,
    renamed_properties,
    renamed_statuses,
    renamed_tables,
    renamed_words,
)
from privman_scenarios.analysis.renamed_decisions import renamed_keys_of_decisions
from privman_scenarios.analysis.speakers import said_values

_TELLING = 2  # keys that a message must have to be known by them
_CONTROL_PLANE = "/__"


def moved_messages(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[tuple[Recorded, str]]:
    """Yield each message of a kind that the recording shows at no address of its contract, and only elsewhere."""
    found = [contracts.find(recorded.method, recorded.url) for recorded in recording]
    seen = {exchange.request for exchange in found if exchange}
    missing = [each for each in contracts.exchanges if each.request not in seen and _is_telling(each, contracts)]
    for recorded, known in zip(recording, found, strict=True):
        path = urlsplit(recorded.url).path
        if known or path.startswith(_CONTROL_PLANE) or not isinstance(to_json(recorded.request), dict):
            continue
        for exchange in missing:
            if exchange.method == recorded.method and _keeps(exchange.request, recorded, contracts):
                yield recorded, f"{exchange.name} was sent to {path}. Expected {exchange.path} [{exchange.evidence}]."
                break


def _is_telling(exchange: ExchangeContract, contracts: Contracts) -> bool:
    return bool(exchange.request) and len(contracts.schemas[exchange.request].get("required", ())) >= _TELLING


def _keeps(message: str, recorded: Recorded, contracts: Contracts) -> bool:
    return all(violation.doubtful for violation in contracts.check_body(message, recorded.request))


_DETECTORS: tuple[Callable[[Sequence[Recorded], Contracts], Iterator[Renamed]], ...] = (
    renamed_in_dictionary,
    renamed_tables,
    renamed_keys_of_decisions,
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
    while new := _newly_renamed(whole, contracts, renamed):
        renamed |= new
        contracts = contracts.spelled({path: each.value for path, each in renamed.items()})
    observed = [(recorded, seen) for recorded in whole if (seen := recorded.observed(contracts))]
    said = said_values(whole, contracts)
    broken = [
        (each, message) for each, seen in observed for message in sorted({*_violations(each, seen, contracts, said)})
    ]
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


def _newly_renamed(
    recording: Sequence[Recorded], contracts: Contracts, known: dict[str, Renamed]
) -> dict[str, Renamed]:
    """Return what else the detectors find: the first for each name, and nothing that is another's name already."""
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


def _violations(recorded: Recorded, seen: Observed, contracts: Contracts, said: Container[str]) -> Iterator[str]:
    """Yield what breaks the contract.

    Left out are values that were masked, which nobody can tell, and what this project has said to another system, or
    that only repeats.
    """
    exchange = contracts.find(recorded.method, recorded.url)
    own = exchange.request if exchange and recorded.ours == {"request"} else None
    untold = {
        (message, place.where)
        for message, body in contracts.messages(seen)
        for place in walk(to_json(body.data), contracts.schemas[message])
        if place.value == MASK or (isinstance(place.value, str) and place.value in said)
    }
    for violation in contracts.check(seen):
        where = _INDEX.sub("[]", violation.where)
        is_told = violation.schema != own and not any((violation.schema, each) in untold for each in _around(where))
        if is_told and _differs(violation, contracts):
            yield f"{violation.schema} {where} [{violation.evidence}]: {violation.message}"


def _around(where: str) -> Iterator[str]:
    """Yield the place and those that it is in."""
    while where:
        yield where
        where = where.rpartition(".")[0]


def _differs(violation: Violation, contracts: Contracts) -> bool:
    """Tell whether a contract is broken, or a key was sent that the receiver can only ignore."""
    if not violation.doubtful:
        return True
    schema = contracts.schemas[violation.schema]
    return (
        schema.get("additionalProperties") is False and violation.where.removeprefix("$.") not in schema["properties"]
    )
