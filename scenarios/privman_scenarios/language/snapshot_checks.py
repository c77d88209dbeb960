"""Snapshots that a scenario takes and returns to."""

from privman_core.near_words import advice
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.model import Scenario, Step

TAKES, RESTORES = "world.take-snapshot", "world.restore-snapshot"


def check_snapshots(scenario: Scenario) -> None:
    """Raise ScenarioFileError for the first snapshot that no earlier step takes, is taken twice, or can't be judged."""
    taken: list[str] = []
    for step in scenario.all_steps:
        if flaw := _flaw(scenario, step, taken):
            raise ScenarioFileError(scenario.file_of(step), step.line, f"{step.verb}: {flaw}")
        if step.verb == TAKES:
            taken.append(step.arguments["name"])


def goes_back(scenario: Scenario) -> bool:
    """Return whether a step undoes what was seen, so that invariants of the whole scenario can't be judged."""
    return any(step.verb == RESTORES for step in scenario.all_steps)


def _flaw(scenario: Scenario, step: Step, taken: list[str]) -> str:
    if step.verb == TAKES and step.arguments["name"] in taken:
        return f"duplicate snapshot {step.arguments['name']!r}. Expected another name."
    if step.verb != RESTORES:
        return ""
    if scenario.check == "invariants":
        return "it undoes what invariants judge. Expected 'check: steps'."
    if not taken:
        return f"no earlier step takes a snapshot. Expected {TAKES} before."
    name = step.arguments["name"]
    return "" if name in taken else f"unknown snapshot {name!r}. {advice(name, taken)}"
