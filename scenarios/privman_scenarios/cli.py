"""The command ``privman-scenarios``."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from rich.console import Console

from privman_contracts import ContractError
from privman_scenarios.catalog import catalog_files, scenario_files
from privman_scenarios.engine import Engine
from privman_scenarios.errors import ScenarioFileError, TargetUnreachableError
from privman_scenarios.events import RunEnded
from privman_scenarios.loader import Loader
from privman_scenarios.model import Scenario
from privman_scenarios.reports.html import HtmlReport
from privman_scenarios.reports.junit import JUnitReport
from privman_scenarios.reports.terminal import TerminalReport
from privman_scenarios.schema import scenario_schema
from privman_scenarios.verbs import vocabulary
from privman_scenarios.world import Remote, WorldBuilder
from privman_testbench.real_clock import RealClock

HELD, DID_NOT_HOLD, UNUSABLE, UNREACHABLE = range(4)
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    if options.command == "schema":
        sys.stdout.write(json.dumps(scenario_schema(vocabulary()), indent=2) + "\n")
        return HELD
    try:
        return _run(options)
    except (ScenarioFileError, ContractError, OSError) as error:
        return _complain(str(error), UNUSABLE)
    except TargetUnreachableError as error:
        return _complain(str(error), UNREACHABLE)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)


def _run(options: argparse.Namespace) -> int:
    scenarios = _select(options.paths, options.tag)
    terminal, junit, html = TerminalReport(Console(highlight=False)), JUnitReport(), HtmlReport()
    written = [(report, file) for report, file in ((junit, options.junit_xml), (html, options.html)) if file]
    # Written before anything is played, so that a file that cannot be is told at once.
    _write(written)
    worlds = WorldBuilder(options.seed, options.inferred, _servicenow(options), _console(options))
    engine = Engine(vocabulary(), worlds, [terminal, junit, html], RealClock(), strict=options.strict)
    try:
        ended: RunEnded = asyncio.run(engine.run(scenarios, options.seed))
    finally:
        # Interrupted or not, what has run is told.
        terminal.close()
        _write(written)
    return HELD if ended.held else DID_NOT_HOLD


def _write(reports: Sequence[tuple[JUnitReport | HtmlReport, Path]]) -> None:
    for report, file in reports:
        report.write(file)


def _select(paths: Sequence[Path], tags: Sequence[str]) -> list[Scenario]:
    scenarios = Loader(vocabulary()).load(scenario_files(paths) if paths else catalog_files())
    return [scenario for scenario in scenarios if scenario.tags.issuperset(tags)]


def _servicenow(options: argparse.Namespace) -> Remote | None:
    if not options.servicenow_url:
        return None
    return Remote(options.servicenow_url, options.servicenow_user, os.environ.get("SERVICENOW_PASSWORD", "admin"))


def _console(options: argparse.Namespace) -> Remote | None:
    return Remote(options.console_url) if options.console_url else None


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"privman-scenarios: {message}\n")
    return code


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2 and the complaint."""
        self.exit(UNUSABLE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="privman-scenarios", description="Plays scenarios of the webhook round trip over HTTP.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('mock-servicenow')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("schema", help="print the JSON Schema of scenario files")
    run = commands.add_parser("run", help="play scenarios, the packaged catalog by default")
    run.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="scenario files or folders of them")
    run.add_argument("--servicenow-url", type=_url, metavar="URL", help="play against this ServiceNow instance")
    run.add_argument(
        "--servicenow-user", default="admin", metavar="NAME", help="its user (admin); password from SERVICENOW_PASSWORD"
    )
    run.add_argument("--console-url", type=_url, metavar="URL", help="play against this console")
    run.add_argument(
        "--tag", action="append", default=[], metavar="TAG", help="only scenarios with this tag (repeatable)"
    )
    run.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same ids (0)")
    run.add_argument("--inferred", type=Path, metavar="FILE", help="wire names that your instance has differently")
    run.add_argument("--junit-xml", type=Path, metavar="FILE", help="write a JUnit report")
    run.add_argument("--html", type=Path, metavar="FILE", help="write a report as one page")
    run.add_argument("--strict", action="store_true", help="fail when ServiceNow swallowed something")
    return parser


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} is no address. Expected http(s)://host[:port].")
    return text
