"""Read the steps of one scenario: each has a verb of the vocabulary, its arguments, and perhaps keys beside it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NoReturn

from privman_core.near_words import advice
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.collected_errors import CollectedErrors
from privman_scenarios.language.includes import INCLUDE
from privman_scenarios.language.model import SET_UP, Step
from privman_scenarios.language.step_modifiers import MODIFIERS
from privman_scenarios.language.variables import Saved, kind_of, names_in
from privman_scenarios.language.vocabulary import Argument, Verb
from privman_scenarios.language.yaml_nodes import Located, Row, fill_example

TOGETHER = "together"
_BEFORE_STEPS = "'given' goes before every step. To set up after one, write 'given: nothing' and a step console.set-up."


class StepReader:
    """Reads the steps for one row of examples, in the order in which they are played; errors are collected.

    Args:
        file: of the scenario.
        saved: names that the steps so far have saved.
        checks_words: whether the own words of the scenario are known.
    """

    def __init__(
        self,
        file: str,
        row: Row,
        saved: Saved,
        errors: CollectedErrors,
        *,
        checks_words: bool,
    ) -> None:
        self._vocabulary = saved.vocabulary
        self._file = file
        self._row = row
        self._saved = saved
        self._errors = errors
        self._checks_words = checks_words
        saved.is_partial = not checks_words

    @contextmanager
    def _read(self) -> Iterator[None]:
        """Collect the error of what cannot be read; nobody knows what it would have saved."""
        with self._errors.caught():
            yield
            return
        self._saved.is_partial = True

    def given(self, located: Located, line: int) -> Mapping[str, Any] | None:
        """Return the options of the set-up; None to begin with nothing set up.

        Args:
            located: what `given` has.
            line: of the scenario.
        """
        with self._read():
            return self._given(fill_example(located, self._row, self._file), line)
        return None

    def _given(self, located: Located, line: int) -> Mapping[str, Any] | None:
        if located.value == "nothing":
            return None
        if not isinstance(located.value, dict):
            raise self._error(located, f"'given' is {located.plain()!r}. Expected 'nothing', or options of the set-up.")
        set_up = self._vocabulary[SET_UP]
        step = Step(SET_UP, self._arguments("given", located, set_up.arguments), line)
        if missing := self._saved.missing(step):
            raise self._error(located, f"given: {missing} {_BEFORE_STEPS if 'earlier' in missing else ''}".rstrip())
        self._check(step, located, set_up, "given")
        return step.arguments

    def steps(self, located: Located) -> tuple[Step, ...]:
        """Return the steps."""
        if not isinstance(located.value, list) or not located.value:
            self._errors.add(self._error(located, "'steps' is empty. Expected a list of steps."))
            return ()
        return tuple(step for item in located.value for step in self._step_or_race(item))

    def _step_or_race(self, item: Located) -> Iterator[Step]:
        if isinstance(item.value, dict) and list(item.value) == [TOGETHER]:
            yield from self._together(item.value[TOGETHER])
        else:
            yield from self._step(item)

    def teardown(self, located: Located) -> tuple[Step, ...]:
        """Return the steps that are played after all others."""
        if not isinstance(located.value, list) or not located.value:
            message = f"'teardown' is {located.plain()!r}. Expected a list of steps."
            self._errors.add(self._error(located, message))
            return ()
        return tuple(step for item in located.value for step in self._one_after_the_other(item))

    def _one_after_the_other(self, item: Located) -> Iterator[Step]:
        if isinstance(item.value, dict) and TOGETHER in item.value:
            message = f"{TOGETHER!r} in 'teardown', whose steps are played one after the other."
            self._errors.add(self._error(item, message))
            return
        yield from self._step(item)

    def _together(self, located: Located) -> Iterator[Step]:
        if not isinstance(located.value, list) or len(located.value) < 2:  # noqa: PLR2004 - it takes two to race
            message = f"{TOGETHER!r} is {located.plain()!r}. Expected a list of at least two steps."
            self._errors.add(self._error(located, message))
            return
        for item in located.value:
            for step in self._step(item):
                if step.eventually:
                    message = f"'eventually' in {TOGETHER!r}, whose steps happen at the same moment."
                    self._errors.add(self._error(item, message))
                yield replace(step, together=located.line)

    def _step(self, item: Located) -> Iterator[Step]:
        """Yield the step, or nothing if it cannot be read."""
        with self._read():
            step, located = self._parsed(fill_example(item, self._row, self._file))
            self._check(step, located, self._vocabulary[step.verb], step.verb)
            yield step

    def _parsed(self, item: Located) -> tuple[Step, Located]:
        """Return a step and its arguments with their places; raises ScenarioFileError."""
        keys = item.value if isinstance(item.value, dict) else {}
        modifiers = {key: each for key, each in keys.items() if key in MODIFIERS}
        rest = {key: each for key, each in keys.items() if key not in MODIFIERS}
        if len(rest) != 1:
            self._refuse_keys(item, rest)
        ((name, located),) = rest.items()
        verb = self._verb(name, located, modifiers)
        if not isinstance(located.value, dict):
            located = self._shorthand(name, verb.shorthand, located)
        arguments = self._arguments(name, located, verb.arguments)
        if verb.one_of and not set(verb.one_of) & set(arguments):
            raise self._error(located, f"{name} expects nothing. Expected one of {', '.join(verb.one_of)}.")
        self._check_modifiers(verb, arguments, modifiers)
        given = {key: each.value for key, each in modifiers.items()}
        return Step(name, arguments, located.line, file=item.file, **given), located

    def _verb(self, name: str, located: Located, modifiers: Mapping[str, Located]) -> Verb:
        if name in (TOGETHER, INCLUDE):
            raise self._error(located, f"{name!r} {_misplaced(modifiers)}")
        if name not in self._vocabulary:
            known = [*self._vocabulary.names(), TOGETHER, INCLUDE]
            raise self._error(located, f"unknown step {name!r}. {advice(name, known)}")
        return self._vocabulary[name]

    def _refuse_keys(self, item: Located, rest: Mapping[str, Located]) -> NoReturn:
        verbs = [key for key in rest if key in self._vocabulary]
        if len(rest) == len(verbs) + 1 and verbs:
            key = next(key for key in rest if key not in verbs)
            raise self._error(rest[key], f"unknown key {key!r} beside {verbs[0]}. {advice(key, MODIFIERS)}")
        raise self._error(item, f"a step is {item.plain()!r}. Expected one '<party>.<verb>:' with its arguments.")

    def _check_modifiers(self, verb: Verb, arguments: Mapping[str, Any], modifiers: Mapping[str, Located]) -> None:
        for key, located in modifiers.items():
            if fault := MODIFIERS[key].fault_of(located.plain()):
                raise self._error(located, f"{key!r} is {located.plain()!r}. {fault}")
            if flaw := MODIFIERS[key].flaw_of(verb, arguments):
                raise self._error(located, f"{key!r}: {flaw}")

    def _check(self, step: Step, located: Located, verb: Verb, owner: str) -> None:
        """Check the words of a step, with an example for each ``${name}``, and collect the errors."""
        saved = self._saved
        if flaw := "" if saved.is_partial else saved.flaw_of(step):
            self._errors.add(self._error(located, f"{owner}: {flaw}"))
        elif self._checks_words:
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
                raise self._error(located, f"{owner} has no argument {key!r}. {advice(key, by_name)}")
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


def _explained(value: object) -> str:
    """Return what the names in a value stand for, a sentence each."""
    return "".join(f" ${{{name}}} is {kind_of(name)}." for name in dict.fromkeys(names_in(value)))
