"""The tables of an instance, as files define them and change those of earlier files."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definition_rules import expected_default, stored_default
from mock_servicenow.now_platform.dictionary.definitions import (
    Acl,
    Choice,
    Column,
    DictionaryError,
    JoinedTable,
    Table,
    to_label,
)
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary, is_scripted
from mock_servicenow.now_platform.dictionary.life_cycle_files import check_life_cycle, life_cycle
from mock_servicenow.now_platform.dictionary.life_cycles import LifeCycle
from mock_servicenow.now_platform.dictionary.located_files import FilePlace, Step, load_file, yaml_files
from mock_servicenow.now_platform.dictionary.table_format import checked_tables
from privman_core.cuts import cut
from privman_core.near_words import hint, misspelt_words

_TABLE_FIELDS = {"label": "label", "extends": "parent", "number": "number_prefix"}
_TABLE_FIELDS |= {name: name for name in ("extendable", "web_service_access", "listed", "audited")}
_OF_CUSTOMERS = ("u_", "x_")
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


def packaged_tables() -> Traversable:
    """Return the folder of the tables that every instance has."""
    return files("mock_servicenow.now_platform") / "tables"


def load_dictionary(*sources: Traversable, tables: Iterable[Table] = ()) -> Dictionary:
    """Return the dictionary of the packaged tables, of those given, and of files or folders that add to both.

    Raises:
        DictionaryError: a definition is invalid; the message names file, line, table and column.
    """
    definitions = Definitions.packaged()
    definitions.add(tables)
    for source in sources:
        definitions.read(source)
    return definitions.dictionary


class _Definition(NamedTuple):
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


class PlacedRule(NamedTuple):
    """An access rule, with its place in a file."""

    table: str
    acl: Acl
    place: FilePlace

    def error(self, key: str, message: str) -> DictionaryError:
        """Return an error about one of its keys."""
        return self.place.at(key).error(f"table '{self.table}', acl {message}")


class Definitions:
    """Tables, and what files define: more tables, or changes of known ones.

    Attributes:
        rules: the access rules of files, in order.
    """

    def __init__(self) -> None:
        self.rules: list[PlacedRule] = []
        self._shipped = set[str]()
        self._advice: dict[str, str] = {}  # by table
        self._order: dict[str, None] = {}
        self._tables: dict[str, Table] = {}
        self._by_name: dict[str, list[_Definition]] = {}

    @staticmethod
    def packaged() -> "Definitions":
        """Return the tables that every instance has, to be added to; their files are read once."""
        return _packaged().copy()

    def copy(self) -> "Definitions":
        """Return a copy, to which others can be added."""
        copy = Definitions()
        copy.rules, copy._order, copy._tables = [*self.rules], {**self._order}, {**self._tables}
        copy._shipped, copy._advice = {*self._shipped}, {**self._advice}
        copy._by_name = {name: [*each] for name, each in self._by_name.items()}
        return copy

    def add(self, tables: Iterable[Table], advice: str = "") -> None:
        """Add tables, which later files may change and extend; raises DictionaryError.

        Args:
            tables: in the order in which `dictionary` has them.
            advice: ends an error about a file that defines one of them as a table of its own.
        """
        for table in tables:
            if table.name in self._order:
                raise DictionaryError(f"table '{table.name}' is defined twice", table.name)
            self._order[table.name] = None
            self._shipped.add(table.name)
            self._advice[table.name] = advice
            self._tables[table.name] = table

    def read(self, source: Traversable) -> None:
        """Read a file, or every YAML file of a folder; raises DictionaryError."""
        for file in yaml_files(source):
            content, place = load_file(file)
            known: set[str] = set()
            for said, there in checked_tables(content, place):
                name = said["name"]
                if name in known:
                    raise there.error(f"table '{name}' is defined twice")
                known.add(name)
                self._check_new(said, there)
                self._check_new_columns(said, there)
                self._order[name] = None
                self._by_name.setdefault(name, []).append(_Definition(said, there))
                placed = ((each, there.at("acls", index)) for index, each in enumerate(said["acls"]))
                self.rules += (PlacedRule(name, _acl(each), place) for each, place in placed)

    def _check_new(self, said: Mapping[str, Any], place: FilePlace) -> None:
        """Raise DictionaryError for a misspelling of a table that ships, unless the file says that it is new."""
        name, is_new = said["name"], said.get("new", False)
        if is_new and name in self._shipped:
            raise place.at("new").error(f"table '{name}' is not new: it ships{self._advice.get(name, '')}")
        like = [each for each in self._shipped if each.startswith(_OF_CUSTOMERS) == name.startswith(_OF_CUSTOMERS)]
        near = "" if is_new or name in self._order else misspelt_words(name, like)
        if near:
            raise place.error(f"table '{name}' does not ship (did you mean '{near}'?); a new table has 'new: true'")

    def _check_new_columns(self, said: Mapping[str, Any], place: FilePlace) -> None:
        """Raise DictionaryError for a misspelt column of a table that ships, unless its name is a customer's."""
        if said["name"] not in self._shipped:
            return
        known = set(self._columns(said["name"]))
        for name in said["columns"].keys() - known:
            is_new = name.startswith(_OF_CUSTOMERS) or said["columns"][name].get("new", False)
            near = "" if is_new else misspelt_words(name, known)
            if near:
                where = f"table '{said['name']}', column '{name}'"
                why = (
                    f"does not ship (did you mean '{near}'?); a new name so like it begins with u_, or has 'new: true'"
                )
                raise place.at("columns", name).error(f"{where} {why}")

    def _columns(self, table: str) -> Iterator[str]:
        """Yield the names of the columns of a table and its parents, as far as they are read."""
        parents, each, seen = self._parents(), table, set[str]()
        while each and each not in seen:
            seen.add(each)
            if each in self._tables:
                yield from (column.name for column in self._tables[each].columns)
            yield from (name for definition in self._by_name.get(each, ()) for name in definition.said["columns"])
            each = parents.get(each) or ""

    @cached_property
    def dictionary(self) -> Dictionary:
        """The dictionary of all tables, once they are read; raises DictionaryError."""
        try:
            dictionary = Dictionary(self._built())
            self._check_life_cycles(dictionary)
        except DictionaryError as error:
            raise self._located(error) from None
        return dictionary

    def _check_life_cycles(self, dictionary: Dictionary) -> None:
        """Check those of files; records may take away a choice, and then nobody reaches that state."""
        for name, definitions in self._by_name.items():
            cycle = dictionary.life_cycle(name)
            for said in (each.said["life_cycle"] for each in definitions if "life_cycle" in each.said):
                check_life_cycle(name, said, cycle or LifeCycle(), dictionary.columns(name))

    def _built(self) -> Iterable[Table]:
        built, parents = {**self._tables}, self._parents()
        for name in sorted(self._by_name, key=lambda name: _depth(name, parents)):  # parents first: columns inherit
            for definition in self._by_name[name]:
                built[name] = _TableBuilder(built, definition, self._advice.get(name, "")).table()
        return [built[name] for name in self._order]

    def _parents(self) -> dict[str, str | None]:
        parents = {table.name: table.parent for table in self._tables.values()}
        for each, definitions in self._by_name.items():
            said = (one.said["extends"] for one in definitions if "extends" in one.said)
            parents[each] = next(said, parents.get(each))
        return parents

    def _located(self, error: DictionaryError) -> DictionaryError:
        """Return the error with the place in the file that says so."""
        table, *path = error.path or ("",)
        definitions = self._by_name.get(table)
        if definitions is None:  # the error names its place, or is about tables that no file defines
            return error
        steps = [int(step) if step.isdecimal() else step for step in path]
        definition = next((each for each in reversed(definitions) if each.has(steps)), definitions[-1])
        return definition.place.at(*steps).error(str(error))


