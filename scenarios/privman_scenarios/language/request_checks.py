"""Checks of what a step asks for: methods, paths, queries, tables and columns."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from glob import escape
from http import HTTPStatus
from typing import Any, NamedTuple, get_args
from urllib.parse import parse_qsl, unquote

from privman_contracts import PartyName
from privman_scenarios.language import known, message_places
from privman_scenarios.language.checks import Check, Flaw, below, glob
from privman_scenarios.language.expected_checks import BodyKeys, KnownWords, flaws_of_expectation, respelt_keys, retries
from privman_scenarios.language.known import unknown
from privman_scenarios.language.model import Arguments, Own, file_columns

_TABLE = re.compile(r"/api/now/(?:v[12]/)?(?:table|stats)/([^/?]+)")
_TERM = re.compile(r"(?:NQ|OR|EQ)*(?:ORDERBYDESC|ORDERBY|GROUPBY)?([a-z_][a-z0-9_]*+)(.*)", re.DOTALL)
_COMPARED = re.compile(r"(!?=|NOT IN|IN)(.*)", re.DOTALL)
_RETRIES = "retry_attempts"
_SCRIPT = "javascript:"


class ColumnCondition(NamedTuple):
    """One condition.

    Attributes:
        values: what the column is compared with; empty where nobody can tell.
    """

    column: str
    values: tuple[str, ...]


def table_of(path: str) -> str:
    """Return the table whose records a path asks for, as it is sent; empty where it asks for something else."""
    found = _TABLE.match(unquote(path.partition("?")[0]))
    return found[1] if found else ""


def query_conditions(path: str) -> Iterator[ColumnCondition]:
    """Yield each condition of the query, in ``sysparm_query`` or as a parameter of its own."""
    for name, value in parse_qsl(path.partition("?")[2], keep_blank_values=True):
        if name == "sysparm_query":
            yield from (_condition(*term.groups()) for term in map(_TERM.fullmatch, value.split("^")) if term)
        elif not name.startswith("sysparm_"):
            column, dot, _ = name.partition(".")
            yield ColumnCondition(column, () if dot else (value,))


def _condition(column: str, rest: str) -> ColumnCondition:
    compared = _COMPARED.fullmatch(rest)
    if compared is None or compared[2].startswith(_SCRIPT):
        return ColumnCondition(column, ())
    return ColumnCondition(column, tuple(compared[2].split(",")) if compared[1].endswith("IN") else (compared[2],))


_CONTROL_PLANES = ("/__admin", "/__cockpit")
# The Table API has the same paths without a version.
_VERSION = re.compile(r"^(/api/now/)v[12]/")


_SYS_ID = re.compile(r"[0-9a-f]{32}")


def asked_path(party: PartyName) -> Check:
    """Return the check of a glob of paths that are asked of a party."""

    def check(value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        yield from _path("path", get_args(PartyName), value, own) or _path(
            f"path asked of {party}", [party], value, own
        )

    return check


def exchanged_path(party: PartyName) -> Check:
    """Return the check of a glob of paths in a party's journal, in the direction that the step names."""
    other: PartyName = "console" if party == "servicenow" else "servicenow"
    by_direction = {"in": asked_path(party), "out": asked_path(other)}

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        if of_direction := by_direction.get(arguments.get("direction", "")):
            return of_direction(value, arguments, own)
        return iter(_path("path", get_args(PartyName), value, own))

    return check


def _path(what: str, parties: Sequence[PartyName], value: object, own: Own) -> list[Flaw]:
    """Return the flaw of a glob that fits no path that is asked of these parties."""
    paths = [path for party in parties for _, path in _asked_of(party, own)]
    flaws = glob(what, lambda: paths, "paths")(value, {}, own)
    return [Flaw(flaw.path, known.without_sys_ids(flaw.message)) for flaw in flaws]


def _asked_of(party: PartyName, own: Own) -> tuple[tuple[str, str], ...]:
    further = known.asked_of_tables(own.get("tables", ())) if party == "servicenow" else ()
    return (*known.asked_of(party), *further)


def asked_method(party: PartyName) -> Check:
    """Return the check of a method by which a party is asked for what fits the step's path."""

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        return _method((party,), value, arguments, own)

    return check


def exchanged_method(party: PartyName) -> Check:
    """Return the check of the method of exchanges in a party's journal."""
    other: PartyName = "console" if party == "servicenow" else "servicenow"
    asked: Mapping[str, tuple[PartyName, ...]] = {"in": (party,), "out": (other,)}

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        return _method(asked.get(arguments.get("direction", ""), (party, other)), value, arguments, own)

    return check


def called_path(party: PartyName) -> Check:
    """Return the check of a path that a step asks a party for, and of what it asks of a control plane."""

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        path = _VERSION.sub(r"\1", unquote(value.partition("?")[0]))
        if path.lower().startswith(_CONTROL_PLANES):
            yield from _changed_control_plane(value, arguments)
        elif not arguments.get("unknown_path") and not any(fnmatchcase(path, each) for each in own.get("paths", ())):
            for flaw in _path(f"path of {party}", [party], escape(path), own):
                yield Flaw((), f"{flaw.message} If it is meant, say 'unknown_path: true'.")
        if party == "servicenow":
            yield from _query(value, own)

    return check


