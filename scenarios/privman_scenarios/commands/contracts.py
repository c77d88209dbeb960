"""``privman-scenarios contracts diff``."""

import argparse
from collections.abc import Sequence

from privman_contracts.compatibility import Change, compare
from privman_contracts.contracts import open_set
from privman_core.command_line import Commands, Exit
from privman_scenarios.output import say

SETS = "packaged, a file of wire names, a folder privman_contracts, or a wheel"


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("contracts", help="compare sets of contracts")
    diff = parser.add_subparsers(required=True, metavar="diff").add_parser(
        "diff", help="say which changes break whom, and fail if one does"
    )
    diff.add_argument("old", metavar="OLD", help=SETS)
    diff.add_argument("new", metavar="NEW", help="the same")
    diff.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> Exit:
    """Print every change; raises ContractError for a set that cannot be used."""
    changes = compare(open_set(options.old), open_set(options.new))
    say("\n".join([*map(str, changes), _summary(changes)]))
    return Exit.DID_NOT_HOLD if any(change.broken for change in changes) else Exit.HELD


def _summary(changes: Sequence[Change]) -> str:
    if not changes:
        return "Nothing changed."
    breaking = [change for change in changes if change.broken]
    broken = sorted(frozenset().union(*(change.broken for change in breaking)))
    whom = f" {', '.join(broken)}" if broken else " nobody"
    return f"{len(changes)} changed, {len(breaking)} of them breaking; breaks{whom}."
