"""The tables of an instance, as files define them and change those of earlier files."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

from mock_servicenow.now_platform.dictionary.definitions import (
    Acl,
    DictionaryError,
    Table,
)
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.life_cycle_files import check_life_cycle
from mock_servicenow.now_platform.dictionary.life_cycles import LifeCycle
from mock_servicenow.now_platform.dictionary.located_files import FilePlace, load_file, yaml_files
from mock_servicenow.now_platform.dictionary.table_builder import TableBuilder, TableDefinition, acl_of
from mock_servicenow.now_platform.dictionary.table_format import checked_tables
from privman_core.near_words import misspelt_words

_OF_CUSTOMERS = ("u_", "x_")


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
        self._by_name: dict[str, list[TableDefinition]] = {}

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
                self._by_name.setdefault(name, []).append(TableDefinition(said, there))
                placed = ((each, there.at("acls", index)) for index, each in enumerate(said["acls"]))
                self.rules += (PlacedRule(name, acl_of(each), place) for each, place in placed)

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
                built[name] = TableBuilder(built, definition, self._advice.get(name, "")).table()
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
