"""Life cycles as files of tables define them, and change those of parents and of earlier files."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definition_rules import expected_default
from mock_servicenow.now_platform.dictionary.definitions import Column, DictionaryError
from mock_servicenow.now_platform.dictionary.life_cycles import Effect, LifeCycle, Moves, States
from mock_servicenow.now_platform.dictionary.values import json_text
from privman_core.cuts import cut
from privman_core.near_words import hint

ANY = "any"
"""Says that every state may follow a state."""
_PLACEHOLDERS = frozenset({"from", "to"})
_IN_BRACES = re.compile(r"\{([^{}]*)\}")
_LONGEST_LIST = 200
_DOES = ("set", "fill", "clear", "elapsed", "count")
_TAKEN_OVER = ("column", "mirror", "kind", "invalid_move", "rule", "message")
Said = Mapping[str, Any]
Columns = Mapping[str, Column]


def life_cycle(said: Said, before: LifeCycle) -> LifeCycle:
    """Return a life cycle as the checked keys of a definition change it."""
    cycle = replace(before, **{key: said[key] for key in _TAKEN_OVER if key in said})
    given = {_text(kind): moves for kind, moves in said.get("moves_by_kind", {}).items()}
    by_kind = {kind: {**cycle.moves_by_kind.get(kind, {}), **_moves(moves)} for kind, moves in given.items()}
    effects = {**cycle.effects, **{name: _effect(each, cycle) for name, each in said.get("effects", {}).items()}}
    return replace(
        cycle,
        moves={**cycle.moves, **_moves(said.get("moves", {}))},
        moves_by_kind={**cycle.moves_by_kind, **by_kind},
        effects={name: effect for name, effect in effects.items() if effect is not None},
    )


def _moves(said: Mapping[Any, Any]) -> Moves:
    return {_text(state): None if following == ANY else _states(following) for state, following in said.items()}


def _states(said: Iterable[Any]) -> States:
    return frozenset(map(_text, said))


def _effect(said: Said | None, cycle: LifeCycle) -> Effect | None:
    """Return an effect; None if the file takes it away."""
    if said is None:
        return None
    return Effect(
        column=said.get("column", cycle.column),
        into=_states(said.get("into", ())),
        out_of=_states(said.get("out_of", ())),
        set={name: _text(value) for name, value in said.get("set", {}).items()},
        fill={name: _text(value) for name, value in said.get("fill", {}).items()},
        clear=tuple(said.get("clear", ())),
        elapsed={name: (since, until) for name, (since, until) in said.get("elapsed", {}).items()},
        count=said.get("count", ""),
    )


def _text(value: object) -> str:
    return json_text(value)


def check_life_cycle(table: str, said: Said, cycle: LifeCycle, columns: Columns) -> None:
    """Check what a file says of a life cycle.

    Args:
        table: its name.
        said: the checked keys of the definition; what it leaves out was checked before.
        cycle: what they make of it.
        columns: those of the table.

    Raises:
        DictionaryError: it names a column or a state that the table lacks, a state cannot be reached, or a value does
            not fit its column.
    """
    _Check(table, columns, cycle).check(said)


class _Check:
    def __init__(self, table: str, columns: Columns, cycle: LifeCycle) -> None:
        self._table = table
        self._columns = columns
        self._cycle = cycle

    def check(self, said: Said) -> None:
        self._column(self._cycle.column, "column")
        for key in ("mirror", "kind"):
            if key in said:
                self._column(said[key], key)
        for name in _IN_BRACES.findall(said.get("message", "")):
            if name not in _PLACEHOLDERS:
                raise self._error(f"message has '{{{name}}}'; expected {{from}} or {{to}}", "message")
        self._moves(said)
        self._mirror()
        for name, given in said.get("effects", {}).items():
            if given is not None and name in self._cycle.effects:  # a later file may take it away
                self._effect(name, given)

    def _mirror(self) -> None:
        column, mirror = self._cycle.column, self._cycle.mirror
        if mirror and self._columns[mirror].type != self._columns[column].type:
            expected = f"expected '{self._columns[column].type}', as '{column}' has"
            raise self._error(f"mirror '{mirror}' has type '{self._columns[mirror].type}'; {expected}", "mirror")

    def _moves(self, said: Said) -> None:
        self._named(self._cycle.column, _all_states(said.get("moves", {})), "moves")
        by_kind = said.get("moves_by_kind", {})
        if by_kind and not self._cycle.kind:
            raise self._error("has moves_by_kind and no kind; expected the column that holds it", "moves_by_kind")
        if by_kind:
            self._named(self._cycle.kind, map(_text, by_kind), "moves_by_kind")
        for moves in by_kind.values():
            self._named(self._cycle.column, _all_states(moves), "moves_by_kind")
        for kind in ["", *self._cycle.moves_by_kind]:
            self._reached(kind)

    def _reached(self, kind: str) -> None:
        """Raise DictionaryError for a state with moves to which no move leads from the state of a new record."""
        first, moves = self._columns[self._cycle.column].default, self._cycle.of_kind(kind)
        reached, waiting = set[str](), [first or ""]
        while waiting:
            state = waiting.pop()
            following = moves.get(state)
            if following is None:
                return
            reached.add(state)
            waiting += following - reached
        named = self._cycle.moves_by_kind[kind] if kind else moves
        lost = next((state for state in named if state not in reached), None)
        if lost is not None:
            of_kind, key = (f" of kind '{kind}'", "moves_by_kind") if kind else ("", "moves")
            raise self._error(
                f"state '{lost}'{of_kind} cannot be reached from '{first}', the state of a new record", key
            )

    def _effect(self, name: str, given: Said) -> None:
        path = ("effects", name)
        effect = self._cycle.effects[name]
        self._column(effect.column, *path)
        self._named(effect.column, [*effect.into, *effect.out_of], *path)
        measured = (name for each in effect.elapsed.items() for name in (each[0], *each[1]))
        for changed in (*effect.set, *effect.fill, *effect.clear, *measured, *filter(None, [effect.count])):
            self._column(changed, *path)
        for column, ends in effect.elapsed.items():
            self._elapsed(column, ends, *path)
        for column, value in (*effect.set.items(), *effect.fill.items()):
            self._value(column, value, *path)
        if effect.count and self._columns[effect.count].family is not Family.INTEGER:
            raise self._error(f"effect '{name}' counts in '{effect.count}'; expected a column of type integer", *path)
        if not given.keys() & _DOES:
            told = f"{', '.join(_DOES[:-1])} and {_DOES[-1]}"
            raise self._error(f"effect '{name}' has none of {told}; expected one of them", *path)

    def _elapsed(self, column: str, ends: tuple[str, str], *path: str) -> None:
        if self._columns[column].family not in {Family.INTEGER, Family.DURATION}:
            expected = "expected a column of type integer or glide_duration"
            raise self._error(f"measures in '{column}'; {expected}", *path)
        for end in ends:
            if self._columns[end].family is not Family.DATE_TIME:
                raise self._error(f"measures from '{end}'; expected a column of type glide_date_time", *path)

    def _column(self, name: str, *path: str) -> None:
        if name not in self._columns:
            near = hint(name, self._columns, len(self._columns))
            raise self._error(f"has column '{name}'{near}, which is not defined", *path)

    def _named(self, column: str, states: Iterable[str], *path: str) -> None:
        """Raise DictionaryError for a state that is none of the column's choices, if it has choices."""
        known = [choice.value for choice in self._columns[column].choices]
        for state in states:
            if known and state not in known:
                expected = f"expected one of the choices of '{column}': {cut(', '.join(known), _LONGEST_LIST)}"
                raise self._error(f"has state '{state}'{hint(state, known, len(known))}; {expected}", *path)

    def _value(self, column: str, value: str, *path: str) -> None:
        if expected := expected_default(replace(self._columns[column], default=value)):
            raise self._error(f"sets '{column}' to '{value}'; expected {expected}", *path)

    def _error(self, what: str, *path: str) -> DictionaryError:
        return DictionaryError(f"table '{self._table}', life_cycle {what}", self._table, "life_cycle", *path)


def _all_states(moves: Mapping[Any, Any]) -> Iterator[str]:
    """Yield the states that moves name."""
    for state, following in moves.items():
        yield _text(state)
        yield from () if following == ANY else map(_text, following)
