"""Learn the names of the wire from what an instance, and perhaps a recording, has shown."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from privman_contracts import Contracts
from privman_contracts.evidence import Observation
from privman_contracts.wire_names import Value, WireName
from privman_scenarios.analysis.definition_clues import ColumnClues, find_roles, find_tables, names_of_columns, word_of
from privman_scenarios.analysis.drift import find_drift
from privman_scenarios.analysis.instance_facts import InstanceFacts
from privman_scenarios.analysis.narrowing import Narrowing
from privman_scenarios.analysis.recorded import Recorded
from privman_scenarios.analysis.renamed import Renamed
from privman_scenarios.analysis.row_clues import RowClues
from privman_scenarios.analysis.speakers import own_records, shown_names


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned.

    Attributes:
        observed: the names that were observed, in the order of the packaged file.
        missing: what must be known and is not, each with what it may be called.
        unseen: what nothing has shown, so that it stays as it was known.
        contradictions: where a recording differs from the instance, a line each.
        undescribed: the app's tables of which the dictionary shows no column.
        blank: those of them that have no rows either, so that none of their columns is known.
    """

    observed: tuple[WireName, ...]
    missing: Mapping[str, Sequence[str]]
    unseen: tuple[WireName, ...]
    contradictions: tuple[str, ...]
    undescribed: tuple[str, ...] = ()
    blank: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether everything is known that must be, and nothing contradicts it."""
        return not (self.missing or self.contradictions or self.blank)


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
    _tables: list[str] = field(default_factory=list)

    def learn(self, recording: Sequence[Recorded]) -> Learned:
        """Return what the instance and the recording show; raises CannotLearnError."""
        self._learn_definitions()
        self._learn_rows(own_records(recording))
        self._learn_recording(recording)
        names = [*self.contracts.names]
        observed = [name.observed(name.value, self._observation(name)) for name in names if name.path in self._how]
        unseen = [name for name in names if name.path not in {*self._how, *self._missing}]
        return Learned(
            tuple(observed),
            self._missing,
            tuple(unseen),
            tuple(self._contradictions),
            tuple(each for each in self._tables if not self.facts.is_described(each)),
            tuple(each for each in self._tables if not self.facts.columns_of(each)),
        )

    def _observation(self, name: WireName) -> Observation:
        return Observation(self.on, self.facts.release, self._how[name.path])

    def _learn_definitions(self) -> None:
        names = self.contracts.names
        tables = find_tables(self.facts, names, self.prefix)
        found = {word_of(path): each.candidate for path, each in tables.found.items()}
        self._tables = [*found.values()]
        self._know(tables)
        self._require(tables)
        columns = ColumnClues(self.facts, names, found).find()
        self._spell({path: each.candidate.name for path, each in columns.found.items()})
        self._how |= {path: f"{each.how} on {each.candidate.table}" for path, each in columns.found.items()}
        for name in names_of_columns(names):
            left = [column.name for column in columns.unresolved.get(name, ())]
            is_blank = not self.facts.columns_of(found.get(word_of(name.group), ""))
            if name.path not in columns.found and not name.optional and not is_blank:
                self._missing[name.path] = left
        scopes = [self.prefix, *(self.facts.tables[table].scope for table in found.values())]
        roles = find_roles(self.facts, names, found, filter(None, scopes))
        self._know(roles)
        self._require(roles)

    def _learn_rows(self, own: Iterable[str]) -> None:
        """Learn keys first: a kind of authentication is the value of one."""
        facts = self.facts.without_rows(own)
        for narrowing in RowClues(facts, self.contracts).find_keys():
            self._know(narrowing)
        for narrowing in RowClues(facts, self.contracts).find_words():
            self._know(narrowing)
            self._require(narrowing, if_shown=True)

    def _learn_recording(self, recording: Sequence[Recorded]) -> None:
        if not recording:
            return
        drift = find_drift(recording, self.contracts)
        shown = shown_names(recording, drift.contracts)
        rules = {each.label for each in recording if not each.is_ours("response")}
        renamed = [each for each in drift.renamed if each.name.path in shown or _is_of_rules(each, rules)]
        known = {*self._how}
        self._contradictions += [str(each) for each in renamed if each.name.path in known]
        self._contradictions += map(str, drift.unexplained)
        new = [each for each in renamed if each.name.path not in known]
        self._spell({each.name.path: each.value for each in new})
        self._how |= {each.name.path: f"seen in {each.label}" for each in new}
        for path, label in shown_names(recording, self.contracts).items():
            self._how.setdefault(path, f"seen in {label}")
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


# Statuses after which the other system sends again.
_OF_SENDER = "rules.retried_statuses"


def _is_of_rules(renamed: Renamed, answered: Container[str]) -> bool:
    """Tell whether it is a rule that the answers of another system show, or what it does about ours."""
    return renamed.name.group == "rules" and (renamed.label in answered or renamed.name.path == _OF_SENDER)
