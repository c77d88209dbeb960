"""The Aggregate API (platform 3.3)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any

import orjson
from multidict import CIMultiDict

from mock_servicenow.now_platform.dictionary.values import from_database
from mock_servicenow.now_platform.errors import MethodNotAllowed, TransactionCancelled, UnknownPath
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.query.aggregates import (
    COMPARISONS,
    FUNCTIONS,
    Aggregate,
    Aggregates,
    Grouping,
    GroupOrder,
    Having,
)
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import is_too_long
from mock_servicenow.now_platform.rest.call import JSON, XML, Answer, Call
from mock_servicenow.now_platform.rest.formats import HEAD, Texts, element, response_format
from mock_servicenow.now_platform.rest.parameters import asked_query

_WORDS = 2  # stats/{table}
_VERBS = ("GET", "HEAD")
_AT_ONCE = 200
"""Groups that are shown before other requests get a turn."""
MOST_TEXT = 32 * 1024 * 1024
"""Characters of all groups together, and of the long rows (I)."""
_LONG_ROW = 16 * 1024
"""Characters of a row beyond which it counts: databases keep a few rows of each MiB in memory while they sort."""

Stats = Mapping[str, str | Mapping[str, str]]
_KNOWN = frozenset(
    f"sysparm_{name}"
    for name in (
        *("query", "count", "group_by", "having", "order_by", "display_value", "query_category"),
        *(f"{function}_fields" for function in FUNCTIONS),
    )
)
MOST_ENTRIES = 25
"""The number of entries of a list that count, since each needs an expression to be compiled (I)."""
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


@dataclass(frozen=True, slots=True)
class _Parameters:
    """The parameters of a call.

    Attributes:
        filters: ``field=value`` pairs, in place of a query.
        display: ``false``, ``true`` or ``all``.
    """

    query: str
    filters: tuple[tuple[str, str], ...]
    grouping: Grouping
    display: str


def _parameters(call: Call) -> _Parameters:
    """Return the parameters of a call; those without a meaning become findings."""
    given = call.query
    for name in given:
        if name.startswith("sysparm_") and name not in _KNOWN:
            _ignore(call, name, "means nothing here")
    counted = (Aggregate("count"),) * (given.get("sysparm_count", "").lower() == "true")
    display = given.get("sysparm_display_value", "false").lower()
    return _Parameters(
        query=given.get("sysparm_query", ""),
        filters=() if "sysparm_query" in given else _filters(call),
        grouping=Grouping(
            aggregates=(*counted, *_aggregates(call)),
            group_by=tuple(_entries(call, "sysparm_group_by")),
            having=tuple(_having(call)),
            order_by=tuple(map(_order, _entries(call, "sysparm_order_by"))),
        ),
        display=display if display in ("true", "all") else "false",
    )


def _entries(call: Call, name: str) -> list[str]:
    """Return the entries of a list, each once; those beyond `MOST_ENTRIES` become a finding."""
    entries = list(dict.fromkeys(entry.strip() for entry in call.query.get(name, "").split(",") if entry.strip()))
    if len(entries) > MOST_ENTRIES:
        more = f"{name} has {len(entries)} distinct entries; those after the first {MOST_ENTRIES} were ignored"
        call.swallowed("parameter-ignored", more, name)
    return entries[:MOST_ENTRIES]


def _filters(call: Call) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in call.query.items() if not name.startswith("sysparm_"))


def _aggregates(call: Call) -> Iterable[Aggregate]:
    for function in FUNCTIONS:
        for path in _entries(call, f"sysparm_{function}_fields"):
            yield Aggregate(function, path)


def _having(call: Call) -> Iterable[Having]:
    for entry in _entries(call, "sysparm_having"):
        match entry.split("^"):
            case [function, path, comparison, value] if _is_having(function.lower(), comparison, value):
                yield Having(entry, Aggregate(function.lower(), path), comparison, value)
            case _:
                _ignore(call, "sysparm_having", f"holds '{entry}', expected aggregate^field^operator^number")


def _is_having(function: str, comparison: str, value: str) -> bool:
    known = function in (*FUNCTIONS, "count") and comparison in COMPARISONS
    return known and _NUMBER.fullmatch(value) is not None


def _order(entry: str) -> GroupOrder:
    words = entry.removesuffix("^DESC").split("^")
    function = words[0].lower()
    by = Aggregate(function, "^".join(words[1:])) if function in (*FUNCTIONS, "count") else words[0]
    return GroupOrder(entry, by, entry.endswith("^DESC"))


def _ignore(call: Call, name: str, reason: str) -> None:
    """Record that a parameter, or an entry of it, has no effect."""
    call.swallowed("parameter-ignored", f"{name} {reason}: it was ignored", name)


@dataclass(frozen=True, slots=True)
class _GroupRows:
    """The rows of the statement: one a group, or a single one."""

    call: Call
    aggregates: Aggregates
    display: str
    rows: Sequence[Sequence[Any]]

    def shown(self, session: Session, some: Iterable[Sequence[Any]]) -> object:
        """Return some of the rows as the API shows them."""
        shown = [_GroupShown(session, self.aggregates, self.display, row) for row in some]
        if self.aggregates.asked.group_by:
            fields = [group.fields() for group in shown]
            if is_too_long(self.call, [text for each in fields for field in each for text in field.values()]):
                raise TransactionCancelled
            return [{"stats": group.stats(), "groupby_fields": each} for group, each in zip(shown, fields, strict=True)]
        return {"stats": shown[0].stats() if shown else {}}


class _GroupShown:
    """One row of the statement as the API shows it."""

    def __init__(self, session: Session, aggregates: Aggregates, display: str, row: Sequence[Any]) -> None:
        self._session = session
        self._aggregates = aggregates
        self._display = display
        self._values = row[: len(aggregates.asked.group_by)]
        self._computed = row[len(aggregates.asked.group_by) :]

    def stats(self) -> Stats:
        """Return the aggregates by function and column, as text."""
        count: dict[str, str] = {}
        by_function: dict[str, dict[str, str]] = {}
        for one, value in zip(self._aggregates.asked.aggregates, self._computed, strict=False):
            if one.path:
                by_function.setdefault(one.function, {})[one.path] = self._text(one, value)
            else:
                count[one.function] = str(value)
        return {**count, **by_function}

    def fields(self) -> list[dict[str, str]]:
        """Return what the group has in common."""
        return [
            self._field(path, from_database(value))
            for path, value in zip(self._aggregates.asked.group_by, self._values, strict=True)
        ]

    def _field(self, path: str, value: str) -> dict[str, str]:
        if self._display == "false":
            return {"value": value, "field": path}
        column = self._aggregates.column(path)
        shown = value and self._session.displays.words_of(column)(value)
        if self._display == "true":
            return {"value": shown, "field": path}
        return {"value": value, "display_value": shown, "field": path}

    def _text(self, one: Aggregate, value: float | str | None) -> str:
        if value is None:
            return ""
        if one.function == "avg":
            return f"{float(value):.4f}"
        column = self._aggregates.column(one.path)
        return str(int(value)) if column.family.storage == "integer" else from_database(value)


def _groups(call: Call, session: Session, table: str) -> _GroupRows:
    asked = _parameters(call)
    if not asked.grouping.aggregates:
        call.swallowed("aggregate-missing", "no aggregate is asked for: none was computed", "url")
    query = asked_query(session, table, asked.query, asked.filters)
    aggregates = Aggregates(session.scope, table, query.where, asked.grouping, partial(_ignore, call))
    transaction = session.work.transaction
    if aggregates.asked.group_by:
        with closing(transaction.stream(aggregates.long_rows(_LONG_ROW))) as long:
            _check_length(long.scalars())
    with closing(transaction.stream(aggregates.statement())) as rows:
        return _GroupRows(call, aggregates, asked.display, _bounded(rows))


def _bounded(rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    """Return the rows; raises TransactionCancelled for more text than `MOST_TEXT`, of which a group repeats any."""
    kept: list[Sequence[Any]] = []

    def lengths() -> Iterator[int]:
        for row in rows:
            kept.append(row)
            yield sum(len(value) for value in row if isinstance(value, str))

    _check_length(lengths())
    return kept


def _check_length(lengths: Iterable[int]) -> None:
    if any(length > MOST_TEXT for length in accumulate(lengths)):
        raise TransactionCancelled


def _json_pieces(parts: Iterable[object]) -> Iterator[bytes]:
    before = b'{"result":['
    for part in parts:
        yield before + orjson.dumps(part)[1:-1]
        before = b","
    yield b"]}"


def _write_xml(result: object) -> bytes:
    """Return the answer whose JSON form has the result under ``result``."""
    return f"{HEAD}{_element('response', {'result': result}, Texts())}".encode()


def _xml_pieces(parts: Iterable[object]) -> Iterator[bytes]:
    """Return the same answer piece by piece, of a result that is a list and comes in parts."""
    before = f"{HEAD}<response>"
    for part in parts:
        yield f"{before}{_element('result', part, Texts())}".encode()
        before = ""
    yield b"</response>"


def _element(name: str, value: object, texts: Texts) -> str:
    if isinstance(value, list):
        return "".join(_element(name, item, texts) for item in value)
    if isinstance(value, Mapping):
        return element(name, "".join(_element(key, item, texts) for key, item in value.items()))
    return element(name, texts[str(value)])


class StatsApi:
    """Counts, sums and compares those rows of any table that the user may read (inferred)."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def answer(self, call: Call) -> Answer:
        """Answer a call on ``stats/{table}``; raises PlatformError."""
        if len(call.resource) != _WORDS:
            raise UnknownPath
        table = call.resource[1]
        if call.verb not in _VERBS:
            raise MethodNotAllowed(call.verb, _VERBS)
        media = response_format(call.headers.get("Accept", ""))
        with self._instance.transaction(call.user, call.findings) as session:
            session.check_reach(table)
            groups = _groups(call, session, table)
            if len(groups.rows) <= _AT_ONCE:
                result = groups.shown(session, groups.rows)
                body = _write_xml(result) if media == "xml" else orjson.dumps({"result": result})
                return Answer(200, body, CIMultiDict({"Content-Type": XML if media == "xml" else JSON}))
        parts = self._parts(call, groups)
        pieces = _xml_pieces(parts) if media == "xml" else _json_pieces(parts)
        return Answer(200, headers=CIMultiDict({"Content-Type": XML if media == "xml" else JSON}), pieces=pieces)

    def _parts(self, call: Call, groups: _GroupRows) -> Iterator[object]:
        """Yield many groups in parts; other requests are answered between them."""
        for start in range(0, len(groups.rows), _AT_ONCE):
            with self._instance.next_transaction(call.user, ended=call.findings) as session:
                part = groups.shown(session, groups.rows[start : start + _AT_ONCE])
            yield part