def _query(path: str, own: Own) -> Iterator[Flaw]:
    """Find unknown columns and words in the query of a path, by which no record of a known table is found."""
    tables = {wire: table for table, wire in known.names().group("tables").items()}
    asked = table_of(path)
    table = tables.get(asked, asked)
    for column, values in query_conditions(path):
        for value in values or ("",):
            yield from (Flaw((), flaw.message) for flaw in where({column: value}, {"table": table}, own))


def _changed_control_plane(path: str, arguments: Arguments) -> Iterator[Flaw]:
    """Find a change in a control plane: journal, findings and faults tell whether the scenario holds."""
    if arguments.get("method", "GET") not in known.READING:
        yield Flaw((), f"{path!r} changes what the run checks. Expected a step such as clear-faults or restart.")


def sent_body(_value: object, arguments: Arguments, _own: Own) -> Iterator[Flaw]:
    """Find a body that is not sent, or that nobody reads."""
    method = arguments.get("method", "GET")
    if "json" in arguments and "text" in arguments:
        yield Flaw((), "'json' and 'text' are both there, and one body is sent. Expected one of them.")
    elif method in known.WITHOUT_BODY:
        yield Flaw((), f"{method} has no body. Expected another method, such as POST.")


def asked_status(value: object, arguments: Arguments, _own: Own) -> Iterator[Flaw]:
    """Find a 401 that is certain, since the step leaves out who asks."""
    names_user = "by" in arguments or any(name.lower() == "authorization" for name in arguments.get("headers", ()))
    if value == HTTPStatus.UNAUTHORIZED and not names_user:
        yield Flaw((), "without 'by' nobody asks, so that 401 is certain. Expected 'by', which is '' for nobody.")


def sent_columns(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find unknown columns, and unknown words in them, in a record that is sent, which may hold odd values, too."""
    plain = {column: "" if isinstance(each, Mapping | list) else each for column, each in value.items()}
    return columns(plain, arguments, own)


def columns(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find unknown columns, and unknown words in them, of the table that the step names."""
    table = arguments.get("table", "")
    is_of_app = table in known.names().group("tables")
    valid = [*dict.fromkeys((*(known.columns(table) if is_of_app else ()), *file_columns(own, table)))]
    for column, each in value.items() if valid else ():  # else the user's own
        if column not in (*valid, *own.get("columns", ())):
            yield Flaw((column,), unknown(f"column of {table}", column, valid, "columns"))
        elif is_of_app:
            yield from column_of(table, column)(each, arguments, own, (column,))


def where(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find unknown columns and words in the values that select records, and values that are not plain.

    A way through a reference is one: an answer without that column does not tell whether the instance has followed it.
    """
    walks = [column for column in value if "." in column]
    for column in walks:
        expected = f"Expected a column of its own, such as {column.partition('.')[0]!r} with a sys_id"
        yield Flaw((column,), f"{column!r} walks through a reference, by which no record is selected. {expected}.")
    if walks:
        return
    yield from sent_columns(value, arguments, own)
    for column, each in value.items():
        if expected := _selecting(arguments.get("table"), column, each, own):
            yield Flaw((column,), f"{column!r} is {each!r}, which selects nothing. Expected {expected}.")


def _selecting(table: object, column: str, value: object, own: Own) -> str:
    """Return what would select records where the value can never be in that column; empty where it can."""
    if isinstance(value, Mapping | list) or value is None:
        return "a plain value ('' where there must be none)"
    if table not in known.names().group("tables") or column in own.get("columns", ()):
        return ""
    if isinstance(value, str):
        return _identifying(column, value)
    holds_it = known.FLAGS if isinstance(value, bool) else known.NUMBERS
    return "" if column in holds_it else "text"


def _identifying(column: str, text: str) -> str:
    """Return which identifier the column holds where the text is one of the other kind; empty where it may be there."""
    if column in known.OF_SYS_IDS and known.GUID.fullmatch(text):
        return "a sys_id"
    return "a GUID" if column in known.GUIDS and _SYS_ID.fullmatch(text) else ""


def column_of(table: str, column: str) -> Callable[..., Iterator[Flaw]]:
    """Return the check of a value, or of what is expected of it, in one column."""

    def check(value: Any, _arguments: Arguments, own: Own, path: tuple[str | int, ...] = ()) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        if column in known.JSON_COLUMNS:
            place = message_places.of_column(column)
            flaws = [*BodyKeys(place, own).flaws(value)] or respelt_keys(value, place, own)
            return below(path, flaws)
        if column == _RETRIES and (flaw := retries(value)):
            return iter([Flaw(path, flaw)])
        always = column in known.SYSTEM_COLUMNS
        return flaws_of_expectation(
            KnownWords(f"{table}.{column}", known.words(table, column), "words", always), value, path, own
        )

    return check


def _method(parties: Sequence[PartyName], method: str, arguments: Arguments, own: Own) -> Iterator[Flaw]:
    path = str(arguments.get("path", "*"))
    if path in own.get("paths", ()) or method in known.OF_ANY_PATH:
        return
    fitting = [asked for each in parties for asked, of in _asked_of(each, own) if known.fits(path, of)]
    if fitting and method not in fitting:
        methods = ", ".join(dict.fromkeys(fitting))
        yield Flaw((), f"nobody asks for {arguments.get('path', 'anything')!r} by {method}. Expected one of {methods}.")
