"""The ``sysparm_*`` parameters of the Table API."""

from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from msgspec import Struct

from mock_servicenow.now_platform.errors import BadRequest
from mock_servicenow.now_platform.query import CompiledQuery
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.call import Call
from privman_core.findings import MOST_FINDINGS

PREFIX = "sysparm_"
PAGE = ("sysparm_limit", "sysparm_offset")
"""What `page_bounds` reads."""
DEFAULT_LIMIT = 10_000
_Entry = TypeVar("_Entry")
_MOST = 2**31 - 1  # what every database takes for a number of rows
_DISPLAY = ("false", "true", "all")
_KNOWN = frozenset(
    PREFIX + name
    for name in (
        "query",
        "display_value",
        "exclude_reference_link",
        "fields",
        "view",
        "limit",
        "offset",
        "no_count",
        "suppress_pagination_header",
        "query_category",
        "query_no_domain",
        "input_display_value",
        "suppress_auto_sys_field",
        "tiny",
    )
)


class Parameters(Struct, frozen=True):
    """What a call asks for.

    Attributes:
        display: ``false``, ``true`` or ``all``.
        fields: the columns asked for, dot-walked ones included; None for all.
        filters: ``field=value`` pairs.
    """

    query: str = ""
    display: str = "false"
    exclude_reference_link: bool = False
    fields: tuple[str, ...] | None = None
    view: str = ""
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    no_count: bool = False
    suppress_pagination_header: bool = False
    input_display_value: bool = False
    suppress_auto_sys_field: bool = False
    filters: tuple[tuple[str, str], ...] = ()

    @property
    def end(self) -> int:
        """The offset of the next page; a limit of 0 still leads on."""
        return self.offset + max(1, self.limit)


NOTHING_ASKED = Parameters()


def read_parameters(call: Call, *, listing: bool = False, also: Container[str] = ()) -> Parameters:
    """Return the parameters of a call; what means nothing to the platform becomes a finding.

    Args:
        call: what is asked.
        listing: whether ``field=value`` pairs filter.
        also: further parameters, which mean something to the caller.

    Raises:
        BadRequest: the offset is negative.
    """
    given = call.query
    if not given:
        return NOTHING_ASKED
    filters = tuple((name, value) for name, value in given.items() if not (name.startswith(PREFIX) or name in also))
    if filters and not listing:
        report_ignored(call, [name for name, _ in filters])
    elif filters and "sysparm_query" in given:
        report_filters(call)
        filters = ()
    report_ignored(call, [name for name in given if name.startswith(PREFIX) and not (name in _KNOWN or name in also)])
    fields = given.get("sysparm_fields", "")
    return Parameters(
        query=given.get("sysparm_query", ""),
        display=choice(call, "sysparm_display_value", _DISPLAY),
        exclude_reference_link=_flag(given, "exclude_reference_link"),
        fields=tuple(name.strip() for name in fields.split(",") if name.strip()) or None,
        view=given.get("sysparm_view", ""),
        limit=_integer(call, "sysparm_limit", DEFAULT_LIMIT, least=0),
        offset=_offset(call),
        no_count=_flag(given, "no_count"),
        suppress_pagination_header=_flag(given, "suppress_pagination_header"),
        input_display_value=_flag(given, "input_display_value"),
        suppress_auto_sys_field=_flag(given, "suppress_auto_sys_field"),
        filters=filters if listing else (),
    )


def first_of(call: Call, name: str, entries: Sequence[_Entry], most: int) -> Sequence[_Entry]:
    """Return the first entries of a list that a caller gives by that name; more than so many are a finding."""
    if len(entries) > most:
        more = f"{name} has {len(entries):,} entries; those after the first {most:,} were ignored"
        call.swallowed("parameter-ignored", more, name)
    return entries[:most]


def report_filters(call: Call) -> None:
    """Record that ``field=value`` pairs are ignored, since there is a query."""
    call.swallowed("filters-ignored", "field=value pairs do not go with sysparm_query: they were ignored", "url")


def page_bounds(call: Call, default: int, most: int = DEFAULT_LIMIT) -> tuple[int, int]:
    """Return limit, at most so many entries, and offset of a list; raises BadRequest."""
    return min(most, _integer(call, "sysparm_limit", min(default, most), least=0)), _offset(call)


def asked_query(
    session: Session, table: str, query: str, filters: tuple[tuple[str, str], ...], *, strict: bool = False
) -> CompiledQuery:
    """Return the query of a list: ``sysparm_query``, or ``field=value`` pairs whose values are raw or as displayed.

    Raises as `Session.accept` does.
    """
    if not filters:
        return session.compiled(table, query, strict=strict)
    raw = [(name, _raw(session, table, name, value)) for name, value in filters]
    return session.accept(table, session.equal_query(table, raw), strict=strict)


def _raw(session: Session, table: str, name: str, value: str) -> str:
    column = session.dictionary.columns(table).get(name)
    if column is None:
        return value
    if column.is_reference:
        return session.by_display(column.reference or "", value) or value
    return next((choice.value for choice in column.choices if choice.label.lower() == value.lower()), value)


def _flag(given: Mapping[str, str], name: str) -> bool:
    return given.get(PREFIX + name, "").lower() == "true"


def choice(call: Call, name: str, choices: Sequence[str]) -> str:
    """Return a parameter that is one of some words, the first of which is usual; another becomes a finding."""
    value = call.query.get(name, choices[0])
    if value.lower() in choices:  # Python writes True
        return value.lower()
    expected = f"expected one of {', '.join(filter(None, choices))}"
    call.swallowed("parameter-ignored", f"{name} is '{value}', {expected}: it was ignored", name)
    return choices[0]


def _integer(call: Call, name: str, default: int, *, least: int | None = None) -> int:
    value = call.query.get(name)
    if value is None:
        return default
    try:
        number = int(value)
    except ValueError:
        number = None
    if number is None or (least is not None and number < least):
        call.swallowed("parameter-ignored", f"{name} is '{value}', expected a whole number: it was ignored", name)
        return default
    return min(number, _MOST)


def _offset(call: Call) -> int:
    offset = _integer(call, "sysparm_offset", 0)
    if offset < 0:
        raise BadRequest("Invalid sysparm_offset", f"sysparm_offset is {offset}; expected 0 or more")
    return offset


def report_ignored(call: Call, names: Iterable[str]) -> None:
    """Record that parameters mean nothing to the one who is called."""
    for name in islice(dict.fromkeys(names), MOST_FINDINGS + 1):
        call.swallowed("parameter-ignored", f"parameter '{name}' means nothing here: it was ignored", name)
