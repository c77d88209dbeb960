"""A scenario as written: title, source and steps."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Own = Mapping[str, Collection[str]]
# The columns of each table that a file defines or changes; none of a table whose columns nobody knows.
FileTables = Mapping[str, Collection[str]]
# What a scenario may declare under ``own``, so that a word of the user's instance is not taken for a typo.
OWN: Mapping[str, str] = {
    "tables": "Tables beside those of the app, by their names on the instance.",
    "columns": "Columns beside those of the app.",
    "roles": "Roles of ServiceNow or of the console beside those that the products come with.",
    "words": "Statuses, states and responses beside the documented ones, or words that are wrong on purpose.",
    "keys": "Keys of JSON bodies beside those of the contracts.",
    "headers": "Headers of answers beside those that the two products send.",
    "paths": "Globs of paths that no contract has.",
    "findings": "Rules of findings beside those of the two fakes.",
    "events": "Events of webhooks beside the documented ones.",
    "names": "Names of the console's things, such as policies, that no step makes, or that are nearly another name.",
    "users": "Approvers that are made when they first act; others need servicenow.create-user.",
}


def with_tables(own: Own, tables: FileTables) -> Own:
    """Return the words of a scenario with the tables of files, and their columns, among them."""
    return {**own, "tables": {**dict.fromkeys(own.get("tables", ()), ()), **tables}} if tables else own


def file_columns(own: Own, table: str) -> Collection[str]:
    """Return the columns of a table that a file defines or changes; none of any other."""
    tables = own.get("tables", ())
    return tables.get(table, ()) if isinstance(tables, Mapping) else ()


Arguments = Mapping[str, Any]
Check = Literal["steps", "invariants"]
# The step that goes before those of a scenario, with what the scenario says under `given`.
SET_UP = "console.set-up"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a scenario.

    Attributes:
        verb: party and verb, such as ``servicenow.approve``.
        line: in the file, from 1.
        together: line of the ``together`` it stands in, 0 outside of one.
        eventually: for how long to look again until it holds, a span of time; empty for no longer than any step.
        file: where it stands, if that is not the file of the scenario.
        soft: whether the scenario goes on after it fails, and fails at its end.
    """

    verb: str
    arguments: Arguments
    line: int
    together: int = 0
    eventually: str = ""
    soft: bool = False
    file: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way through the integration, with one row of its examples filled in.

    Attributes:
        title: one fact, in a sentence.
        source: the pages that document the fact, such as ``set-up-servicenow-webhook.md``.
        given: options of the set-up that goes before the steps; None to begin with nothing set up.
        example: the row of the table of examples, empty without one.
        file: as the user named it.
        line: where the scenario begins in the file, from 1.
        check: what must hold: each step, or the invariants once all is over, whatever became of the steps.
        seed: of the identifiers; None for that of the run.
        clock: when virtual time begins; None for the usual moment.
        own: words of the user's own instance, by kind.
        tables: those that files of the run define or change.
        when: what inferred rules must be, for the scenario to apply.
        environment: the environment variables that it uses.
        teardown: steps that are played after all others, whatever failed.
    """

    title: str
    steps: tuple[Step, ...]
    file: str
    line: int
    tags: frozenset[str] = frozenset()
    source: str = ""
    given: Arguments | None = field(default_factory=dict)
    example: Arguments = field(default_factory=dict)
    check: Check = "steps"
    seed: int | None = None
    clock: datetime | None = None
    own: Own = field(default_factory=dict)
    tables: FileTables = field(default_factory=dict, repr=False)
    when: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    teardown: tuple[Step, ...] = ()

    @property
    def words(self) -> Own:
        """Its own words, those of the run's files among them."""
        return with_tables(self.own, self.tables)

    @property
    def played(self) -> tuple[Step, ...]:
        """Every step before the teardown, the set-up among them."""
        if self.given is None:
            return self.steps
        return (Step(SET_UP, self.given, self.line), *self.steps)

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """Every step, those of the set-up and the teardown among them."""
        return (*self.played, *self.teardown)

    def named(self, step: Step) -> str:
        """Return the name of a step for people, with its line unless the run adds it."""
        is_written = step in (*self.steps, *self.teardown)
        return f"{step.verb} in line {step.line}" if is_written else "the set-up before the steps"

    def file_of(self, step: Step) -> str:
        """Return the file in which a step stands."""
        return step.file or self.file

    @property
    def name(self) -> str:
        """The title, with the example's values where there are any."""
        if not self.example:
            return self.title
        return f"{self.title} [{', '.join(f'{key}={value}' for key, value in self.example.items())}]"
