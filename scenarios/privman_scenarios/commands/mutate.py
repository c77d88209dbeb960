"""``privman-scenarios mutate``."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from privman_core.command_line import Commands, Exit
from privman_scenarios.analysis.mutants import Mutant, MutantTrials, MutantVerdict, load_mutants
from privman_scenarios.commands import arguments
from privman_scenarios.language.known import nearest
from privman_scenarios.output import shown
from privman_scenarios.playing.processes import spread

Result = TypeVar("Result")


def watched(console: Console, results: Iterable[Result], total: int, what: str) -> Iterable[Result]:
    """Yield each result, with a line of progress while somebody watches; quiet in a pipe."""
    return track(results, what, total, console=console, transient=True, disable=not console.is_terminal)


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("mutate", help="break one duty at a time; some scenario must notice each")
    arguments.add_scenarios(parser)
    parser.add_argument("--mutant", action="append", type=mutant, metavar="NAME", help="only this one (repeatable)")
    parser.add_argument("--list", action="store_true", help="only list the mutants and the duties they break")
    arguments.add_jobs(parser)
    parser.set_defaults(execute=execute)


def mutant(name: str) -> Mutant:
    """Return the mutant that an argument names."""
    mutants = {each.name: each for each in load_mutants()}
    if name not in mutants:
        raise argparse.ArgumentTypeError(f"unknown mutant {name!r}. {nearest(name, mutants)}")
    return mutants[name]


def execute(options: argparse.Namespace) -> Exit:
    """Try the mutants and tell which survive."""
    console = Console(highlight=False)
    mutants: Sequence[Mutant] = options.mutant or load_mutants()
    if options.list:
        _say(console, (f"{each.name}: {each.duty}" for each in mutants))
        return Exit.HELD
    scenarios = arguments.scenarios(options)
    trials = MutantTrials(scenarios, options.seed)
    failures = spread(trials.failure_without_mutant, scenarios, options.jobs)
    if failing := [each for each in watched(console, failures, len(scenarios), "nothing broken") if each]:
        _say(console, ["Scenarios fail though nothing is broken, so they say nothing of any mutant:", *failing])
        return Exit.DID_NOT_HOLD
    verdicts = watched(console, spread(trials.verdict, mutants, options.jobs), len(mutants), "mutants")
    return _report(console, verdicts)


def _report(console: Console, verdicts: Iterable[MutantVerdict]) -> Exit:
    """Print each verdict as it comes, and at the end the survivors together."""
    told = []
    for verdict in verdicts:
        told.append(verdict)
        _say(console, [_line(verdict)])
    survivors = [verdict.mutant.name for verdict in told if verdict.failure is None]
    _say(console, [f"{len(told)} mutants, {len(told) - len(survivors)} noticed, {len(survivors)} survived", *survivors])
    return Exit.DID_NOT_HOLD if survivors else Exit.HELD


def _line(verdict: MutantVerdict) -> str:
    if verdict.failure is None:
        return f"survived {verdict.mutant.name}: no scenario noticed. {verdict.mutant.duty}"
    where = f"{Path(verdict.failure.file).name}:{verdict.failure.line}"
    return f"noticed  {verdict.mutant.name}: {where}: {verdict.failure.step}"


def _say(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(shown(line), markup=False, soft_wrap=True)
