"""Names of the wire, and rules of statuses, that differ in a recording."""

import os.path
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from privman_contracts import Contracts, WireNames
from privman_contracts.schemas import Schema
from privman_contracts.validation import ContractValidator
from privman_contracts.wire_names import Value, WireName
from privman_core.near_words import likeness
from privman_scenarios.analysis.recorded import Recorded, SeenValue, to_json, values


@dataclass(frozen=True, slots=True)
class Renamed:
    """A name or rule of the wire that is another in the recording.

    Attributes:
        name: as the contracts have it.
        value: as the recording has it.
        label: where it was seen first.
    """

    name: WireName
    value: Value
    label: str

    def __str__(self) -> str:
        return f"{self.name.path} [{self.name.evidence}]: {self.value}, not {self.name.value} ({self.label})"


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A broken contract that no other name explains.

    Attributes:
        count: in how many exchanges it was seen.
    """

    message: str
    label: str
    count: int

    def __str__(self) -> str:
        return f"{self.message} ({self.label}{f' and {self.count - 1} more' if self.count > 1 else ''})"


_ALIKE = 0.6


def likest(word: str, words: Iterable[str]) -> str:
    """Return the word that is most like it, empty where none is; case and punctuation do not count."""
    ranked = sorted(((likeness(word, other), other) for other in words), reverse=True)
    return next((other for alike, other in ranked if alike >= _ALIKE), "")


_TABLE = re.compile(r"/api/now/(?:v[12]/)?table/(\w+)")


def renamed_tables(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[Renamed]:
    """Yield the tables that nobody knows, as the unused one of the app whose columns they have.

    A table of another scope is one of the app's when no column is sent to it that the app's has not, and not only such
    as any table may have: 'name', 'description'.
    """
    names = contracts.names.group("tables")
    scope = os.path.commonprefix([*names.values()])  # noqa: RUF071 - characters are meant
    used = _used_tables(recording)
    unused = [canonical for canonical, name in names.items() if name not in used]
    for table, exchanges in used.items():
        if table in names.values():
            continue
        columns = {column for exchange in exchanges for column in _columns_in(exchange)}
        sent = {column for exchange in exchanges for column in _columns_sent(exchange)}
        fitting = {
            canonical: len(columns & known)
            for canonical in unused
            if (known := _columns_of(canonical, contracts))
            and (table.startswith(scope) or (sent <= known and any("_" in each for each in sent)))
        }
        canonical = max(fitting, key=fitting.__getitem__, default="")
        if fitting.get(canonical):
            unused.remove(canonical)
            yield Renamed(contracts.names.find(f"tables.{canonical}"), table, exchanges[0].label)


def _used_tables(recording: Sequence[Recorded]) -> dict[str, list[Recorded]]:
    tables: dict[str, list[Recorded]] = {}
    for recorded in recording:
        if found := _TABLE.search(recorded.url):
            tables.setdefault(found[1], []).append(recorded)
    return tables


def _columns_in(recorded: Recorded) -> Iterator[str]:
    """Yield the columns that were sent, and those of what was answered."""
    answer = to_json(recorded.response)
    result = answer.get("result") if isinstance(answer, dict) else None
    for record in (to_json(recorded.request), *(result if isinstance(result, list) else [result])):
        if isinstance(record, dict):
            yield from record


def _columns_sent(recorded: Recorded) -> Iterator[str]:
    """Yield the columns of a record that was sent to be created."""
    record = to_json(recorded.request) if recorded.method == "POST" else None
    if isinstance(record, dict):
        yield from record


def _columns_of(table: str, contracts: Contracts) -> set[str]:
    return set(contracts.names.group(f"columns.{table}").values())


@dataclass(slots=True)
class _Group:
    """Sightings of a group of names in one direction, since only its owner spells a name for certain.

    Attributes:
        missing: names that no object has, with their schemas.
        unknown: keys that are no names, with the first object that has them.
    """

    present: set[str] = field(default_factory=set)
    missing: dict[str, Schema] = field(default_factory=dict)
    unknown: dict[str, SeenValue] = field(default_factory=dict)

    def add(self, seen: SeenValue) -> None:
        """Record an object."""
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


def _pairs(group: _Group, canonical: dict[str, str]) -> Iterator[tuple[str, tuple[str, SeenValue]]]:
    missing = {name: each for name, each in group.missing.items() if name in canonical and name not in group.present}
    for key, seen in sorted(group.unknown.items()):
        fitting = [name for name, schema in missing.items() if ContractValidator(schema).is_valid(seen.value[key])]
        spelling = likest(key, fitting)
        is_closed = seen.schema.get("additionalProperties") is False
        if not spelling and len(fitting) == 1 and is_closed and not _may_be_word(seen.value[key], missing.values()):
            spelling = fitting[0]
        if spelling:
            del missing[spelling]
            yield spelling, (key, seen)


def _may_be_word(value: object, schemas: Iterable[Schema]) -> bool:
    """Tell whether a value may be a word that nobody knows, at a key of words that is missing."""
    return isinstance(value, str) and any("x-words" in each and value not in each["enum"] for each in schemas)


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
    """Yield the words that a list lacks, where another stands in their place: the similar one, else the only one."""
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


def _meanings(seen: SeenValue, contracts: Contracts) -> set[str]:
    """Return the paths of the words that may stand there; a word means one that may stand wherever it was seen."""
    groups = {*seen.schema["x-words"]}
    return {name.path for name in contracts.names if {name.group, name.path} & groups}


def _meant(seen: SeenValue, unheard: Sequence[WireName]) -> WireName | None:
    """Return the word that is meant: the one that is similar, else the only inferred one; the first of a new record."""
    by_spelling = {str(name.value): name for name in unheard}
    if similar := likest(seen.value, by_spelling):
        return by_spelling[similar]
    inferred = [name for name in unheard if name.evidence == "I"]
    certain = len(inferred) == 1 or seen.exchange.method == "POST"
    return inferred[0] if inferred and certain else None


# These answer the moment rather than the message.
_PASSING = frozenset({0, 401, 403, 408, 429, *range(500, 600)})
_SUCCESS = range(200, 300)


def renamed_statuses(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[Renamed]:
    """Yield the rules that the answers to repeated requests and decisions contradict."""
    requests, decisions = _Requests(contracts), _Decisions(contracts)
    for recorded in recording:
        exchange = contracts.find(recorded.method, recorded.url)
        body = to_json(recorded.request)
        if exchange is None or not isinstance(body, dict):
            continue
        if exchange.name == "request_approval":
            yield from requests.answered(recorded, body)
        elif exchange.name == "deliver_decision":
            yield from decisions.answered(recorded, body)


class _Requests:
    """Approval requests that were sent, by scenario and id."""

    def __init__(self, contracts: Contracts) -> None:
        self._names = contracts.names
        self._id = contracts.names.column("request", "request_id")
        self._received: dict[tuple[str, Any], object] = {}

    def answered(self, recorded: Recorded, body: dict[str, Any]) -> Iterator[Renamed]:
        key = recorded.page, str(body.get(self._id))
        if self._received.get(key) == body and recorded.status not in _PASSING:
            yield from _rule_differs(self._names, "duplicate_request_status", recorded)
        if recorded.status in _SUCCESS:
            self._received.setdefault(key, body)


class _Decisions:
    """Decisions that were delivered, by scenario and request."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._names = contracts.names
        self._keys = contracts.names.group("keys.decision")
        self._taken: dict[tuple[str, str], object] = {}
        self._attempts: dict[tuple[str, str, object], int] = {}

    def answered(self, recorded: Recorded, body: dict[str, Any]) -> Iterator[Renamed]:
        key = recorded.page, str(body.get(self._keys["RequestId"]))
        said = tuple(str(body.get(self._keys[part])) for part in ("Response", "Comment", "Duration"))
        yield from self._retried(recorded, (*key, said))
        if recorded.status not in _PASSING:
            yield from self._judged(recorded, key, said)
        if recorded.status in _SUCCESS:
            self._taken.setdefault(key, said)

    def _judged(self, recorded: Recorded, key: tuple[str, str], said: object) -> Iterator[Renamed]:
        if key in self._taken:
            rule = "same_decision_status" if self._taken[key] == said else "other_decision_status"
            yield from _rule_differs(self._names, rule, recorded)
        elif not self._is_known(recorded.status):
            yield from _rule_differs(self._names, "unknown_request_status", recorded)

    def _is_known(self, status: int) -> bool:
        exchange = self._contracts.find("POST", "/Tms/services/api/v1/approval/approve")
        return exchange is not None and exchange.answer(status) is not None

    def _retried(self, recorded: Recorded, attempt: tuple[str, str, object]) -> Iterator[Renamed]:
        """Yield the rule of retries, where an attempt follows one whose status it does not name."""
        before = self._attempts.get(attempt, 200)
        self._attempts[attempt] = recorded.status
        retried = self._names.statuses("retried_statuses") | self._names.statuses("token_renewed_statuses")
        if before not in _SUCCESS and before not in retried:
            rule = self._names.find("rules.retried_statuses")
            yield Renamed(rule, [*rule.value, before], recorded.label)  # type: ignore[misc]  # a rule of several


def _rule_differs(names: WireNames, rule: str, recorded: Recorded) -> Iterator[Renamed]:
    if recorded.status != names.number(rule):
        yield Renamed(names.find(f"rules.{rule}"), recorded.status, recorded.label)
