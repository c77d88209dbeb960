"""``privman-scenarios run``."""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from privman_core import interrupts
from privman_core.clock import RealClock
from privman_core.command_line import Commands, Exit
from privman_scenarios.commands import arguments, exploring
from privman_scenarios.commands.reporting import Reports, add_reports
from privman_scenarios.commands.watch import watch
from privman_scenarios.model import Scenario
from privman_scenarios.player import Player, Run
from privman_scenarios.processes import worthwhile
from privman_scenarios.world import WorldBuilder


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("run", help="play scenarios, the packaged catalog by default")
    arguments.add_scenarios(parser)
    arguments.add_targets(parser)
    exploring.add(parser)
    add_reports(parser)
    arguments.add_jobs(parser)
    parser.add_argument("--strict", action="store_true", help="fail when ServiceNow swallowed something")
    parser.add_argument("--watch", action="store_true", help="play again what a changed file touches, until Ctrl-C")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> Exit:
    """Play the scenarios and write the reports, again and again where changes are watched."""
    if not options.watch:
        return _run(options, arguments.files(options))
    return watch(partial(_run, options), partial(arguments.files, options), options.inferred)


def _run(options: argparse.Namespace, files: Sequence[Path]) -> Exit:
    scenarios = arguments.scenarios(options, files)
    reports, worlds = Reports(options), arguments.worlds(options)
    with reports.watching(worlds):
        held = _play(scenarios, worlds, reports, options)
        if options.strict and worlds.unseen:
            reports.fail(f"--strict has nothing to judge by, as no findings are seen: {worlds.unseen}")
    return Exit.HELD if held and not reports.error else Exit.DID_NOT_HOLD


def _play(scenarios: Sequence[Scenario], worlds: WorldBuilder, reports: Reports, options: argparse.Namespace) -> bool:
    if exploring.is_asked(options):
        return exploring.explore(scenarios, worlds, reports, options)
    player = Player(worlds, options.strict, reports.journals)
    jobs = worthwhile(worlds.at_a_time(options.jobs), len(scenarios))
    if jobs > 1:
        return Run(player, reports.listeners, RealClock(), jobs).play(scenarios, options.seed).held
    return interrupts.run(player.engine(reports.listeners).run(scenarios, options.seed)).held
