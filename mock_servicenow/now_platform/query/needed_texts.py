"""The texts that every row has that a query matches: those that an index of texts can look up."""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.column_types import CompareAs
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.text_index import indexed_column
from mock_servicenow.now_platform.query.operators import BY_SPELLING, EQUALS, TEXT_OPERATORS
from mock_servicenow.now_platform.query.script_calls import PREFIX
from mock_servicenow.now_platform.query.syntax import Condition, Group, Query, Term

_BEGIN = (EQUALS, BY_SPELLING["STARTSWITH"])
_TRIGRAM, _MOST_TRIGRAMS, _MOST_TERMS = 3, 8, 200
_MOST_PARTS, _FREQUENT = 3, 0.25  # rows with the same three characters: a search for them leaves out few


class HasText(Struct, frozen=True):
    """A column has a text somewhere, if both are folded as `UnicodeFolded` does.

    Attributes:
        begins: whether it has it at its beginning.
    """

    column: str
    text: str
    begins: bool = False


class AllOf(Struct, frozen=True):
    """A row has all of that."""

    parts: tuple["Needed", ...]


class AnyOf(Struct, frozen=True):
    """A row has any of that."""

    parts: tuple["Needed", ...]


Needed = HasText | AllOf | AnyOf
"""What the texts of every row have that a query matches."""


def needed_texts(query: Query, acting: Collection[Condition], columns: Mapping[str, Column]) -> Needed | None:
    """Return what the rows need that a query matches; None if texts say nothing about them.

    Args:
        query: the tree of the query.
        acting: its conditions that limit the rows; others may be ignored.
        columns: those of the queried table.
    """

    def of_group(group: Group) -> Needed | None:
        return _all_of(_any_of(of_term(term) for term in block) for block in group)

    def of_term(term: Term) -> Needed | None:
        return _of_condition(term, columns) if isinstance(term, Condition) and term in acting else None

    return _any_of(map(of_group, query.groups))


def _of_condition(term: Condition, columns: Mapping[str, Column]) -> Needed | None:
    column, text = columns[term.path[0]], term.value
    if len(term.path) > 1 or column.family.compare_as is not CompareAs.TEXT or term.operator not in TEXT_OPERATORS:
        return None
    if term.value.startswith(PREFIX) or not text or _is_looked_up(term, column):
        return None
    return HasText(column.name, text, begins=term.operator in _BEGIN)


def looks_up(query: Query, acting: Collection[Condition], columns: Mapping[str, Column]) -> bool:
    """Return whether every row that a query matches has one value in some column with an index of its own."""
    blocks = query.groups[0] if len(query.groups) == 1 else ()
    terms = {block[0] for block in blocks if len(block) == 1}
    return any(
        isinstance(term, Condition) and len(term.path) == 1 and _is_looked_up(term, columns[term.path[0]])
        for term in terms.intersection(acting)
    )


def _is_looked_up(term: Condition, column: Column) -> bool:
    return term.operator is EQUALS and (column.indexed or column.unique or column.is_reference)


class TermList(Protocol):
    """What an index of texts has: terms of three characters.

    Attributes:
        columns: those whose texts it has.
    """

    columns: Collection[str]

    def share(self, wanted: str) -> float:
        """Return about which share of the rows it finds."""
        ...

    def beginning(self, text: str, most: int) -> list[str] | None:
        """Return the terms that begin with a text; None if there are more than that."""
        ...


def expression(needed: Needed, terms: TermList) -> str:
    """Return what a full-text index is asked for: the rarest parts of the texts; empty if it cannot tell."""
    parts = list(dict.fromkeys(_parts(needed, terms)))
    if len(parts) < 2:  # noqa: PLR2004 - there is nothing to choose
        return "".join(parts)
    shares = {part: terms.share(part) for part in parts}
    rarest, *others = sorted(parts, key=shares.__getitem__)[:_MOST_PARTS]
    # To read where a frequent one is takes long, and leaves out few rows.
    return " AND ".join((rarest, *(part for part in others if shares[part] < _FREQUENT)))


def _parts(needed: Needed, terms: TermList) -> list[str]:
    """Return what the index may be asked for, each of which finds every row."""
    match needed:
        case HasText(column, text):
            return _of_text(column, text.casefold(), terms) if column in terms.columns else []
        case AllOf(parts):
            return [each for part in parts for each in _parts(part, terms)]
    wanted = [expression(part, terms) for part in needed.parts]
    return [f"({' OR '.join(f'({each})' for each in wanted)})"] if all(wanted) else []


def _all_of(parts: Iterable[Needed | None]) -> Needed | None:
    """Return what a row has that has all of that, where None says nothing."""
    known = tuple(part for part in parts if part is not None)
    return AllOf(known) if known else None


def _any_of(parts: Iterable[Needed | None]) -> Needed | None:
    """Return what a row has that has any of that, where None says nothing."""
    every = tuple(parts)
    known = tuple(part for part in every if part is not None)
    return AnyOf(known) if known and len(known) == len(every) else None


def _of_text(column: str, text: str, terms: TermList) -> list[str]:
    if len(text) < _TRIGRAM:
        some = terms.beginning(text, _MOST_TERMS)
        return [] if some is None else [_in_column(column, some or [text])]
    every = list(dict.fromkeys(text[start : start + _TRIGRAM] for start in range(len(text) - _TRIGRAM + 1)))
    return [_in_column(column, [each]) for each in every[:: -(-len(every) // _MOST_TRIGRAMS)]]


def _in_column(column: str, texts: Iterable[str]) -> str:
    return f"{indexed_column(column)} : ({' OR '.join(map(_phrase, texts))})"


def _phrase(text: str) -> str:
    return '"{}"'.format(text.replace('"', '""'))
