"""``privman-scenarios run``."""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from privman_scenarios.commands import arguments
from privman_scenarios.engine import Engine
from privman_scenarios.events import RunEnded
from privman_scenarios.reports.html import HtmlReport
from privman_scenarios.reports.junit import JUnitReport
from privman_scenarios.reports.terminal import TerminalReport
from privman_scenarios.verbs import vocabulary
from privman_testbench.command_line import Commands, Exit
from privman_testbench.real_clock import RealClock


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("run", help="play scenarios, the packaged catalog by default")
    arguments.add_scenarios(parser)
    arguments.add_targets(parser)
    parser.add_argument("--junit-xml", type=Path, metavar="FILE", help="write a JUnit report")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report as one page")
    parser.add_argument("--strict", action="store_true", help="fail when ServiceNow swallowed something")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> Exit:
    """Play the scenarios and write the reports."""
    scenarios = arguments.scenarios(options)
    terminal, junit, html = TerminalReport(Console(highlight=False)), JUnitReport(), HtmlReport()
    written = [(report, file) for report, file in ((junit, options.junit_xml), (html, options.html)) if file]
    # Written before anything is played, so that a file that cannot be is told at once.
    _write(written)
    worlds = arguments.worlds(options)
    engine = Engine(vocabulary(), worlds, [terminal, junit, html], RealClock(), strict=options.strict)
    try:
        ended: RunEnded = asyncio.run(engine.run(scenarios, options.seed))
    finally:
        # Interrupted or not, what has run is told.
        terminal.close()
        _write(written)
    return Exit.HELD if ended.held else Exit.DID_NOT_HOLD


def _write(reports: Sequence[tuple[JUnitReport | HtmlReport, Path]]) -> None:
    for report, file in reports:
        report.write(file)
