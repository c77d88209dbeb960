"""Encoded queries parsed into trees."""

import re
from collections import deque
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.values import UNSTORABLE
from mock_servicenow.now_platform.query.operators import BY_SPELLING, Operator
from privman_core.secret_names import end_of_secret_name, is_secret_field
from privman_core.sized_cache import SizedCache


class Condition(Struct, frozen=True):
    """One test of one column.

    Attributes:
        text: the term as the caller wrote it, without its connector.
        path: column names; all but the last are references to walk through.
        value: the rest of the term, as written; may start with ``javascript:``.
    """

    text: str
    path: tuple[str, ...]
    operator: Operator
    value: str


class Ignored(Struct, frozen=True):
    """A term without effect.

    Attributes:
        invalid: whether the platform counts it as an invalid query; the others are harmless.
    """

    text: str
    reason: str
    invalid: bool = True


class RelatedList(Struct, frozen=True):
    """``RLQUERY``: how many rows of ``table`` point here and satisfy ``where``.

    Attributes:
        field: the column of the related table that refers to this row.
        comparison: ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``, before the count.
    """

    text: str
    table: str
    field: str
    comparison: str
    count: int
    where: "Query"


class SemiJoin(Struct, frozen=True):
    """``JOIN`` or ``SUBQUERY``: some row of ``joined_table`` matches this row's ``field``.

    Attributes:
        table: the table that ``field`` belongs to: the queried one or one joined before; empty for
            ``SUBQUERY``, which always means the queried one.
    """

    text: str
    table: str
    field: str
    joined_table: str
    joined_field: str
    where: "Query"


class TextSearch(Struct, frozen=True):
    """``123TEXTQUERY321``: every word occurs somewhere in the row."""

    text: str
    words: tuple[str, ...]


Term = Condition | Ignored | RelatedList | SemiJoin | TextSearch
Block = tuple[Term, ...]
Group = tuple[Block, ...]


class Order(Struct, frozen=True):
    """One ``ORDERBY`` or ``ORDERBYDESC``."""

    text: str
    path: tuple[str, ...]
    descending: bool


class Query(Struct, frozen=True):
    """A whole query: a row matches if any group matches.

    Attributes:
        groups: split at ``^NQ``; a group matches if each of its blocks does, a block if any of its terms does.
        order: in the order given.
        group_by: column paths, which group a list page and have no effect on the REST APIs.
    """

    groups: tuple[Group, ...] = ()
    order: tuple[Order, ...] = ()
    group_by: tuple[str, ...] = ()


MAX_NESTING = 3  # related lists and sub-queries inside one another
MAX_WORDS = 32
_REMEMBERED = 64 * 1024  # characters of all parsed queries; their trees take a hundred times as many bytes

_SPELLINGS = "|".join(re.escape(spelling) for spelling in sorted(BY_SPELLING, key=len, reverse=True))
# Column names are lower case and operators are not, so the longest run of name characters is the column.
_CONDITION = re.compile(rf"([a-z0-9_.]++)({_SPELLINGS})(.*)", re.DOTALL)
_RELATED_LIST = re.compile(
    r"RLQUERY(\w+)\.(\w+),(>=|<=|!=|=|>|<)([0-9]{1,9})(?:,m2m)?(?:,(?P<first>.*))?", re.DOTALL | re.ASCII
)
_SUBQUERY = re.compile(r"SUBQUERY(\w+),(\w+),(\w+)", re.ASCII)
_JOIN = re.compile(r"JOIN(\w+)\.(\w+)=(\w+)\.(\w+)!(.*)", re.DOTALL | re.ASCII)


class Parser:
    """Parses encoded queries and remembers the last ones, up to a total length."""

    def __init__(self) -> None:
        self._remembered = SizedCache[str, Query](_REMEMBERED, lambda text, _query: len(text) + 1)

    def parse(self, text: str) -> Query:
        """Return the tree of a query; see `parse`."""
        return self._remembered.made(text, lambda: parse(text))


def parse(text: str) -> Query:
    """Return the tree of an encoded query, in time linear in its length.

    Never fails: an invalid term becomes an `Ignored` term with the reason. Characters that no
    database stores (NUL, lone surrogates) are read as U+FFFD.
    """
    return _Parsing(deque(UNSTORABLE.sub("\ufffd", text).split("^")), nesting=0).query()


