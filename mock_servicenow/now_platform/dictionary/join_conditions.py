"""The where clauses of database views, such as ``mi_id = inc_sys_id && inc_active = true`` (Docs: database views)."""

import re
from collections.abc import Iterator
from itertools import chain

from msgspec import Struct

from mock_servicenow.now_platform.errors import Signal

LONGEST = 1_000
"""Characters of a where clause (I)."""
MOST_BRACKETS = 16
"""Brackets inside one another (I)."""
SIGNS = ("=", "!=", "<", "<=", ">", ">=")
_TOKEN = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z0-9_]*+)|(?P<text>'[^']*'|\"[^\"]*\"|-?[0-9]++(?:\.[0-9]++)?)"
    r"|(?P<sign>&&|\|\||<=|>=|!=|[=<>()])|(?P<space>\s++)|(?P<other>.)",
    re.DOTALL,
)
_WORDS = frozenset({"true", "false"})
_END = ("end", "")


class JoinConditionError(Signal):
    """A where clause cannot be read; the message completes "has where clause '…': "."""


class Name(Struct, frozen=True):
    """A column of the view."""

    text: str


class Literal(Struct, frozen=True):
    """A value; an empty one is that of an empty column."""

    text: str


class Compared(Struct, frozen=True):
    """One comparison, of which one side at least is a column."""

    left: Name | Literal
    sign: str
    right: Name | Literal


class Combined(Struct, frozen=True):
    """Conditions of which all must be met, or any."""

    every: bool
    parts: tuple["Condition", ...]


Condition = Compared | Combined


def parse(text: str) -> Condition:
    """Return the condition that a where clause states; raises JoinConditionError."""
    if len(text) > LONGEST:
        raise JoinConditionError(f"it has {len(text):,} characters; expected at most {LONGEST:,}")
    reading = _ClauseReader(text)
    condition = reading.any_of()
    reading.take_end()
    return condition


def comparisons(condition: Condition) -> Iterator[Compared]:
    """Yield every comparison in a condition."""
    if isinstance(condition, Compared):
        return iter((condition,))
    return chain.from_iterable(map(comparisons, condition.parts))


class _ClauseReader:
    """One pass over the tokens; ``&&`` binds before ``||``."""

    def __init__(self, text: str) -> None:
        found = ((str(match.lastgroup), match[0]) for match in _TOKEN.finditer(text))
        self._tokens = [each for each in found if each[0] != "space"]
        self._next = 0
        self._brackets = 0

    def any_of(self) -> Condition:
        parts = [self._all_of()]
        while self._takes("||"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else Combined(every=False, parts=tuple(parts))

    def take_end(self) -> None:
        self._expect(self._token() == _END, "&&, || or the end")

    def _all_of(self) -> Condition:
        parts = [self._term()]
        while self._takes("&&"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else Combined(every=True, parts=tuple(parts))

    def _term(self) -> Condition:
        if not self._takes("("):
            return self._comparison()
        self._brackets += 1
        if self._brackets > MOST_BRACKETS:
            raise JoinConditionError(f"it has more than {MOST_BRACKETS} brackets inside one another")
        inner = self.any_of()
        self._expect(self._takes(")"), ")")
        self._brackets -= 1
        return inner

    def _comparison(self) -> Compared:
        left = self._operand()
        sign = self._token()[1]
        self._expect(sign in SIGNS, f"one of {', '.join(SIGNS)}")
        self._next += 1
        right = self._operand()
        if isinstance(left, Literal) and isinstance(right, Literal):
            raise JoinConditionError(f"it compares '{left.text}' with '{right.text}'; expected a column")
        return Compared(left, sign, right)

    def _operand(self) -> Name | Literal:
        kind, text = self._token()
        self._expect(kind in {"name", "text"}, "a column, such as inc_sys_id, or a value")
        self._next += 1
        if kind == "name" and text not in _WORDS:
            return Name(text)
        return Literal(text[1:-1] if text[0] in "'\"" else text)

    def _takes(self, sign: str) -> bool:
        taken = self._token() == ("sign", sign)
        self._next += taken
        return taken

    def _token(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else _END

    def _expect(self, met: bool, expected: str) -> None:  # noqa: FBT001 - what is expected is said beside it
        if not met:
            found = f"'{self._token()[1]}'" if self._token() != _END else "the end"
            raise JoinConditionError(f"expected {expected}, got {found}")
