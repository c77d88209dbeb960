"""Words with a meaning that are others."""

from collections.abc import Iterator, Sequence

from privman_contracts import Contracts
from privman_contracts.wire_name import WireName
from privman_scenarios.drift.finding import Renamed
from privman_scenarios.drift.likeness import likest
from privman_scenarios.recordings.bodies import Seen, values
from privman_scenarios.recordings.recorded import Recorded


def renamed_words(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[Renamed]:
    """Yield the words that were never seen, where another stands in their place."""
    places = [seen for seen in values(recording, contracts) if "x-words" in seen.schema and isinstance(seen.value, str)]
    heard = {seen.value for seen in places}
    for seen in places:
        name = None if seen.value in seen.schema["enum"] else _meant(seen, _unheard(seen, contracts, heard))
        if name:
            yield Renamed(name, seen.value, seen.recorded.label)


def _unheard(seen: Seen, contracts: Contracts, heard: set[str]) -> list[WireName]:
    """Return the words that may stand there and were not seen anywhere."""
    groups = seen.schema["x-words"]
    return [name for name in contracts.names if {name.group, name.path} & {*groups} and str(name.value) not in heard]


def _meant(seen: Seen, unheard: Sequence[WireName]) -> WireName | None:
    """Return the word that is meant: the one that is alike, else the only inferred one; the first of a new record."""
    by_spelling = {str(name.value): name for name in unheard}
    if alike := likest(seen.value, by_spelling):
        return by_spelling[alike]
    inferred = [name for name in unheard if name.evidence == "I"]
    certain = len(inferred) == 1 or seen.exchange.method == "POST"
    return inferred[0] if inferred and certain else None
