"""``privman-scenarios mutate``."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar, get_args

from rich.console import Console
from rich.progress import track

from privman_core.command_line import Exit
from privman_scenarios.analysis.mutants import Fate, Mutant, MutantTrials, MutantVerdict, load_mutants
from privman_scenarios.commands import arguments
from privman_scenarios.output import presentable
from privman_scenarios.playing.mock_options import mock_options
from privman_scenarios.playing.processes import spread

Result = TypeVar("Result")


def watched(console: Console, results: Iterable[Result], total: int, what: str) -> Iterable[Result]:
    """Yield each result, with a line of progress while somebody watches; quiet in a pipe."""
    return track(results, what, total, console=console, transient=True, disable=not console.is_terminal)


def execute(options: argparse.Namespace) -> Exit:
    """Try the mutants and tell which survive."""
    console = Console(highlight=False)
    mutants: Sequence[Mutant] = options.mutant or load_mutants()
    if options.list:
        _say(console, (f"{each.name}: {each.duty}" for each in mutants))
        return Exit.SUCCESS
    scenarios = arguments.scenarios(options)
    if not scenarios:
        _say(console, ["No scenario was played, so nothing is known of any mutant"])
        return Exit.FAILURE
    trials = MutantTrials(scenarios, options.seed, mock_options(options.settings))
    failures = spread(trials.failure_without_mutant, scenarios, options.jobs)
    if failing := [each for each in watched(console, failures, len(scenarios), "nothing broken") if each]:
        _say(console, ["Scenarios fail though nothing is broken, so they say nothing of any mutant:", *failing])
        return Exit.FAILURE
    verdicts = watched(console, spread(trials.verdict, mutants, options.jobs), len(mutants), "mutants")
    return _report(console, verdicts, is_catalog=not (options.paths or options.tag or options.keyword))


def _report(console: Console, verdicts: Iterable[MutantVerdict], *, is_catalog: bool) -> Exit:
    """Print each verdict as it comes, and at the end those together that were not noticed."""
    names: dict[Fate, list[str]] = {fate: [] for fate in get_args(Fate)}
    for verdict in verdicts:
        names[verdict.fate].append(verdict.mutant.name)
        _say(console, [_line(verdict)])
    total = sum(map(len, names.values()))
    counts = ", ".join(f"{len(each)} {fate}" for fate, each in names.items())
    _say(console, [f"{total} mutants, {counts}", *names["survived"]])
    if names["never struck"]:
        _say(console, ["Your scenarios never do this:", *names["never struck"]])
    return Exit.FAILURE if names["survived"] or (is_catalog and names["never struck"]) else Exit.SUCCESS


def _line(verdict: MutantVerdict) -> str:
    mutant = verdict.mutant
    if verdict.failure is None:
        why = "no scenario noticed" if verdict.fate == "survived" else "your scenarios never do this"
        return f"{verdict.fate} {mutant.name}: {why}. {mutant.duty}"
    where = f"{Path(verdict.failure.file).name}:{verdict.failure.line}"
    return f"noticed  {mutant.name}: {where}: {verdict.failure.step}"


def _say(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(presentable(line), markup=False, soft_wrap=True)
