"""``privman-scenarios run``."""

import argparse
import asyncio

from privman_scenarios.commands import arguments
from privman_scenarios.commands.reporting import Reports, add_reports
from privman_scenarios.engine import Engine
from privman_scenarios.events import RunEnded
from privman_scenarios.verbs import vocabulary
from privman_testbench.command_line import Commands, Exit
from privman_testbench.real_clock import RealClock


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("run", help="play scenarios, the packaged catalog by default")
    arguments.add_scenarios(parser)
    arguments.add_targets(parser)
    add_reports(parser)
    parser.add_argument("--strict", action="store_true", help="fail when ServiceNow swallowed something")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> Exit:
    """Play the scenarios and write the reports."""
    scenarios = arguments.scenarios(options)
    reports = Reports(options)
    try:
        worlds = arguments.worlds(options)
        engine = Engine(
            vocabulary(), worlds, reports.listeners, RealClock(), strict=options.strict, journals=reports.journals
        )
        ended: RunEnded = asyncio.run(engine.run(scenarios, options.seed))
    finally:
        reports.close()
    return Exit.HELD if ended.held else Exit.DID_NOT_HOLD
