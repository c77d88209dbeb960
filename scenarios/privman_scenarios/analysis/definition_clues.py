"""Find the app's tables, columns and roles among those of an instance, by what its dictionary and its rows show."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from privman_contracts import WireNames
from privman_contracts.wire_names import WireName
from privman_core.near_words import bare, likeness
from privman_scenarios.analysis.instance_facts import APPS, TEXT, CannotLearnError, Grant, InstanceFacts, SeenColumn
from privman_scenarios.analysis.narrowing import Clue, Narrowing
from privman_scenarios.analysis.table_structure import STRUCTURE, TableStructure
from privman_scenarios.analysis.value_forms import FORMS

ALONE = "the only one left that can be it"
_MOST_OF = 0.6
_ALIKE = 0.6


def find_tables(facts: InstanceFacts, names: WireNames, prefix: str) -> Narrowing[str]:
    """Return the app's tables, those of the scope first; raises CannotLearnError where several fit a name alike."""
    wanted = [name for name in names if name.group == "tables"]
    of_apps = [table for table in facts.tables if table.startswith(APPS)]
    narrowing = Narrowing(dict.fromkeys(wanted, of_apps))
    clues = (spelling, *_table_clues(facts, names))
    narrowing.follow(_in_scope(clue, prefix) for clue in clues)
    narrowing.follow(clues)
    for name, left in narrowing.unresolved.items():
        if narrowing.is_narrowed(name):
            raise CannotLearnError(_twins(name, left, facts))
    _follow_structure(narrowing, facts, names, prefix)
    return narrowing


def _follow_structure(narrowing: Narrowing[str], facts: InstanceFacts, names: WireNames, prefix: str) -> None:
    """Take the tables whose labels and names say nothing by their columns and references."""
    known = {word_of(path): each.candidate for path, each in narrowing.found.items()}
    left = {table: None for tables in narrowing.unresolved.values() for table in tables}
    of_scope = [table for table in left if table.startswith(prefix)] or [*left]
    assigned = TableStructure(facts, names, [*known.values(), *of_scope]).assign(known)
    narrowing.follow([lambda name, table: STRUCTURE if assigned.get(name.word) == table else ""])


def _twins(name: WireName, tables: Sequence[str], facts: InstanceFacts) -> str:
    described = " and ".join(f"{table} ({facts.tables[table].label!r})" for table in sorted(tables))
    return (
        f"sys_db_object has more than one table that can be {name.path}: {described}. Expected one; --prefix chooses."
    )


def spelling(name: WireName, candidate: str) -> str:
    """Point at a candidate that is spelled as the name is."""
    return f"name {candidate!r}" if candidate == name.value else ""


def _in_scope(clue: Clue[str], prefix: str) -> Clue[str]:
    return lambda name, table: clue(name, table) if table.startswith(prefix) else ""


def _table_clues(facts: InstanceFacts, names: WireNames) -> Iterator[Clue[str]]:
    def label(name: WireName, table: str) -> str:
        return _label(name, facts.tables[table].label)

    def ending(name: WireName, table: str) -> str:
        return f"name {table!r}" if table.endswith(f"_{name.word}") else ""

    def columns(name: WireName, table: str) -> str:
        wanted = [each for each in names if each.group == f"columns.{name.word}"]
        seen = facts.columns_of(table)
        labels = {bare(column.label) for column in seen.values()}
        known = [each for each in wanted if each.value in seen or labels.intersection(map(bare, each.labels))]
        return f"{len(known)} of its {len(wanted)} columns" if len(known) >= _MOST_OF * len(wanted) else ""

    yield from (label, ending, columns)


def _label(name: WireName, label: str) -> str:
    return f"label {label!r}" if bare(label) in map(bare, name.labels) else ""


# The characters that a column of text needs at least.
_SHORTEST: Mapping[str, int] = {"guid": 36, "reference": 32, "json": 100, "duration": 8}

# The status of a delivery without an answer.
_NO_ANSWER = "0"
_TELLING_VALUES: Mapping[str, tuple[re.Pattern[str], str]] = {
    "valid_responses": (re.compile(r"[^\W\d_]{1,30}(,[^\W\d_]{1,30}){1,9}"), "words joined by commas"),
    "response_status_code": (re.compile(r"[1-5][0-9]{2}"), "HTTP statuses"),
}


