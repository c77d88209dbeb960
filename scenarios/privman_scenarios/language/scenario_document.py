"""One YAML document on its way to become scenarios, one a row of its examples."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, NoReturn, get_args

from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.absences import check_absences
from privman_scenarios.language.collected_errors import CollectedErrors
from privman_scenarios.language.environment import flaw_of, used, variable_in
from privman_scenarios.language.example_tables import SUFFIX as CSV
from privman_scenarios.language.example_tables import read_table
from privman_scenarios.language.includes import INCLUDE, IncludedSteps
from privman_scenarios.language.known import nearest
from privman_scenarios.language.model import OWN, SET_UP, Check, FileTables, Own, Scenario, Step, with_tables
from privman_scenarios.language.rule_conditions import When, flaw_of_condition
from privman_scenarios.language.snapshot_checks import check_snapshots
from privman_scenarios.language.step_modifiers import MODIFIERS
from privman_scenarios.language.variables import Saved, kind_of, names_in
from privman_scenarios.language.vocabulary import Argument, Verb, Vocabulary
from privman_scenarios.language.yaml_nodes import Located, example_rows, fill_example

KEYS = ("title", "tags", "source", "check", "seed", "clock", "examples", "own", "when", "given", "steps", "teardown")
TOGETHER = "together"
# What the examples fill in.
_FILLED = ("given", "own", "steps", "teardown", "when")
CHECKS = get_args(Check)
_BEFORE_STEPS = "'given' goes before every step. To set up after one, write 'given: nothing' and a step console.set-up."
_MOMENT = "Expected a moment, '2026-01-05T09:00:00Z', from 1970 to 2999."
# Far enough from either end of what a date can hold that a virtual clock never gets there.
YEARS = (1970, 2999)


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
    """One YAML document on its way to become scenarios."""

    def __init__(
        self,
        document: Located,
        file: str,
        context: Context,
        errors: CollectedErrors,
    ) -> None:
        self._errors = errors
        self._file = file
        self._line = document.line
        self._vocabulary, self._environment, self._tables = context
        if not isinstance(document.value, dict):
            raise self._error(document, f"a scenario is {document.plain()!r}. Expected a mapping with title and steps.")
        self._keys: Mapping[str, Located] = self._completed(document.value)
        self._used = used(names_in({key: each.plain() for key, each in self._keys.items()}), self._environment)

    def _completed(self, keys: Mapping[str, Located]) -> Mapping[str, Located]:
        """Return the document with included steps, and with the rows of a table that it names."""
        included = IncludedSteps(self._file)
        steps = {key: included.put_into(each) for key, each in keys.items() if key in ("steps", "teardown")}
        completed = {**keys, **steps}
        if "examples" in keys and _names_table(keys["examples"]):
            completed["examples"] = read_table(keys["examples"], self._file)
        return completed

    def scenarios(self) -> Iterator[Scenario]:
        """Yield one scenario a row of examples, but for those with errors, which are collected."""
        if unknown := [key for key in self._keys if key not in KEYS]:
            for key in unknown:
                self._errors.add(self._error(self._keys[key], f"unknown key {key!r}. {nearest(key, KEYS)}"))
            return
        places = [located.plain() for key, located in self._keys.items() if key in _FILLED]
        for row in example_rows(self._keys.get("examples"), places, self._file):
            yield from self._scenario(row)

    def _scenario(self, row: Mapping[str, Any]) -> Iterator[Scenario]:
        before = self._errors.count
        own = self._own_words(row)
        saved = Saved(self._vocabulary, with_tables(own, self._tables), self._environment)
        given: Mapping[str, Any] | None = None
        steps: tuple[Step, ...] = ()
        teardown: tuple[Step, ...] = ()
        with self._read(saved):
            given = self._given(row, saved)
        with self._read(saved):
            steps = tuple(self._steps(row, saved))
        with self._read(saved):
            teardown = tuple(self._teardown(row, saved))
        with self._errors.caught():
            scenario = replace(self._whole(row, given, steps, own), teardown=teardown)
            if self._errors.count == before:
                self._refuse_soft(scenario)
                check_absences(scenario, self._vocabulary)
                check_snapshots(scenario)
                yield scenario

    def _refuse_soft(self, scenario: Scenario) -> None:
        soft = next((step for step in scenario.steps if step.soft), None)
        if soft and scenario.check == "invariants":
            reason = "a scenario with 'check: invariants' ends at its first failure. Expected 'check: steps'."
            raise ScenarioFileError(scenario.file_of(soft), soft.line, f"'soft': {reason}")

    @contextmanager
    def _read(self, saved: Saved) -> Iterator[None]:
        """Collect the error of what cannot be read; nobody knows what it would have saved."""
        with self._errors.caught():
            yield
            return
        saved.is_partial = True

    def _whole(
        self, row: Mapping[str, Any], given: Mapping[str, Any] | None, steps: tuple[Step, ...], own: Own
    ) -> Scenario:
        return Scenario(
            title=self._text("title", required=True),
            steps=steps,
            file=self._file,
            line=self._line,
            tags=frozenset(self._tags()),
            source=self._text("source"),
            given=given,
            example=row,
            check=self._kind_of_check(),
            seed=self._seed(),
            clock=self._clock(),
            own=own,
            tables=self._tables,
            when=self._when(row),
            environment=self._used,
        )

    def _text(self, key: str, *, required: bool = False) -> str:
        located = self._keys.get(key, Located("", self._line))
        if required and key not in self._keys:
            raise self._error(located, f"{key!r} is missing. Expected text, one fact in a sentence.")
        if not isinstance(located.value, str) or (required and not located.value):
            expected = "text that is not empty" if required else "text"
            raise self._error(located, f"{key!r} is {located.plain()!r}. Expected {expected}.")
        return located.value

    def _tags(self) -> list[str]:
        located = self._keys.get("tags", Located([], self._line))
        tags = located.plain()
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise self._error(located, f"'tags' is {tags!r}. Expected a list of words.")
        return tags

    def _own_words(self, row: Mapping[str, Any]) -> Own:
        located = fill_example(self._keys.get("own", Located({}, self._line)), row, self._file)
        if not isinstance(located.value, dict):
            raise self._error(located, f"'own' is {located.plain()!r}. Expected lists of words by kind.")
        for kind, words in located.value.items():
            if kind not in OWN:
                raise self._error(words, f"'own' has no kind {kind!r}. {nearest(kind, OWN)}")
            if not isinstance(words.value, list) or not all(isinstance(word.value, str) for word in words.value):
                raise self._error(words, f"own {kind} is {words.plain()!r}. Expected a list of words.")
        return self._with_environment(located)

    def _with_environment(self, located: Located) -> Own:
        """Return the words with the values of variables: a scenario's own words are known before its first step."""
        own: Own = located.plain()
        for variable in filter(None, map(variable_in, names_in(own))):
            if flaw := flaw_of(variable, self._environment):
                raise self._error(located, f"own: {flaw}")
        filled: Own = Saved(self._vocabulary, environment=self._environment).fill(own)
        return filled

    def _when(self, row: Mapping[str, Any]) -> When:
        located = fill_example(self._keys.get("when", Located({}, self._line)), row, self._file)
        if not isinstance(located.value, dict):
            raise self._error(located, f"'when' is {located.plain()!r}. Expected conditions by rule.")
        for rule, condition in located.value.items():
            if flaw := flaw_of_condition(rule, condition.plain()):
                raise self._error(condition, f"when: {flaw}")
        when: When = located.plain()
        return when

    def _kind_of_check(self) -> Check:
        located = self._keys.get("check", Located("steps", self._line))
        if located.value not in CHECKS:
            raise self._error(located, f"'check' is {located.plain()!r}. Expected one of {', '.join(CHECKS)}.")
        check: Check = located.value
        return check

    def _seed(self) -> int | None:
        located = self._keys.get("seed", Located(None, self._line))
        if located.value is not None and type(located.value) is not int:
            raise self._error(located, f"'seed' is {located.plain()!r}. Expected a whole number.")
        return located.value

    def _clock(self) -> datetime | None:
        located = self._keys.get("clock", Located(None, self._line))
        if located.value is None:
            return None
        moment = _moment(located.value)
        if moment is None or moment.tzinfo is None:
            raise self._error(located, f"'clock' is {located.plain()!r}. {_MOMENT}")
        return moment.astimezone(UTC)

    def _given(self, row: Mapping[str, Any], saved: Saved) -> Mapping[str, Any] | None:
        located = fill_example(self._keys.get("given", Located({}, self._line)), row, self._file)
        if located.value == "nothing":
            return None
        if not isinstance(located.value, dict):
            raise self._error(located, f"'given' is {located.plain()!r}. Expected 'nothing', or options of the set-up.")
        set_up = self._vocabulary[SET_UP]
        step = Step(SET_UP, self._arguments("given", located, set_up.arguments), self._line)
        if missing := saved.missing(step):
            raise self._error(located, f"given: {missing} {_BEFORE_STEPS if 'earlier' in missing else ''}".rstrip())
        self._check(step, located, set_up, saved, "given")
        return step.arguments

    def _steps(self, row: Mapping[str, Any], saved: Saved) -> Iterator[Step]:
        located = self._keys.get("steps", Located([], self._line))
        if not isinstance(located.value, list) or not located.value:
            raise self._error(located, "'steps' is empty. Expected a list of steps.")
        for item in located.value:
            if isinstance(item.value, dict) and list(item.value) == [TOGETHER]:
                yield from self._together(item.value[TOGETHER], row, saved)
            else:
                yield from self._step(item, row, saved)

    def _teardown(self, row: Mapping[str, Any], saved: Saved) -> Iterator[Step]:
        if "teardown" not in self._keys:
            return
        located = self._keys["teardown"]
        if not isinstance(located.value, list) or not located.value:
            raise self._error(located, f"'teardown' is {located.plain()!r}. Expected a list of steps.")
        for item in located.value:
            if isinstance(item.value, dict) and TOGETHER in item.value:
                raise self._error(item, f"{TOGETHER!r} in 'teardown', whose steps are played one after the other.")
            yield from self._step(item, row, saved)

    def _together(self, located: Located, row: Mapping[str, Any], saved: Saved) -> Iterator[Step]:
        if not isinstance(located.value, list) or len(located.value) < 2:  # noqa: PLR2004 - it takes two to race
            raise self._error(located, f"{TOGETHER!r} is {located.plain()!r}. Expected a list of at least two steps.")
        for item in located.value:
            for step in self._step(item, row, saved):
                if step.eventually:
                    raise self._error(item, f"'eventually' in {TOGETHER!r}, whose steps happen at the same moment.")
                yield replace(step, together=located.line)

    def _step(self, item: Located, row: Mapping[str, Any], saved: Saved) -> Iterator[Step]:
        """Yield the step, or nothing if it cannot be read."""
        with self._read(saved):
            step, located = self._parsed(fill_example(item, row, self._file))
            if not saved.is_partial:
                self._check(step, located, self._vocabulary[step.verb], saved, step.verb)
            yield step

    def _parsed(self, item: Located) -> tuple[Step, Located]:
        """Return a step and its arguments with their places; raises ScenarioFileError."""
        keys = item.value if isinstance(item.value, dict) else {}
        modifiers = {key: each for key, each in keys.items() if key in MODIFIERS}
        rest = {key: each for key, each in keys.items() if key not in MODIFIERS}
        if len(rest) != 1:
            self._refuse_keys(item, rest)
        ((name, located),) = rest.items()
        if name in (TOGETHER, INCLUDE):
            raise self._error(located, f"{name!r} {_misplaced(modifiers)}")
        if name not in self._vocabulary:
            raise self._error(
                located, f"unknown step {name!r}. {nearest(name, [*self._vocabulary.names(), TOGETHER, INCLUDE])}"
            )
        verb = self._vocabulary[name]
        if not isinstance(located.value, dict):
            located = self._shorthand(name, verb.shorthand, located)
        arguments = self._arguments(name, located, verb.arguments)
        if verb.one_of and not set(verb.one_of) & set(arguments):
            raise self._error(located, f"{name} expects nothing. Expected one of {', '.join(verb.one_of)}.")
        self._check_modifiers(verb, arguments, modifiers)
        given = {key: each.value for key, each in modifiers.items()}
        return Step(name, arguments, located.line, file=item.file, **given), located

    def _refuse_keys(self, item: Located, rest: Mapping[str, Located]) -> NoReturn:
        verbs = [key for key in rest if key in self._vocabulary]
        if len(rest) == len(verbs) + 1 and verbs:
            key = next(key for key in rest if key not in verbs)
            raise self._error(rest[key], f"unknown key {key!r} beside {verbs[0]}. {nearest(key, MODIFIERS)}")
        raise self._error(item, f"a step is {item.plain()!r}. Expected one '<party>.<verb>:' with its arguments.")

    def _check_modifiers(self, verb: Verb, arguments: Mapping[str, Any], modifiers: Mapping[str, Located]) -> None:
        for key, located in modifiers.items():
            if fault := MODIFIERS[key].fault_of(located.plain()):
                raise self._error(located, f"{key!r} is {located.plain()!r}. {fault}")
            if flaw := MODIFIERS[key].flaw_of(verb, arguments):
                raise self._error(located, f"{key!r}: {flaw}")

    def _check(self, step: Step, located: Located, verb: Verb, saved: Saved, owner: str) -> None:
        """Check the words of a step, with an example for each ``${name}``, and collect the errors."""
        if flaw := saved.flaw_of(step):
            self._errors.add(self._error(located, f"{owner}: {flaw}"))
        else:
            for key, found in verb.flaws(verb.filled(step.arguments, saved.fill), saved.fill(saved.own)):
                if saved.is_guess(step.arguments[key]):
                    continue  # checked once it is known
                at = located.value[key].at(found.path)
                self._errors.add(self._error(at, f"{owner}: {key}: {found.message}{_explained(at.plain())}"))
        saved.add(step)

    def _shorthand(self, name: str, argument: str, located: Located) -> Located:
        if located.value is None:
            return replace(located, value={})
        if not argument:
            raise self._error(located, f"{name} is {located.plain()!r}. Expected a mapping of arguments.")
        return replace(located, value={argument: located})

    def _arguments(self, owner: str, given: Located, known: tuple[Argument, ...]) -> Mapping[str, Any]:
        by_name = {argument.name: argument for argument in known}
        for key, located in given.value.items():
            if key not in by_name:
                raise self._error(located, f"{owner} has no argument {key!r}. {nearest(key, by_name)}")
            if fault := by_name[key].kind.fault_of(located.plain()):
                raise self._error(located, f"{owner}: {key!r} is {located.plain()!r}. {fault}")
        for argument in known:
            if argument.required and argument.name not in given.value:
                raise self._error(
                    given, f"{owner} lacks its argument {argument.name!r}. Expected {argument.kind.words}."
                )
        return {key: located.plain() for key, located in given.value.items()}

    def _error(self, located: Located, message: str) -> ScenarioFileError:
        return ScenarioFileError(located.file or self._file, located.line, message)


def _misplaced(modifiers: Mapping[str, Located]) -> str:
    """Return why a list of steps cannot be where one step is expected."""
    if modifiers:
        return f"takes no {' and no '.join(map(repr, modifiers))}. Expected it without another key."
    return f"in {TOGETHER!r}. Expected the steps themselves."


def _names_table(examples: Located) -> bool:
    return isinstance(examples.value, str) and examples.value.lower().endswith(CSV)


def _explained(value: object) -> str:
    """Return what the names in a value stand for, a sentence each."""
    return "".join(f" ${{{name}}} is {kind_of(name)}." for name in dict.fromkeys(names_in(value)))


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if YEARS[0] <= moment.year <= YEARS[1] else None
