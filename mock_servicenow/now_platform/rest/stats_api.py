"""The Aggregate API."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import orjson
from msgspec import Struct
from multidict import CIMultiDict

from mock_servicenow.now_platform.errors import MethodNotAllowed, TransactionCancelled, UnknownPath
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.query.aggregates import (
    FUNCTIONS,
    Aggregate,
    Grouping,
    GroupOrder,
    Having,
    read_having,
)
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.xml_text import HEAD, Texts, element
from mock_servicenow.now_platform.rest.answers import is_too_long
from mock_servicenow.now_platform.rest.call import JSON, XML, Answer, Call
from mock_servicenow.now_platform.rest.computed_groups import (
    AT_ONCE,
    Group,
    Groups,
    Rows,
    computed_groups,
    first_entries,
)
from mock_servicenow.now_platform.rest.formats import response_format
from mock_servicenow.now_platform.rest.parameters import asked_query

_WORDS = 2  # stats/{table}
_VERBS = ("GET", "HEAD")
Stats = Mapping[str, str | Mapping[str, str]]
_KNOWN = frozenset(
    f"sysparm_{name}"
    for name in (
        *("query", "count", "group_by", "having", "order_by", "display_value", "query_category"),
        *(f"{function}_fields" for function in FUNCTIONS),
    )
)


class _Parameters(Struct, frozen=True):
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


def _entries(call: Call, name: str) -> Sequence[str]:
    """Return the entries of a list, each once; those beyond `MOST_ENTRIES` become a finding."""
    entries = (entry.strip() for entry in call.query.get(name, "").split(","))
    return first_entries(call, name, filter(None, entries))


def _filters(call: Call) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in call.query.items() if not name.startswith("sysparm_"))


def _aggregates(call: Call) -> Iterable[Aggregate]:
    for function in FUNCTIONS:
        for path in _entries(call, f"sysparm_{function}_fields"):
            yield Aggregate(function, path)


def _having(call: Call) -> Iterable[Having]:
    for entry in _entries(call, "sysparm_having"):
        having = read_having(entry)
        if having is None:
            _ignore(call, "sysparm_having", f"holds '{entry}', expected aggregate^field^operator^number")
        else:
            yield having


def _order(entry: str) -> GroupOrder:
    words = entry.removesuffix("^DESC").split("^")
    function = words[0].lower()
    by = Aggregate(function, "^".join(words[1:])) if function in (*FUNCTIONS, "count") else words[0]
    return GroupOrder(entry, by, entry.endswith("^DESC"))


def _ignore(call: Call, name: str, reason: str) -> None:
    """Record that a parameter, or an entry of it, has no effect."""
    call.swallowed("parameter-ignored", f"{name} {reason}: it was ignored", name)


def _compute(call: Call, session: Session, table: str, asked: _Parameters) -> Groups:
    query = asked_query(session, table, asked.query, asked.filters)
    return computed_groups(session, call, table, query.where, asked.grouping, partial(_ignore_entry, call))


def _ignore_entry(call: Call, of: str, reason: str) -> None:
    _ignore(call, f"sysparm_{of}_fields" if of in FUNCTIONS else f"sysparm_{of}", reason)


def _shown(call: Call, groups: Groups, display: str, session: Session, rows: Rows) -> object:
    """Return some of the groups as the API shows them; raises TransactionCancelled for too much text."""
    some = [groups.group(row) for row in rows]
    if not groups.asked.group_by:
        return {"stats": _stats(some[0]) if some else {}}
    fields = [[_field(session, groups, display, *pair) for pair in group.common] for group in some]
    if is_too_long(call, [text for each in fields for field in each for text in field.values()]):
        raise TransactionCancelled
    return [{"stats": _stats(group), "groupby_fields": each} for group, each in zip(some, fields, strict=True)]


def _stats(group: Group) -> Stats:
    """Return the aggregates by function and column."""
    count: dict[str, str] = {}
    by_function: dict[str, dict[str, str]] = {}
    for one, text in group.aggregates:
        if one.path:
            by_function.setdefault(one.function, {})[one.path] = text
        else:
            count[one.function] = text
    return {**count, **by_function}


def _field(session: Session, groups: Groups, display: str, path: str, value: str) -> dict[str, str]:
    if display == "false":
        return {"value": value, "field": path}
    shown = value and session.displays.words_of(groups.column(path))(value)
    if display == "true":
        return {"value": shown, "field": path}
    return {"value": value, "display_value": shown, "field": path}


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
            asked = _parameters(call)
            groups = _compute(call, session, table, asked)
            show = partial(_shown, call, groups, asked.display)
            if len(groups.rows) <= AT_ONCE:
                result = show(session, groups.rows)
                body = _write_xml(result) if media == "xml" else orjson.dumps({"result": result})
                return Answer(200, body, CIMultiDict({"Content-Type": XML if media == "xml" else JSON}))
        parts = groups.parts(self._instance, call, show)
        pieces = _xml_pieces(parts) if media == "xml" else _json_pieces(parts)
        return Answer(200, headers=CIMultiDict({"Content-Type": XML if media == "xml" else JSON}), pieces=pieces)