@cache
def _packaged() -> Definitions:
    definitions = Definitions()
    definitions.read(packaged_tables())
    definitions._shipped = {*definitions._order}  # noqa: SLF001 - of this class
    return definitions


def _depth(name: str, parents: Mapping[str, str | None]) -> int:
    """Return how many tables it extends, directly or not; a cycle ends as soon as it is closed."""
    above: dict[str, None] = {}
    parent = parents.get(name)
    while parent is not None and parent not in above:
        above[parent] = None
        parent = parents.get(parent)
    return len(above)


class _TableBuilder:
    """Builds a table from its definition.

    Args:
        known: the tables before it: those that it extends, and the one that it changes.
        definition: what a file says.
        advice: as in `Definitions.add`.
    """

    def __init__(self, known: Mapping[str, Table], definition: _Definition, advice: str) -> None:
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
        acls = tuple(map(_acl, said["acls"]))
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


def _acl(said: Mapping[str, Any]) -> Acl:
    return Acl(said["operation"], tuple(said.get("roles", ())), said.get("column"), said.get("condition", ""))


def _joined(said: Mapping[str, Any]) -> JoinedTable:
    left_join, columns = said.get("left_join", False), tuple(dict.fromkeys(said.get("columns", ())))
    return JoinedTable(said["table"], said["prefix"], said.get("where", "").strip(), left_join, columns)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
