"""The Aggregate API (platform 3.3)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import orjson
from multidict import CIMultiDict

from mock_servicenow.now_platform.aggregates.columns import StatsColumns, drop_unusable
from mock_servicenow.now_platform.aggregates.parameters import Aggregate, StatsParameters, ignore, read_stats_parameters
from mock_servicenow.now_platform.aggregates.select import StatsSelect
from mock_servicenow.now_platform.aggregates.xml_text import stats_pieces, write_stats
from mock_servicenow.now_platform.dictionary.column_types import storage_kind
from mock_servicenow.now_platform.dictionary.values import from_database
from mock_servicenow.now_platform.errors import MethodNotAllowed, TransactionCancelled, UnknownPath
from mock_servicenow.now_platform.records import access, queries
from mock_servicenow.now_platform.records.display import words_of
from mock_servicenow.now_platform.rest.answers import is_too_long
from mock_servicenow.now_platform.rest.call import JSON, XML, Answer, Call
from mock_servicenow.now_platform.rest.formats import response_format
from mock_servicenow.now_platform.rest.parameters import asked_query

if TYPE_CHECKING:
    from mock_servicenow.now_platform.instance import Instance
    from mock_servicenow.now_platform.records.session import Session

_WORDS = 2  # stats/{table}
_VERBS = ("GET", "HEAD")
_AT_ONCE = 200
"""Groups that are shown before others get a turn."""
MOST_TEXT = 32 * 1024 * 1024
"""Characters of all groups together, and of the long rows (I)."""
_LONG_ROW = 16 * 1024
"""Characters of a row beyond which it counts: databases keep a few rows of each MiB in memory while they sort."""

Stats = Mapping[str, str | Mapping[str, str]]


class StatsApi:
    """Counts, sums and compares those rows of any table that the user may read (inferred)."""

    def __init__(self, instance: "Instance") -> None:
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
            access.check_reach(session, table)
            groups = _groups(call, session, table)
            if len(groups.rows) <= _AT_ONCE:
                result = groups.shown(session, groups.rows)
                body = write_stats(result) if media == "xml" else orjson.dumps({"result": result})
                return Answer(200, body, CIMultiDict({"Content-Type": XML if media == "xml" else JSON}))
        parts = self._parts(call, groups)
        pieces = stats_pieces(parts) if media == "xml" else _json_pieces(parts)
        return Answer(200, headers=CIMultiDict({"Content-Type": XML if media == "xml" else JSON}), pieces=pieces)

    def _parts(self, call: Call, groups: "_Groups") -> Iterator[object]:
        """Yield what is shown of many groups, others being answered between the parts."""
        for start in range(0, len(groups.rows), _AT_ONCE):
            with self._instance.next_transaction(call.user, ended=call.findings) as session:
                part = groups.shown(session, groups.rows[start : start + _AT_ONCE])
            yield part


def _json_pieces(parts: Iterable[object]) -> Iterator[bytes]:
    before = b'{"result":['
    for part in parts:
        yield before + orjson.dumps(part)[1:-1]
        before = b","
    yield b"]}"


def _groups(call: Call, session: "Session", table: str) -> "_Groups":
    asked = read_stats_parameters(call)
    if not asked.aggregates:
        call.swallowed("aggregate-missing", "no aggregate is asked for: none was computed", "url")
    query = asked_query(session, table, asked.query, asked.filters)
    columns = StatsColumns(queries.scope(session), table)
    parameters = drop_unusable(asked, columns, partial(ignore, call))
    select, transaction = StatsSelect(columns, query.where), session.work.transaction
    if parameters.group_by:
        with closing(transaction.stream(select.long_rows(_LONG_ROW))) as long:
            _check_length(long.scalars())
    with closing(transaction.stream(select.statement(parameters))) as rows:
        return _Groups(call, columns, parameters, _bounded(rows))


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


@dataclass(frozen=True, slots=True)
class _Groups:
    """The rows of the statement: one a group, or a single one."""

    call: Call
    columns: StatsColumns
    parameters: StatsParameters
    rows: Sequence[Sequence[Any]]

    def shown(self, session: "Session", some: Iterable[Sequence[Any]]) -> object:
        """Return some of the rows as the API shows them."""
        shown = [_Group(session, self.columns, self.parameters, row) for row in some]
        if self.parameters.group_by:
            fields = [group.fields() for group in shown]
            if is_too_long(self.call, [text for each in fields for field in each for text in field.values()]):
                raise TransactionCancelled
            return [{"stats": group.stats(), "groupby_fields": each} for group, each in zip(shown, fields, strict=True)]
        return {"stats": shown[0].stats() if shown else {}}


class _Group:
    """One row of the statement as the API shows it."""

    def __init__(
        self, session: "Session", columns: StatsColumns, parameters: StatsParameters, row: Sequence[Any]
    ) -> None:
        self._session = session
        self._columns = columns
        self._parameters = parameters
        self._values = row[: len(parameters.group_by)]
        self._computed = row[len(parameters.group_by) :]

    def stats(self) -> Stats:
        """Return the aggregates by function and column, as text."""
        count: dict[str, str] = {}
        by_function: dict[str, dict[str, str]] = {}
        for one, value in zip(self._parameters.aggregates, self._computed, strict=False):
            if one.path:
                by_function.setdefault(one.function, {})[one.path] = self._text(one, value)
            else:
                count[one.function] = str(value)
        return {**count, **by_function}

    def fields(self) -> list[dict[str, str]]:
        """Return what the group has in common."""
        return [
            self._field(path, from_database(value))
            for path, value in zip(self._parameters.group_by, self._values, strict=True)
        ]

    def _field(self, path: str, value: str) -> dict[str, str]:
        if self._parameters.display == "false":
            return {"value": value, "field": path}
        column = self._columns.used[path].column
        shown = value and words_of(self._session, column)(value)
        if self._parameters.display == "true":
            return {"value": shown, "field": path}
        return {"value": value, "display_value": shown, "field": path}

    def _text(self, one: Aggregate, value: float | str | None) -> str:
        if value is None:
            return ""
        if one.function == "avg":
            return f"{float(value):.4f}"
        column = self._columns.used[one.path].column
        return str(int(value)) if storage_kind(column.type) == "integer" else from_database(value)
