"""One YAML document on its way to become scenarios, one a row of its examples."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from privman_core.near_words import advice
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.absences import check_absences
from privman_scenarios.language.collected_errors import CollectedErrors
from privman_scenarios.language.environment import used
from privman_scenarios.language.example_tables import SUFFIX as CSV
from privman_scenarios.language.example_tables import read_table
from privman_scenarios.language.includes import IncludedSteps
from privman_scenarios.language.model import FileTables, Scenario, with_tables
from privman_scenarios.language.scenario_keys import ScenarioKeys
from privman_scenarios.language.snapshot_checks import check_snapshots
from privman_scenarios.language.step_reader import StepReader
from privman_scenarios.language.variables import Saved, names_in
from privman_scenarios.language.vocabulary import Vocabulary
from privman_scenarios.language.yaml_nodes import UNREAD, FilledText, Located, Places, Row, example_rows

KEYS = ("title", "tags", "source", "check", "seed", "clock", "examples", "own", "when", "given", "steps", "teardown")
# What the examples fill in.
_FILLED = ("given", "own", "steps", "teardown", "when")


class Context(NamedTuple):
    """What scenarios may use without defining it.

    Attributes:
        environment: variables.
        tables: those that files of the run define or change.
    """

    vocabulary: Vocabulary
    environment: Mapping[str, str]
    tables: FileTables


class ScenarioDocument:
    """One YAML document on its way to become scenarios.

    What it includes may be unreadable: that is collected, and the rest is read all the same. Raises ScenarioFileError
    for a document that is no mapping.
    """

    def __init__(
        self,
        document: Located,
        file: str,
        context: Context,
        errors: CollectedErrors,
        filled: FilledText,
    ) -> None:
        self._errors = errors
        self._filled = filled
        self._file = file
        self._line = document.line
        self._vocabulary, self._environment, self._tables = context
        if not isinstance(document.value, dict):
            message = f"a scenario is {document.plain()!r}. Expected a mapping with title and steps."
            raise ScenarioFileError(file, document.line, message)
        before = errors.count
        self._keys: Mapping[str, Located] = self._completed(document.value)
        self._is_complete = errors.count == before
        self._used = used(names_in({key: each.plain() for key, each in self._keys.items()}), self._environment)

    def _completed(self, keys: Mapping[str, Located]) -> Mapping[str, Located]:
        """Return the document with included steps, and with the rows of a table that it names."""
        included = IncludedSteps(self._file, self._errors)
        steps = {key: included.put_into(each) for key, each in keys.items() if key in ("steps", "teardown")}
        completed = {**keys, **steps}
        if "examples" in keys and _names_table(keys["examples"]):
            completed["examples"] = self._table(keys["examples"])
        return completed

    def _table(self, named: Located) -> Located:
        with self._errors.caught():
            return read_table(named, self._file)
        return Located(UNREAD, named.line)

    def scenarios(self) -> Iterator[Scenario]:
        """Yield one scenario a row of examples, but for those with errors, which are collected."""
        if unknown := [key for key in self._keys if key not in KEYS]:
            for key in unknown:
                message = f"unknown key {key!r}. {advice(key, KEYS)}"
                self._errors.add(ScenarioFileError(self._file, self._keys[key].line, message))
            return
        for row in self._rows():
            yield from self._scenario(row)

    def _rows(self) -> list[Row]:
        """Return the rows of the examples, or one that is unknown where they cannot be read."""
        table = self._keys.get("examples")
        if table is None:
            return [{}]
        rows: list[Row] = [None]
        with self._errors.caught():
            found = example_rows(table, self._file)
            places = Places(located for key, located in self._keys.items() if key in _FILLED)
            places.refuse_foreign(table, self._file)
            self._filled.add(places, found, table, self._file)
            rows = [*found]
            if self._is_complete:
                places.refuse_unused(table, self._file)
        return rows

    def _scenario(self, row: Row) -> Iterator[Scenario]:
        before = self._errors.count
        saved = Saved(self._vocabulary, environment=self._environment)
        keys = ScenarioKeys(self._keys, self._file, self._line, saved).read(row, self._errors)
        saved = Saved(self._vocabulary, with_tables(keys.get("own", {}), self._tables), self._environment)
        steps = StepReader(self._file, row, saved, self._errors, checks_words="own" in keys)
        given = steps.given(self._keys.get("given", Located({}, self._line)), self._line)
        played = steps.steps(self._keys.get("steps", Located([], self._line)))
        teardown = steps.teardown(self._keys["teardown"]) if "teardown" in self._keys else ()
        if row is None or self._errors.count > before:
            return
        scenario = Scenario(
            **keys,
            given=given,
            steps=played,
            teardown=teardown,
            file=self._file,
            line=self._line,
            tables=self._tables,
            example=row,
            environment=self._used,
        )
        with self._errors.caught():
            _refuse_soft(scenario)
            check_absences(scenario, self._vocabulary)
            check_snapshots(scenario)
            yield scenario


def _refuse_soft(scenario: Scenario) -> None:
    soft = next((step for step in scenario.steps if step.soft), None)
    if soft and scenario.check == "invariants":
        reason = "a scenario with 'check: invariants' ends at its first failure. Expected 'check: steps'."
        raise ScenarioFileError(scenario.file_of(soft), soft.line, f"'soft': {reason}")


def _names_table(examples: Located) -> bool:
    return isinstance(examples.value, str) and examples.value.lower().endswith(CSV)
