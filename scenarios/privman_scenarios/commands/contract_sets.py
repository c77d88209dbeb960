"""``privman-scenarios contracts diff`` and ``matrix``."""

import argparse
from collections.abc import Iterator, Sequence
from itertools import count, product
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.progress import track

from privman_contracts.compatibility import Change, compare
from privman_contracts.contracts import PACKAGED_SET, open_set
from privman_core import interrupts
from privman_core.command_line import Exit
from privman_scenarios.analysis.matrix import Combination, ContractSet, Judge, MatrixVerdict
from privman_scenarios.commands.reports.terminal import print_table, terminal
from privman_scenarios.output import say
from privman_scenarios.playing.mock_options import mock_options
from privman_scenarios.playing.product_facts import releases


def diff(options: argparse.Namespace) -> Exit:
    """Print every change; raises ContractError for a set that cannot be used."""
    changes = compare(open_set(options.old), open_set(options.new))
    say("\n".join([*map(str, changes), _summary(changes)]))
    return Exit.FAILURE if any(change.broken for change in changes) else Exit.SUCCESS


def _summary(changes: Sequence[Change]) -> str:
    if not changes:
        return "Nothing changed."
    breaking = [change for change in changes if change.broken]
    broken = sorted(frozenset().union(*(change.broken for change in breaking)))
    whom = f" {', '.join(broken)}" if broken else " nobody"
    return f"{len(changes)} changed, {len(breaking)} of them breaking; breaks{whom}."


def matrix(options: argparse.Namespace) -> Exit:
    """Print the matrix; raises ContractError for a set that cannot be used."""
    with TemporaryDirectory() as folder:
        verdicts = interrupts.run(_judge(options, Path(folder)))
    sets = {each.name: each for verdict in verdicts for each in (verdict.combination.console, verdict.combination.app)}
    rows = [_row(verdict) for verdict in verdicts]
    print_table(("CONSOLE", "APP", "RELEASE", "SHIP", "WHY NOT"), rows)
    say("\n".join(["", *(f"{each.name}: {each.contracts.names.how_known}" for each in sets.values())]))
    return Exit.FAILURE if any(verdict.reasons for verdict in verdicts) else Exit.SUCCESS


async def _judge(options: argparse.Namespace, folder: Path) -> list[MatrixVerdict]:
    combinations = list(_combinations(options, folder))
    judge = Judge(folder, mock_options(options.settings), basic_auth_allowed=options.basic_auth_allowed)
    shown = track(combinations, console=terminal(), transient=True, disable=not terminal().is_terminal)
    return [await judge.judge(combination) for combination in shown]


def _combinations(options: argparse.Namespace, folder: Path) -> Iterator[Combination]:
    numbers = count()
    usual = str(options.inferred or PACKAGED_SET)
    consoles, apps = (
        [ContractSet.open(name, folder / f"{next(numbers)}.yaml") for name in names or [usual]]
        for names in (options.console, options.app)
    )
    for console, app, release in product(consoles, apps, options.release or releases()):
        yield Combination(console, app, release)


def _row(verdict: MatrixVerdict) -> Sequence[str]:
    combination = verdict.combination
    named = (combination.console.name, combination.app.name, combination.release)
    return (*named, "no" if verdict.reasons else "yes", "\n".join(verdict.reasons))
