"""Columns and keys that are called otherwise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from privman_contracts import Contracts
from privman_contracts.schemas import Schema
from privman_contracts.validation import ContractValidator
from privman_scenarios.drift.finding import Renamed
from privman_scenarios.drift.likeness import likest
from privman_scenarios.recordings.bodies import Seen, values
from privman_scenarios.recordings.recorded import Recorded


@dataclass(slots=True)
class _Group:
    """What was seen of a group of names in one direction, since only who owns a name spells it for certain.

    Attributes:
        missing: names that no object has, with their schemas.
        unknown: keys that are no names, with the first object that has them.
    """

    present: set[str] = field(default_factory=set)
    missing: dict[str, Schema] = field(default_factory=dict)
    unknown: dict[str, Seen] = field(default_factory=dict)

    def add(self, seen: Seen) -> None:
        """Take note of an object."""
        properties: dict[str, Schema] = seen.schema["properties"]
        folded = {name.lower(): name for name in properties} if seen.schema.get("x-ignore-case") else {}
        keys = {folded.get(key.lower(), key): key for key in seen.value}
        self.present |= keys.keys() & properties.keys()
        self.missing.update({name: schema for name, schema in properties.items() if name not in keys})
        for name in keys.keys() - properties.keys():
            self.unknown.setdefault(name, seen)


def renamed_properties(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[Renamed]:
    """Yield the names that no object has, where a key that is no name has their likeness or their only place."""
    groups: dict[tuple[str, bool], _Group] = {}
    for seen in values(recording, contracts):
        if "x-names" in seen.schema and isinstance(seen.value, dict):
            groups.setdefault((seen.schema["x-names"], seen.sent), _Group()).add(seen)
    for (name_group, _), group in groups.items():
        canonical = {spelling: word for word, spelling in contracts.names.group(name_group).items()}
        for spelling, (key, seen) in _pairs(group, canonical):
            name = contracts.names.find(f"{name_group}.{canonical[spelling]}")
            yield Renamed(name, key, seen.recorded.label)


def _pairs(group: _Group, canonical: dict[str, str]) -> Iterator[tuple[str, tuple[str, Seen]]]:
    missing = {name: each for name, each in group.missing.items() if name in canonical and name not in group.present}
    for key, seen in sorted(group.unknown.items()):
        fitting = [name for name, schema in missing.items() if ContractValidator(schema).is_valid(seen.value[key])]
        spelling = likest(key, fitting)
        if not spelling and len(fitting) == 1 and seen.schema.get("additionalProperties") is False:
            spelling = fitting[0]
        if spelling:
            del missing[spelling]
            yield spelling, (key, seen)