class _Parsing:
    """One pass over the terms of a query, or of a clause in it."""

    def __init__(self, tokens: deque[str], nesting: int) -> None:
        self._tokens = tokens
        self._nesting = nesting
        self._compares_secret = False
        self._groups: list[list[list[Term]]] = [[]]
        self._order: list[Order] = []
        self._group_by: list[str] = []

    def query(self, end: str | None = None) -> Query:
        """Read up to the term ``end``, which is consumed, or to the last one."""
        begun = False
        while self._tokens:
            token = self._tokens.popleft()
            if token == end:
                break
            if token:
                self._term(token)
                begun = True
            elif self._tokens and begun and not self._nesting:
                self._add(Ignored("^^", "it is an empty condition, not an escaped caret", invalid=False))
        groups = tuple(tuple(map(tuple, group)) for group in self._groups)
        return Query(groups, tuple(self._order), tuple(self._group_by))

    def _term(self, token: str) -> None:
        joined = token[2:] if _is_connector(token) else token
        clause = self._clause(joined)
        if clause is not None:
            self._add(clause)
        elif token.startswith("NQ"):
            self._groups.append([])
            self._simple(joined, either=False)
        else:
            self._simple(joined, either=joined is not token)

    def _simple(self, token: str, *, either: bool) -> None:
        if token in ("", "EQ"):
            return
        if token.startswith("ORDERBY"):
            self._order.append(_order(token))
        elif token.startswith("GROUPBY"):
            self._group_by.append(token[7:])
        else:
            term = self._join(token) if token.startswith("JOIN") else _leaf(token)
            self._add(self._discreet(term), either=either)

    def _discreet(self, term: Term) -> Term:
        """Hide what may be a secret in a term without effect: a value after a misspelt operator, or the rest of one."""
        if isinstance(term, Condition):
            self._compares_secret = is_secret_field(term.path[-1])
        if not isinstance(term, Ignored):
            return term
        name = end_of_secret_name(term.text)
        return replace(term, text=f"{term.text[:name]}…") if name or self._compares_secret else term

    def _add(self, term: Term, *, either: bool = False) -> None:
        blocks = self._groups[-1]
        if either and blocks:
            blocks[-1].append(term)
        else:
            blocks.append([term])

    def _clause(self, token: str) -> Term | None:
        """Read a clause up to its end mark; such clauses are never joined by OR or NQ (field reports)."""
        if token.startswith("RLQUERY"):
            return self._related_list(token)
        if token.startswith("SUBQUERY"):
            return self._subquery(token)
        return None

    def _related_list(self, token: str) -> Term:
        header = _RELATED_LIST.fullmatch(token)
        if header is not None and header["first"]:
            self._tokens.appendleft(header["first"])
        where = self._inner("ENDRLQUERY")
        if header is None:
            return Ignored(token, "expected RLQUERY{table}.{field},{comparison}{count}")
        if where is None:
            return _too_deep(token)
        return RelatedList(token, header[1], header[2], header[3], int(header[4]), where)

    def _subquery(self, token: str) -> Term:
        header = _SUBQUERY.fullmatch(token)
        where = self._inner("ENDSUBQUERY")
        if header is None:
            return Ignored(token, "expected SUBQUERY{field},{related field},{related table}")
        if where is None:
            return _too_deep(token)
        return SemiJoin(token, "", header[1], header[3], header[2], where)

    def _join(self, token: str) -> Term:
        header = _JOIN.fullmatch(token)
        if header is None:
            return Ignored(token, "expected JOIN{table}.{field}={joined table}.{field}!{conditions}")
        conditions = deque([header[5], *self._doubled()])
        if self._nesting >= MAX_NESTING:
            return _too_deep(token)
        where = _Parsing(conditions, self._nesting + 1).query()
        return SemiJoin(token, header[1], header[2], header[3], header[4], where)

    def _doubled(self) -> Iterable[str]:
        """Take the terms that a doubled caret attaches to the join before them (field reports)."""
        while len(self._tokens) > 1 and not self._tokens[0]:
            self._tokens.popleft()
            yield self._tokens.popleft()

    def _inner(self, end: str) -> Query | None:
        if self._nesting >= MAX_NESTING:
            self._skip(end)
            return None
        return _Parsing(self._tokens, self._nesting + 1).query(end)

    def _skip(self, end: str) -> None:
        depth, opening = 1, end.removeprefix("END")
        while self._tokens and depth:
            following = self._tokens.popleft()
            depth += following.startswith(opening) - (following == end)


def as_operand(text: str) -> str:
    """Return a text that is one value, or one column's name, within an encoded query: a caret would end it."""
    return text.replace("^", " ")


def _is_connector(token: str) -> bool:
    return token.startswith(("OR", "NQ")) and not token.startswith("ORDERBY")


def _order(token: str) -> Order:
    descending = token.startswith("ORDERBYDESC")
    return Order(token, tuple(token[11 if descending else 7 :].split(".")), descending)


def _leaf(token: str) -> Term:
    match = _CONDITION.fullmatch(token)
    if match is not None:
        return Condition(token, tuple(match[1].split(".")), BY_SPELLING[match[2]], match[3])
    if token.startswith("123TEXTQUERY321="):
        words = tuple(token[16:].split(maxsplit=MAX_WORDS)[:MAX_WORDS])
        return TextSearch(token, words) if words else Ignored(token, "it names no word", invalid=False)
    if token.startswith("123TEXTINDEXGROUP321="):
        return Ignored(token, "text index groups do not exist", invalid=False)
    return Ignored(token, "expected a column name, an operator and a value, without spaces between them")


def _too_deep(token: str) -> Ignored:
    return Ignored(token, f"clauses nest deeper than {MAX_NESTING}")
