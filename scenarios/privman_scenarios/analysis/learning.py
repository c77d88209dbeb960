"""Learn the names of the wire from what an instance, and perhaps a recording, has shown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import get_args
from urllib.parse import urlsplit

from privman_contracts import Contracts, PartyName
from privman_contracts.evidence import Observation
from privman_contracts.schemas import Schema
from privman_contracts.wire_names import Value, WireName
from privman_scenarios.analysis.definition_clues import ColumnClues, find_roles, find_tables, names_of_columns, word_of
from privman_scenarios.analysis.drift import find_drift
from privman_scenarios.analysis.instance_facts import InstanceFacts
from privman_scenarios.analysis.narrowing import Narrowing
from privman_scenarios.analysis.recorded import Recorded, values
from privman_scenarios.analysis.row_clues import RowClues

_SUCCESS = range(200, 300)
# An instance only repeats them.
_OF_CONSOLE = frozenset({"keys.instance_metadata", "keys.metadata", "words.authentication_type", "words.response"})


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned.

    Attributes:
        observed: the names that were observed, in the order of the packaged file.
        missing: what must be known and is not, each with what it may be called.
        unseen: what nothing has shown, so that it stays as it was known.
        contradictions: where a recording differs from the instance, a line each.
    """

    observed: tuple[WireName, ...]
    missing: Mapping[str, Sequence[str]]
    unseen: tuple[WireName, ...]
    contradictions: tuple[str, ...]


@dataclass(slots=True)
class Learner:
    """Learns step by step; what is known by then helps with the next step.

    Attributes:
        facts: what the instance has shown.
        contracts: with what is known of the names.
        prefix: with which the tables of the app begin.
        on: the day.
    """

    facts: InstanceFacts
    contracts: Contracts
    prefix: str
    on: date
    _how: dict[str, str] = field(default_factory=dict)
    _missing: dict[str, Sequence[str]] = field(default_factory=dict)
    _contradictions: list[str] = field(default_factory=list)

    def learn(self, recording: Sequence[Recorded]) -> Learned:
        """Return what the instance and the recording show; raises CannotLearnError."""
        self._learn_definitions()
        self._learn_rows()
        self._learn_recording(recording)
        names = [*self.contracts.names]
        observed = [name.observed(name.value, self._observation(name)) for name in names if name.path in self._how]
        unseen = [name for name in names if name.path not in {*self._how, *self._missing}]
        return Learned(tuple(observed), self._missing, tuple(unseen), tuple(self._contradictions))

    def _observation(self, name: WireName) -> Observation:
        return Observation(self.on, self.facts.release, self._how[name.path])

    def _learn_definitions(self) -> None:
        names = self.contracts.names
        tables = find_tables(self.facts, names, self.prefix)
        found = {word_of(path): each.candidate for path, each in tables.found.items()}
        self._know(tables)
        self._require(tables)
        columns = ColumnClues(self.facts, names, found).find()
        self._spell({path: each.candidate.name for path, each in columns.found.items()})
        self._how |= {path: f"{each.how} on {each.candidate.table}" for path, each in columns.found.items()}
        for name in names_of_columns(names):
            left = [column.name for column in columns.unresolved.get(name, ())]
            if name.path not in columns.found and not name.optional:
                self._missing[name.path] = left
        scopes = [self.prefix, *(self.facts.tables[table].scope for table in found.values())]
        roles = find_roles(self.facts, names, found, filter(None, scopes))
        self._know(roles)
        self._require(roles)

    def _learn_rows(self) -> None:
        """Learn keys first: a kind of authentication is the value of one."""
        for narrowing in RowClues(self.facts, self.contracts).find_keys():
            self._know(narrowing)
        for narrowing in RowClues(self.facts, self.contracts).find_words():
            self._know(narrowing)
            self._require(narrowing, if_shown=True)

    def _learn_recording(self, recording: Sequence[Recorded]) -> None:
        if not recording:
            return
        drift = find_drift(recording, self.contracts)
        known = {*self._how}
        self._contradictions += [str(each) for each in drift.renamed if each.name.path in known]
        self._contradictions += map(str, drift.unexplained)
        renamed = [each for each in drift.renamed if each.name.path not in known]
        self._spell({each.name.path: each.value for each in renamed})
        self._how |= {each.name.path: f"seen in {each.label}" for each in renamed}
        for name, label in _seen_names(recording, self.contracts):
            self._how.setdefault(name.path, f"seen in {label}")
        for path in self._how:
            self._missing.pop(path, None)

    def _know(self, narrowing: Narrowing[str]) -> None:
        self._spell({path: each.candidate for path, each in narrowing.found.items()})
        self._how |= {path: each.how for path, each in narrowing.found.items()}

    def _require(self, narrowing: Narrowing[str], *, if_shown: bool = False) -> None:
        """Miss the names of which nothing was found; of some only those that something was shown of."""
        for name, left in narrowing.unresolved.items():
            if left or not if_shown:
                self._missing[name.path] = left

    def _spell(self, spelled: Mapping[str, Value]) -> None:
        self.contracts = self.contracts.spelled(spelled)


def _seen_names(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[tuple[WireName, str]]:
    """Yield the names that a real system has as the contracts spell them, with the place."""
    fakes = {party for party in get_args(PartyName) if any(_is_of_fake(each, party) for each in recording)}
    for recorded in recording:
        exchange = contracts.find(recorded.method, recorded.url)
        if exchange and exchange.server not in fakes and recorded.status in _SUCCESS:
            path = urlsplit(recorded.url).path.split("/")
            tables = (name for name in contracts.names if name.group == "tables" and name.value in path)
            yield from ((name, recorded.label) for name in tables)
    names = [name for name in contracts.names if "console" not in fakes or name.group not in _OF_CONSOLE]
    for seen in values(recording, contracts):
        # What this run has sent, as an approver or for a console of its own, says nothing of others.
        speaker = seen.exchange.caller if seen.sent else seen.exchange.server
        if speaker not in {*fakes, "approver"}:
            shown = (name for name in names if _is_shown(name, seen.schema, seen.value))
            yield from ((name, seen.recorded.label) for name in shown)


def _is_of_fake(recorded: Recorded, party: str) -> bool:
    """Tell whether it was sent to a fake that `record` started, whose address is its name."""
    return urlsplit(recorded.url).hostname == party


def _is_shown(name: WireName, schema: Schema, value: object) -> bool:
    """Tell whether an object has the name as a key, or a value is or lists it as a word."""
    if isinstance(value, dict):
        return name.group == schema.get("x-names") and name.value in value
    groups = {*schema.get("x-words", ()), schema.get("x-listed")}
    return bool(groups & {name.group, name.path}) and isinstance(value, str) and name.value in value.split(",")
