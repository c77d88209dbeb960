"""Words with a meaning that are others."""

from collections.abc import Iterator, Sequence

from privman_contracts import Contracts
from privman_contracts.wire_names import WireName
from privman_scenarios.drift.finding import Renamed
from privman_scenarios.drift.likeness import likest
from privman_scenarios.recordings.bodies import Seen, values
from privman_scenarios.recordings.recorded import Recorded


def renamed_words(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[Renamed]:
    """Yield the words that were never seen, where another stands in their place."""
    places = [seen for seen in values(recording, contracts) if "x-words" in seen.schema and isinstance(seen.value, str)]
    meanings: dict[str, set[str]] = {}
    for seen in places:
        meanings[seen.value] = meanings.get(seen.value, _meanings(seen, contracts)) & _meanings(seen, contracts)
    unheard = [name for name in contracts.names if str(name.value) not in meanings]
    for seen in places:
        if seen.value not in seen.schema["enum"]:
            possible = [name for name in unheard if name.path in meanings[seen.value]]
            if name := _meant(seen, possible):
                yield Renamed(name, seen.value, seen.recorded.label)


def renamed_in_lists(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[Renamed]:
    """Yield the words that a list lacks, where another stands in their place: the alike one, else the only one."""
    for seen in values(recording, contracts):
        if "x-listed" not in seen.schema or not isinstance(seen.value, str):
            continue
        names = {str(name.value): name for name in contracts.names if name.group == seen.schema["x-listed"]}
        listed = seen.value.split(",")
        lacking, unknown = (
            [word for word in names if word not in listed],
            [word for word in listed if word not in names],
        )
        for word in unknown:
            meant = likest(word, lacking) or (lacking[0] if len(lacking) == len(unknown) == 1 else "")
            if meant:
                yield Renamed(names[meant], word, seen.recorded.label)


def _meanings(seen: Seen, contracts: Contracts) -> set[str]:
    """Return the paths of the words that may stand there; a word means one that may stand wherever it was seen."""
    groups = {*seen.schema["x-words"]}
    return {name.path for name in contracts.names if {name.group, name.path} & groups}


def _meant(seen: Seen, unheard: Sequence[WireName]) -> WireName | None:
    """Return the word that is meant: the one that is alike, else the only inferred one; the first of a new record."""
    by_spelling = {str(name.value): name for name in unheard}
    if alike := likest(seen.value, by_spelling):
        return by_spelling[alike]
    inferred = [name for name in unheard if name.evidence == "I"]
    certain = len(inferred) == 1 or seen.exchange.method == "POST"
    return inferred[0] if inferred and certain else None
