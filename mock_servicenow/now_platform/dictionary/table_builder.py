"""One table of a file, built on the tables before it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definition_rules import expected_default, stored_default
from mock_servicenow.now_platform.dictionary.definitions import (
    Acl,
    Choice,
    Column,
    JoinedTable,
    Table,
    to_label,
)
from mock_servicenow.now_platform.dictionary.dictionary import is_scripted
from mock_servicenow.now_platform.dictionary.life_cycle_files import life_cycle
from mock_servicenow.now_platform.dictionary.life_cycles import LifeCycle
from mock_servicenow.now_platform.dictionary.located_files import FilePlace, Step
from privman_core.cuts import cut
from privman_core.near_words import hint

_TABLE_FIELDS = {"label": "label", "extends": "parent", "number": "number_prefix"}
_TABLE_FIELDS |= {name: name for name in ("extendable", "web_service_access", "listed", "audited")}
_NOT_OF_VIEWS = ("columns", "extends", "number", "extendable", "audited", "life_cycle")
_OF_CHOICES = {"default", "choices"}
_REFERRING = (Family.REFERENCE, Family.LIST)
_LONGEST_LIST = 200
_COLUMN_FIELDS = {"length": "max_length"}
_COLUMN_FIELDS |= {
    name: name
    for name in (
        "label",
        "type",
        "reference",
        "mandatory",
        "display",
        "unique",
        "indexed",
        "read_only",
        "reference_qual",
    )
}


class TableDefinition(NamedTuple):
    """What a file says about a table."""

    said: dict[str, Any]
    place: FilePlace

    def has(self, path: Iterable[Step]) -> bool:
        """Return whether it says something there."""
        value: Any = self.said
        for step in path:
            known = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
            if step not in known:
                return False
            value = value[step]
        return True


class TableBuilder:
    """Builds a table from its definition.

    Args:
        known: the tables before it: those that it extends, and the one that it changes.
        definition: what a file says.
        advice: as in `Definitions.add`.
    """

    def __init__(self, known: Mapping[str, Table], definition: TableDefinition, advice: str) -> None:
        self._known = known
        self._advice = advice
        self._said, self._place = definition
        self._name: str = self._said["name"]
        self._before = known.get(self._name)

    def table(self) -> Table:
        """Return the table; raises DictionaryError."""
        before = self._before or Table(self._name, to_label(self._name))
        said = self._said
        parent = said.get("extends", before.parent)
        if self._before is not None and parent != before.parent:
            extends = "extends no table" if before.parent is None else f"extends '{before.parent}'"
            raise self._place.at("extends").error(f"table '{self._name}' {extends}; it cannot extend '{parent}'")
        self._check_kind(before)
        columns = {column.name: column for column in before.columns}
        columns |= {name: self._column(name, given) for name, given in said["columns"].items()}
        if "number" in said and "number" not in columns and self._inherited("number") is None:
            columns["number"] = Column("number", "Number")
        acls = tuple(map(acl_of, said["acls"]))
        fields = {field: said[key] for key, field in _TABLE_FIELDS.items() if key in said}
        joined = tuple(map(_joined, said["view"])) if "view" in said else before.joined
        changed = replace(before, **fields, columns=tuple(columns.values()), acls=before.acls + acls, joined=joined)
        return replace(changed, life_cycle=self._life_cycle()) if "life_cycle" in said else changed

    def _check_kind(self, before: Table) -> None:
        """Raise DictionaryError where a table would become a view, or a view have columns or rows of its own."""
        if self._before is not None and "view" in self._said and not before.joined:
            raise self._place.at("view").error(f"table '{self._name}' has rows of its own; it cannot become a view")
        for key in _NOT_OF_VIEWS if "view" in self._said or before.joined else ():
            if self._said.get(key):
                raise self._place.at(key).error(f"table '{self._name}' is a view and cannot have {key}")

    def _life_cycle(self) -> LifeCycle:
        """Return the life cycle that the file makes of the table's, else of the nearest parent's."""
        classes = (self._before, *self._parents())
        known = (table.life_cycle for table in classes if table is not None and table.life_cycle is not None)
        return life_cycle(self._said["life_cycle"], next(known, LifeCycle()))

    def _column(self, name: str, said: Mapping[str, Any]) -> Column:
        where = f"table '{self._name}', column '{name}'"
        own = self._own(self._before, name)
        if own is not None:
            self._check_kept(own, said, where)
        before = own or self._inherited(name)
        given = {field: said[key] for key, field in _COLUMN_FIELDS.items() if key in said}
        column = _new_column(name, given) if before is None else replace(before, **given)
        self._check_reference(column, said, where)
        if "choices" in said:
            choices = {choice.value: choice for choice in (own.choices if own else ())}
            choices |= {each.value: each for each in self._choices(column, said["choices"], where)}
            column = replace(column, choices=tuple(choices.values()))
        if "default" in said:
            column = self._with_default(column, said["default"], where)
        self._check_default(column, said, where)
        return column

    def _check_kept(self, own: Column, said: Mapping[str, Any], where: str) -> None:
        """Raise DictionaryError for another type or reference, which the values of a column would not fit."""
        for key in ("type", "reference"):
            kept = getattr(own, key)
            if said.get(key, kept) != kept:
                place = self._place.at("columns", own.name, key)
                raise place.error(f"{where} has {key} '{kept or ''}'; it cannot become '{said[key]}'{self._advice}")

    def _check_reference(self, column: Column, said: Mapping[str, Any], where: str) -> None:
        place = self._place.at("columns", column.name)
        if column.type == "reference" and column.reference is None:
            raise place.at("type").error(f"{where} has type reference and no reference; expected the name of a table")
        if "reference" in said and column.family not in _REFERRING:
            expected = "expected type reference or glide_list"
            raise place.at("reference").error(f"{where} has type {column.type} and a reference; {expected}")

    def _with_default(self, column: Column, said: object, where: str) -> Column:
        column = replace(column, default=_text(said))
        if expected := expected_default(column):
            place = self._place.at("columns", column.name, "default")
            raise place.error(f"{where} has default {said!r}; expected {expected}")
        return replace(column, default=stored_default(column))

    def _choices(self, column: Column, said: Mapping[Any, Any], where: str) -> Iterator[Choice]:
        place = self._place.at("columns", column.name, "choices")
        for value, label in said.items():
            text = _text(value)
            if isinstance(label, bool) or (isinstance(value, bool) and column.family is not Family.BOOLEAN):
                why = "YAML reads yes, no, on and off as true or false. Put the text in quotes"
                raise place.error(f"{where} has choice {text}: {_text(label)}. {why}")
            if column.to_stored(text) is None:
                raise place.error(f"{where} has choice {text!r}; expected a value of type {column.type}")
            yield Choice(text, str(label))

    def _check_default(self, column: Column, said: Mapping[str, Any], where: str) -> None:
        """Raise DictionaryError for a default that is none of the choices, if the file says either of them."""
        choices, default = [choice.value for choice in column.choices], column.default
        if not choices or not default or default in choices or is_scripted(column) or not said.keys() & _OF_CHOICES:
            return
        key = "default" if "default" in said else "choices"
        near = hint(default, choices, len(choices))
        expected = f"{where} has default {said.get('default', default)!r}{near}; expected one of its choices"
        raise self._place.at("columns", column.name, key).error(f"{expected}: {cut(', '.join(choices), _LONGEST_LIST)}")

    @staticmethod
    def _own(table: Table | None, name: str) -> Column | None:
        return next((each for each in table.columns if each.name == name), None) if table else None

    def _inherited(self, name: str) -> Column | None:
        """Return the column of the nearest parent, without its choices, if it has one."""
        for parent in self._parents():
            column = self._own(parent, name)
            if column is not None:
                return column
        return None

    def _parents(self) -> Iterator[Table]:
        seen = {self._name}
        parent: str | None = self._said.get("extends", self._before and self._before.parent)
        while parent is not None and parent in self._known and parent not in seen:
            seen.add(parent)
            yield self._known[parent]
            parent = self._known[parent].parent


def _new_column(name: str, given: Mapping[str, Any]) -> Column:
    kind = "reference" if "reference" in given else "string"
    return Column(**{"name": name, "label": to_label(name), "type": kind, **given})


def acl_of(said: Mapping[str, Any]) -> Acl:
    """Return the access rule that an entry under ``acls`` defines."""
    return Acl(said["operation"], tuple(said.get("roles", ())), said.get("column"), said.get("condition", ""))


def _joined(said: Mapping[str, Any]) -> JoinedTable:
    left_join, columns = said.get("left_join", False), tuple(dict.fromkeys(said.get("columns", ())))
    return JoinedTable(said["table"], said["prefix"], said.get("where", "").strip(), left_join, columns)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
