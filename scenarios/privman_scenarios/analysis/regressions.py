"""Shrink a failing scenario, and keep it as a file that replays it."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from privman_core.virtual_clock import START
from privman_scenarios.analysis.exploration import VariationRunner
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.model import Scenario, Step
from privman_scenarios.language.step_modifiers import MODIFIERS
from privman_scenarios.language.variables import check_variables, without_variables
from privman_scenarios.language.vocabulary import Vocabulary
from privman_scenarios.language.yaml_nodes import literal
from privman_scenarios.output import printable, write
from privman_scenarios.playing.events import Failure, ScenarioEnded
from privman_scenarios.playing.verbs import vocabulary


def shrink(vocabulary: Vocabulary, scenario: Scenario, fails: Callable[[Scenario], bool]) -> Scenario:
    """Return the scenario with each step and each argument left out without which it still fails."""
    while True:
        smaller = next(filter(fails, _smaller(vocabulary, scenario)), None)
        if smaller is None:
            return scenario
        scenario = smaller


def _smaller(vocabulary: Vocabulary, scenario: Scenario) -> Iterator[Scenario]:
    """Yield the scenario without one of its steps, the last first, then without one of its arguments."""
    steps = scenario.steps
    for index in reversed(range(len(steps) if len(steps) > 1 else 0)):
        yield from _usable(vocabulary, scenario, (*steps[:index], *steps[index + 1 :]))
    for index, step in enumerate(steps):
        for argument in vocabulary[step.verb].arguments:
            if argument.name in step.arguments and not argument.required:
                yield from _usable(
                    vocabulary, scenario, (*steps[:index], _without(step, argument.name), *steps[index + 1 :])
                )


def _usable(vocabulary: Vocabulary, scenario: Scenario, steps: tuple[Step, ...]) -> Iterator[Scenario]:
    """Yield the scenario with these steps, unless one uses what none before it saves or makes."""
    smaller = replace(scenario, steps=steps)
    try:
        check_variables(vocabulary, smaller)
    except ScenarioFileError:
        return
    yield smaller


def _without(step: Step, name: str) -> Step:
    return replace(step, arguments={key: value for key, value in step.arguments.items() if key != name})


TAG = "regression"
_WIDTH = 120


def keep_failures(runner: VariationRunner, found: Iterable[ScenarioEnded], seed: int, folder: Path) -> Iterator[Path]:
    """Write one scenario for each file and invariant that failed, as small as it can be; yields each file.

    The same failure gives the same file, byte for byte; those of files with one name are numbered, and so are those
    whose file is there and was written by somebody else. Raises OSError.
    """
    kept: set[tuple[str, str]] = set()
    written: set[Path] = set()
    for each in found:
        failure = each.failure
        if failure is None:
            continue
        if (each.scenario.file, failure.step) in kept:
            continue
        kept.add((each.scenario.file, failure.step))
        names = _numbered(f"{Path(each.scenario.file).stem}-{failure.step}")
        files = (folder / f"{name}.yaml" for name in names)
        file = next(file for file in files if file not in written and _is_ours(file, failure))
        written.add(file)
        write(file, _regression(runner, each.scenario, failure, seed))
        yield file


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def _is_ours(file: Path, failure: Failure) -> bool:
    """Tell whether the file may be written: it is not there, or was written for such a failure before.

    A link is somebody else's, wherever it leads.
    """
    if not os.path.lexists(file):
        return True
    if file.is_symlink() or not file.is_file():
        return False
    beginning = f"# {failure.step}: expected ".encode()
    with file.open("rb") as opened:
        return opened.read(len(beginning)) == beginning


def to_yaml(scenario: Scenario) -> str:
    """Return a scenario as a file holds it, its steps one after the other."""
    document: dict[str, Any] = {"title": scenario.title, "tags": sorted(scenario.tags)}
    if scenario.source:
        document["source"] = scenario.source
    document["check"] = scenario.check
    if scenario.seed is not None:
        document["seed"] = scenario.seed
    if scenario.clock is not None:
        document["clock"] = scenario.clock.isoformat()
    if scenario.own:
        document["own"] = {
            kind: literal([without_variables(word) for word in words]) for kind, words in scenario.own.items()
        }
    if scenario.when:
        document["when"] = dict(scenario.when)
    document["given"] = "nothing" if scenario.given is None else literal(scenario.given)
    document["steps"] = [_step_to_yaml(step) for step in scenario.steps]
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=_WIDTH)


def _regression(runner: VariationRunner, scenario: Scenario, failure: Failure, seed: int) -> str:
    pinned = replace(
        scenario,
        seed=seed if scenario.seed is None else scenario.seed,
        clock=scenario.clock or START,
        tags=scenario.tags | {TAG},
    )

    def fails(smaller: Scenario) -> bool:
        again = runner.failure(smaller)
        return again is not None and again.step == failure.step

    smallest = shrink(vocabulary(), pinned, fails)
    again = runner.failure(smallest) or failure
    told = f"{failure.step}: expected {again.expected}; got {again.got}\n\n{runner.transcript(smallest)}"
    comment = "\n".join(f"# {printable(line)}".rstrip() for line in told.splitlines())
    return f"{comment}\n{to_yaml(smallest)}"


def _step_to_yaml(step: Step) -> dict[str, Any]:
    modifiers = {name: value for name in MODIFIERS if (value := getattr(step, name))}
    return {step.verb: literal(step.arguments) or None, **modifiers}
