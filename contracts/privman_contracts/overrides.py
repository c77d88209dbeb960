"""Finds the lines of a file for ``--inferred`` with which an exchange would keep its contract.

Each candidate is tried: the exchange is checked again with the name or rule overridden, so each returned override does
remove differences.
"""

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import islice
from os.path import commonprefix

import orjson
from msgspec import Struct

from privman_contracts import wording
from privman_contracts.contracts import Contracts
from privman_contracts.evidence import Violation
from privman_contracts.exchanges import ExchangeContract, Observed
from privman_contracts.files import InferredNamesError
from privman_contracts.rules import RULES
from privman_contracts.schemas import Schema, ValueAt, folded, walk
from privman_contracts.wire_names import Value, WireName
from privman_contracts.written_names import override_text
from privman_core.exchange import path_of
from privman_core.near_words import likeness

Difference = tuple[str, str]
"""The message, or the exchange, and the place of a violation; see `Violation`."""
_MOST_TRIED, _MOST_WORK = 40, 1024 * 1024  # candidates, and bytes that are checked for them
_MOST_OFFERED = 5  # for one difference
_MOST_KEYS = 20  # unknown ones of one object
_MOST_PLACES = 10_000  # of one body
_REFUSED_WITH_200 = "error_answer_status"
_ALIKE, _ALIKE_TABLE = 0.6, 0.7
_INDEX = re.compile(r"\[\d+\]")
_TABLE = re.compile(r"/api/now/(?:v[12]/)?table/(\w{1,80})(?:/\w+)?")


class Override(Struct, frozen=True):
    """One name or rule with another value, which would explain differences.

    Attributes:
        name: with the value that explains them.
        before: the value without it.
        explains: the differences that it removes; none for one by which the exchange gets a contract.
        meaning: of the status that the rule gives; empty for a name.
    """

    name: WireName
    before: Value
    explains: frozenset[Difference] = frozenset()
    meaning: str = ""

    @property
    def text(self) -> str:
        """The lines of a file for ``--inferred``."""
        return override_text([self.name])


class _Candidate(Struct, frozen=True):
    """A name or rule that may have another value.

    Attributes:
        wheres: places whose violations it must remove, without indices of items; empty for any place.
    """

    path: str
    value: Value
    wheres: frozenset[str] = frozenset()
    meaning: str = ""


