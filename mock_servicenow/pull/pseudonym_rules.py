"""The rules for what becomes of a column's values: the file that ships, and a user's own."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.column_types import TYPES, Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.errors import SetupError
from mock_servicenow.pull.harmless_words import KEPT
from privman_contracts import WireNames
from privman_core.inputs import quoted
from privman_core.near_words import hint
from privman_core.yaml_reader import YamlError, load, read_text

NEVER, DROP, TEXT, COPY, DIGITS = "never", "drop", "text", "copy", "digits"
_OF_TEXTS = (TEXT, "words", "email", *KEPT)
TREATMENTS = (NEVER, DROP, COPY, *_OF_TEXTS, DIGITS)
"""What a rule may say."""
HARMLESS = frozenset({Family.BOOLEAN, Family.REFERENCE, Family.LIST, Family.IDENTIFIER})
"""The families that are copied without a rule."""
MEASURES = frozenset({Family.INTEGER, Family.DECIMAL, Family.DATE_TIME, Family.DURATION})
"""The families that are copied without a rule if the column ships with the mock: it is no salary and no birthday.
Values of all others may be texts, or days."""
_WITH_DIGITS = frozenset({Family.TEXT, Family.CURRENCY, Family.INTEGER, Family.DECIMAL})
_CONCEALED = frozenset({Family.PASSWORD, Family.JOURNAL})
_OF_THE_APP = {
    "activity_type": ("name", "valid_responses", "instance_id"),
    "request": ("request_id", "status", "instance_id", "activity_type_id"),
    "response": ("request_id", "response"),
}
"""Texts of the app that are identifiers, or words that it knows."""
_DATA_OF_THE_APP = {"integration_configuration": ("instance_metadata",), "request": ("metadata",)}
"""Settings of the console, and what its users ask for."""
_LISTS = ("tables", "columns", "types")
_KEYS = (*_LISTS, "longer_than", "as")


class PseudonymRule(Struct, frozen=True):
    """A rule, as the file of rules describes it.

    Attributes:
        place: the file of a user that has it, and its number; empty for one that ships.
    """

    treatment: str
    tables: Sequence[str] = ()
    columns: Sequence[str] = ()
    types: Sequence[str] = ()
    longer_than: int = 0
    place: str = ""

    def fits(self, lineage: Iterable[str], column: Column) -> bool:
        """Return whether the rule is about a column of a table with that lineage.

        A pattern such as ``*comment`` is meant for texts, so booleans, references and moments need name or type. One of
        what is not even read is meant for all but booleans.
        """
        return (
            (not self.types or column.type in self.types)
            and (not self.columns or _matches(column.name.lower(), self.columns))
            and (not self.longer_than or column.max_length > self.longer_than)
            and (not self.tables or any(_matches(table, self.tables) for table in lineage))
            and (bool(self.types) or self.names(column) or column.family not in self._spared)
        )

    @property
    def _spared(self) -> AbstractSet[Family]:
        """The families that a pattern of names is not meant for."""
        return {Family.BOOLEAN} if self.treatment == NEVER else (HARMLESS | MEASURES) - _WITH_DIGITS

    def names(self, column: Column) -> bool:
        """Return whether the rule has the name of the column itself, rather than a pattern."""
        return column.name in self.columns

    def acts_on(self, family: Family) -> bool:
        """Return whether values of a family can be treated as the rule says."""
        if self.treatment == COPY:
            return family not in _CONCEALED
        if self.treatment in _OF_TEXTS:
            return family in {Family.TEXT, Family.CLASS}
        return self.treatment in {NEVER, DROP} or family in _WITH_DIGITS

    def without_effect(self, tables: Iterable[str], columns: Iterable[str]) -> str:
        """Return the line about a rule that decided about none of these, with what is near its names."""
        known = {"table": (self.tables, set(tables)), "column": (self.columns, set(columns))}
        near = "".join(
            f"; {noun} {quoted(each)} was not read{hint(each, sorted(here), len(here))}"
            for noun, (given, here) in known.items()
            for each in given
            if not any(fnmatchcase(name, each) for name in here)
        )
        return f"{self.place}: applies to no column that was read{near}"


def packaged_rules(names: WireNames) -> list[PseudonymRule]:
    """Return the rules that ship, with those for the tables of the app under their names on the instance."""
    of_the_app = (
        PseudonymRule(
            treatment, (names.table(table),), tuple(names.group(f"columns.{table}")[each] for each in columns)
        )
        for treatment, tables in ((COPY, _OF_THE_APP), (DROP, _DATA_OF_THE_APP))
        for table, columns in tables.items()
    )
    return [*of_the_app, *_rules(files("mock_servicenow.pull") / "pseudonyms.yaml")]


def read_rules(file: Traversable) -> list[PseudonymRule]:
    """Return the rules in a user's file; raises SetupError."""
    return _rules(file, file.name)


def _rules(file: Traversable, shown: str = "") -> list[PseudonymRule]:
    try:
        found = load(read_text(file))
    except YamlError as error:
        raise SetupError(error.located(file.name)) from None
    if not isinstance(found, list):
        raise SetupError(f"{file.name}: expected a list of rules")
    return [_rule(each, shown and f"{shown}, rule {number}") for number, each in enumerate(found, 1)]


def _rule(given: Any, where: str) -> PseudonymRule:  # noqa: ANN401 - YAML holds anything
    if not isinstance(given, dict):
        raise SetupError(f"{where} is {quoted(given)}; expected a mapping")
    for key in given:
        if key not in _KEYS:
            raise SetupError(
                f"{where} has key {quoted(key)}{hint(str(key), _KEYS)}; expected one of {', '.join(_KEYS)}"
            )
    treatment, longer_than = given.get("as"), given.get("longer_than", 0)
    if treatment not in TREATMENTS:
        near = hint(str(treatment), TREATMENTS)
        raise SetupError(f"{where} has as {quoted(treatment)}{near}; expected one of {', '.join(TREATMENTS)}")
    for key in _LISTS:
        if not isinstance(given.get(key, []), list) or not all(isinstance(each, str) for each in given.get(key, [])):
            raise SetupError(f"{where} has {key} {quoted(given[key])}; expected a list of names or patterns")
    if type(longer_than) is not int:
        raise SetupError(f"{where} has longer_than {quoted(longer_than)}; expected a whole number")
    tables, columns, types = (tuple(given.get(key, ())) for key in _LISTS)
    for each in types:
        if each not in TYPES:
            raise SetupError(f"{where} has type {quoted(each)}, which no column has{hint(each, TYPES, len(TYPES))}")
    return PseudonymRule(treatment, tables, columns, types, longer_than, where)


@lru_cache(4096)
def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