class ColumnClues:
    """What points at the columns of the app.

    Args:
        tables: the app's, by their canonical names.
    """

    def __init__(self, facts: InstanceFacts, names: WireNames, tables: Mapping[str, str]) -> None:
        self._facts = facts
        self._names = names
        self._tables = tables

    def find(self) -> Narrowing[SeenColumn]:
        """Return the app's columns, as far as clues lead."""
        wanted = [name for name in names_of_columns(self._names) if _table_of(name) in self._tables]
        narrowing = Narrowing({name: self._candidates(name) for name in wanted})
        narrowing.follow(each for clue in self._clues() for each in (self._own(clue), clue))
        narrowing.settle((name for name in wanted if not name.optional), ALONE)
        return narrowing

    def _candidates(self, name: WireName) -> list[SeenColumn]:
        """Return the columns whose type and rows do not speak against it."""
        columns = self._facts.columns_of(self._tables[_table_of(name)])
        return [column for column in columns.values() if self._can_hold(name, column)]

    def _can_hold(self, name: WireName, column: SeenColumn) -> bool:
        holds, family = self._holds(name), column.family
        if family == "reference" and self._target(name) != column.reference:
            return False
        if family not in (TEXT, holds):
            return False
        if family == TEXT and 0 < column.max_length < _SHORTEST.get(holds, 0):
            return False
        values = self._values(column)
        return all(FORMS[holds].is_one(value) for value in values) if holds in FORMS else True

    def _holds(self, name: WireName) -> str:
        return "reference" if name.holds in self._names.group("tables") else name.holds

    def _target(self, name: WireName) -> str:
        """Return the table whose sys_ids a column holds; empty for one that holds something else."""
        return self._tables.get(name.holds, "")

    def _values(self, column: SeenColumn) -> list[str]:
        return self._facts.values(column.table, column.name)

    def _clues(self) -> Iterator[Clue[SeenColumn]]:
        yield lambda name, column: _label(name, column.label)
        yield self._reference
        yield lambda name, column: spelling(name, column.name)
        yield self._form
        yield self._telling_values
        yield self._known_words
        yield self._type
        yield lambda name, column: alike(name, column.name, column.label)

    def _own(self, clue: Clue[SeenColumn]) -> Clue[SeenColumn]:
        """Return the clue for columns of the table itself, which those of an app are likelier to be."""
        own = self._facts.columns
        return lambda name, column: clue(name, column) if column.name in own.get(column.table, ()) else ""

    def _reference(self, name: WireName, column: SeenColumn) -> str:
        target = self._target(name)
        if target and column.reference == target:
            return f"reference to {target}"
        rows = {row.get("sys_id", "") for row in self._facts.rows.get(target, ())}
        return f"sys_ids of {target}" if target and rows.intersection(self._values(column)) else ""

    def _form(self, name: WireName, column: SeenColumn) -> str:
        """Point at a column whose values have a form that hardly any other column has."""
        form = FORMS.get(name.holds)
        return f"its values are {form.words}" if form and self._values(column) else ""

    def _telling_values(self, name: WireName, column: SeenColumn) -> str:
        """Point at a column whose values only this column of the app has."""
        pattern, words = _TELLING_VALUES.get(name.word, (None, ""))
        values = {*self._values(column)} - {_NO_ANSWER}
        return f"its values are {words}" if pattern and values and all(map(pattern.fullmatch, values)) else ""

    def _known_words(self, name: WireName, column: SeenColumn) -> str:
        words = {word for group in name.words for word in self._names.group(f"words.{group}").values()}
        said = {*self._facts.choices_of(column)}
        said.update(part for value in self._values(column) for part in value.split(","))
        known = sorted(words & said)
        return f"its values, such as {known[0]!r}" if known else ""

    def _type(self, name: WireName, column: SeenColumn) -> str:
        return f"type {column.type}" if column.family == name.holds else ""


def alike(name: WireName, *candidate: str) -> str:
    """Point at a candidate with a word like the name or one of its labels."""
    ours = (str(name.value), *name.labels)
    is_alike = any(likeness(one, other) >= _ALIKE for one in ours for other in candidate if other)
    return f"name like {name.value!r}" if is_alike else ""


def names_of_columns(names: WireNames) -> Iterator[WireName]:
    """Yield the columns of the app's tables."""
    return (name for name in names if name.path.startswith("columns."))


def _table_of(name: WireName) -> str:
    return word_of(name.group)


def word_of(path: str) -> str:
    """Return the last word of a path of names."""
    return path.rpartition(".")[2]


# What each role may do to the records of which tables, and what it may not, as the app's pages have it.
_MAY: Mapping[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "approver": (("request", "write"), ("activity_type", "write")),
    "admin": (("activity_type", "write"), ("", "")),
}


def find_roles(
    facts: InstanceFacts, names: WireNames, tables: Mapping[str, str], scopes: Iterable[str]
) -> Narrowing[str]:
    """Return the app's roles: by name, by what they may do, or by likeness."""
    wanted = [name for name in names if name.group == "roles"]
    prefixes = tuple(f"{scope.rstrip('_')}." for scope in scopes)

    def granted(name: WireName, role: str) -> str:
        may, may_not = (Grant(tables.get(table, ""), operation, role) for table, operation in _MAY[name.word])
        return f"it may {may.operation} {may.table}" if may in facts.grants and may_not not in facts.grants else ""

    def of_scope(name: WireName, role: str) -> str:
        return ending(name, role) if role.startswith(prefixes) else ""

    def ending(name: WireName, role: str) -> str:
        return f"name {role!r}" if name.word in bare(role.rpartition(".")[2]) else ""

    narrowing = Narrowing({name: [*facts.roles] for name in wanted})
    narrowing.follow((spelling, granted, of_scope, ending))
    return narrowing