def find_overrides(contracts: Contracts, seen: Observed, known: Iterable[Violation] | None = None) -> list[Override]:
    """Return the overrides that remove differences of an exchange and add none, the likely ones first.

    A caller that has checked the exchange already passes its violations.
    """
    exchange = contracts.match(seen.server, seen.method, path_of(seen.target))
    if exchange is None:
        return [*_tables(contracts, seen)]
    before = _differences(contracts.check(seen) if known is None else known)
    if not before:
        return []
    size = len(seen.request.data) + len(seen.answer.data) + 1
    tries = min(_MOST_TRIED, max(1, _MOST_WORK // size))
    found: dict[tuple[str, str], Override] = {}
    for candidate in islice(_candidates(contracts, exchange, seen, before), tries):
        override = _tried(contracts, seen, candidate, before)
        offered = [each for each in found.values() if override and each.explains & override.explains]
        if override and len(offered) < _MOST_OFFERED:
            found.setdefault((override.name.path, str(override.name.value)), override)
    return [*found.values()]


def together(contracts: Contracts, overrides: Iterable[Override]) -> str:
    """Return one file with the first override of each difference; empty if such a file would be refused."""
    chosen: dict[str, Override] = {}
    explained: set[Difference] = set()
    for each in overrides:
        if explained.isdisjoint(each.explains) and each.name.path not in chosen:
            chosen[each.name.path] = each
            explained |= each.explains
    try:
        contracts.names.overridden({path: each.name.value for path, each in chosen.items()})
    except InferredNamesError:
        return ""
    return override_text(each.name for each in chosen.values())


def _differences(violations: Iterable[Violation]) -> frozenset[Difference]:
    return frozenset((each.schema, each.where) for each in violations)


def _tried(
    contracts: Contracts, seen: Observed, candidate: _Candidate, before: frozenset[Difference]
) -> Override | None:
    """Return the override if it removes what it should and adds no difference."""
    changed = _overridden(contracts, candidate)
    after = _differences(changed.check(seen)) if changed else before
    gone = before - after
    meant = {each for each in before if candidate.wheres and _plain(each[1]) in candidate.wheres}
    if changed is None or not gone or after - before or not meant <= gone:
        return None
    name = contracts.names.find(candidate.path)
    return Override(changed.names.find(candidate.path), name.value, gone, candidate.meaning)


def _overridden(contracts: Contracts, candidate: _Candidate) -> Contracts | None:
    try:
        return contracts.overridden({candidate.path: candidate.value})
    except InferredNamesError:
        return None


def _candidates(
    contracts: Contracts, exchange: ExchangeContract, seen: Observed, before: frozenset[Difference]
) -> Iterator[_Candidate]:
    wheres = {_plain(where) for _, where in before}
    for message, body in contracts.messages(seen):
        for place in _places(contracts.schemas[message], body.data):
            if "x-names" in place.schema and isinstance(place.value, dict):
                yield from _keys(contracts, place, wheres)
            elif place.where in wheres and isinstance(place.value, str):
                yield from _words(contracts, place)
        yield from _choices(contracts, {*contracts.rules_of(message), _REFUSED_WITH_200})
    if exchange.answer(seen.status) is None:
        yield from _statuses(contracts, exchange, seen.status)


def _places(schema: Schema, body: bytes) -> Iterable[ValueAt]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ()
    return islice(walk(folded(document, schema), schema), _MOST_PLACES)


def _keys(contracts: Contracts, place: ValueAt, wheres: set[str]) -> Iterator[_Candidate]:
    """Yield each name that an object lacks, with each key that may be its spelling."""
    properties, group = place.schema["properties"], place.schema["x-names"]
    canonical = {spelling: word for word, spelling in contracts.names.group(group).items()}
    missing = [name for name in properties if name not in place.value and name in canonical]
    unknown = [key for key in place.value if key not in properties][:_MOST_KEYS]
    for key, name in _pairs(unknown, missing, place.schema.get("required", ())):
        if claimed := frozenset(f"{place.where}{wording.step(each)}" for each in (key, name)) & wheres:
            yield _Candidate(f"{group}.{canonical[name]}", key, claimed)


def _pairs(unknown: Sequence[str], missing: Sequence[str], required: Container[str]) -> Iterator[tuple[str, str]]:
    """Yield each unknown key with the missing name that it resembles; the others with each remaining required name."""
    likely = [(likeness(key, name), key, name) for key in unknown for name in missing]
    met: set[str] = set()
    for alike, key, name in sorted(likely, key=lambda each: each[0], reverse=True):
        if alike >= _ALIKE and met.isdisjoint((key, name)):
            met |= {key, name}
            yield key, name
    yield from ((key, name) for _, key, name in likely if met.isdisjoint((key, name)) and name in required)


def _words(contracts: Contracts, place: ValueAt) -> Iterator[_Candidate]:
    """Yield the words that may be at a place, with the value that is there: similar words, or else inferred ones."""
    groups = {*place.schema.get("x-words", ()), place.schema.get("x-listed", "")}
    names = [name for name in contracts.names if {name.group, name.path} & groups]
    known = {str(name.value) for name in names}
    values = place.value.split(",")[:_MOST_KEYS] if "x-listed" in place.schema else [place.value]
    for value in values if known.isdisjoint(values) or "x-listed" in place.schema else ():
        like = [name for name in names if likeness(value, str(name.value)) >= _ALIKE]
        for name in like or [name for name in names if name.evidence == "I" or "x-listed" in place.schema]:
            yield _Candidate(name.path, value, frozenset({place.where}))


def _statuses(contracts: Contracts, exchange: ExchangeContract, status: int) -> Iterator[_Candidate]:
    """Yield each rule that gives a status of the exchange, with the answered status; lists of statuses last."""
    rules = dict(rule for answer in exchange.answers for rule in answer.rules)
    names = [contracts.names.find(f"rules.{rule}") for rule in rules]
    for name in sorted(names, key=lambda each: isinstance(each.value, list)):
        value: Value = [*name.value, status] if isinstance(name.value, list) else status
        yield _Candidate(name.path, value, frozenset({"status"}), rules[name.word])


def _choices(contracts: Contracts, rules: Iterable[str]) -> Iterator[_Candidate]:
    """Yield each rule whose value is one of a few words, with each other word."""
    for name in (contracts.names.find(f"rules.{rule}") for rule in sorted(rules)):
        yield from (_Candidate(name.path, choice) for choice in RULES[name.word].choices if choice != name.value)


def _tables(contracts: Contracts, seen: Observed) -> Iterator[Override]:
    """Yield the tables of the app whose contract an exchange without a contract would keep."""
    path = path_of(seen.target)
    found = _TABLE.fullmatch(path)
    if found is None or seen.server != "servicenow":
        return
    names = [name for name in contracts.names if name.group == "tables"]
    scope = commonprefix([str(name.value) for name in names])  # noqa: RUF071 - characters are meant
    alike = {name: _likeness_of_table(found[1], name, scope) for name in names}
    for name in sorted(names, key=alike.__getitem__, reverse=True):
        changed = _overridden(contracts, _Candidate(name.path, found[1]))
        if alike[name] >= _ALIKE_TABLE and changed and not _broken(changed, seen):
            yield Override(changed.names.find(name.path), name.value)


def _likeness_of_table(table: str, name: WireName, scope: str) -> float:
    spelled = (str(name.value).removeprefix(scope), *name.labels)
    return max(likeness(table.removeprefix(scope), each) for each in spelled)


def _broken(contracts: Contracts, seen: Observed) -> bool:
    is_known = contracts.match(seen.server, seen.method, path_of(seen.target)) is not None
    return not is_known or any(not each.doubtful for each in contracts.check(seen))


def _plain(where: str) -> str:
    return _INDEX.sub("[]", where)
