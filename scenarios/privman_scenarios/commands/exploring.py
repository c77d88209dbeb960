"""The options of ``run`` that play variations of scenarios."""

import argparse
from collections.abc import Sequence

from privman_core.clock import RealClock
from privman_core.command_line import UsageError
from privman_scenarios.commands import arguments
from privman_scenarios.commands.output_files import Once, path
from privman_scenarios.commands.reporting import Reports
from privman_scenarios.exploration import Exploration
from privman_scenarios.failures import keep
from privman_scenarios.generation.walks import walks
from privman_scenarios.interleaving.orders import Bound
from privman_scenarios.model import Scenario
from privman_scenarios.output import say
from privman_scenarios.player import Player
from privman_scenarios.workshop import Workshop
from privman_scenarios.world import WorldBuilder

# Every order of four steps that happen together.
ORDERS = 24


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--sweep", action="store_true", help="then play each message of a scenario with each fault")
    parser.add_argument("--interleave", action="store_true", help="then play what happens together in every order")
    parser.add_argument(
        "--generate", type=arguments.count, default=0, metavar="N", help="then play N scenarios drawn by the seed"
    )
    parser.add_argument(
        "--orders", type=arguments.count, default=ORDERS, metavar="N", help=f"at most that many orders ({ORDERS})"
    )
    parser.add_argument(
        "--failures-dir", type=path, action=Once, metavar="DIR", help="write variations that fail as scenarios"
    )


def is_asked(options: argparse.Namespace) -> bool:
    """Tell whether more than the scenarios is to be played; raises UsageError for an option that counts for nothing."""
    if options.orders != ORDERS and not options.interleave:
        raise UsageError("--orders stands alone. Expected --interleave beside it.")
    is_asked = bool(options.sweep or options.interleave or options.generate)
    if options.failures_dir and not is_asked:
        raise UsageError("--failures-dir stands alone. Expected --sweep, --interleave or --generate beside it.")
    return is_asked


def explore(scenarios: Sequence[Scenario], worlds: WorldBuilder, reports: Reports, options: argparse.Namespace) -> bool:
    """Play the scenarios and their variations; returns whether all held."""
    bound = Bound(options.orders, options.seed) if options.interleave else None
    workshop = Workshop(Player(worlds, options.strict, reports.journals), options.sweep, bound, reports.exercised)
    if options.failures_dir:
        options.failures_dir.mkdir(parents=True, exist_ok=True)
    exploration = Exploration(workshop, reports.listeners, RealClock(), worlds.at_a_time(options.jobs))
    ended = exploration.run(scenarios, options.seed, tuple(walks(options.generate, options.seed)))
    say(f"{exploration.varied} variations were played, {len(exploration.found)} of them failed")
    if options.failures_dir:
        for file in keep(workshop, exploration.found, options.seed, options.failures_dir):
            say(f"wrote {file}")
    _fail_unless_played(scenarios, exploration, reports)
    return ended.held


def _fail_unless_played(scenarios: Sequence[Scenario], exploration: Exploration, reports: Reports) -> None:
    if exploration.varied and not scenarios:
        reports.fail("No scenario of a file was played, so nothing holds")
    if scenarios and not exploration.varied:
        reports.fail("No variation was played, so nothing holds")
