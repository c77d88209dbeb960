"""Arguments that several sub-commands share: which scenarios, and where they are played."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from privman_scenarios.catalog import catalog_files, scenario_files
from privman_scenarios.loader import Loader
from privman_scenarios.model import Scenario
from privman_scenarios.verbs import vocabulary
from privman_scenarios.world import Remote, WorldBuilder
from privman_testbench.command_line import ca_file, url


def add_scenarios(parser: argparse.ArgumentParser) -> None:
    """Add which scenarios are played, and the seed."""
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="scenario files or folders of them")
    parser.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="TAG",
        help="only scenarios with this tag (repeatable: with all of them)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same ids (0)")


def files(options: argparse.Namespace) -> list[Path]:
    """Return the chosen scenario files, the packaged catalog unless some are named; raises ScenarioFileError."""
    return scenario_files(options.paths) if options.paths else catalog_files()


def scenarios(options: argparse.Namespace, chosen: Sequence[Path] | None = None) -> list[Scenario]:
    """Return the chosen scenarios, of the chosen files unless others are named; raises ScenarioFileError."""
    loaded = Loader(vocabulary()).load(files(options) if chosen is None else chosen)
    return [each for each in loaded if each.tags.issuperset(options.tag)]


def add_targets(parser: argparse.ArgumentParser) -> None:
    """Add where scenarios are played."""
    parser.add_argument("--servicenow-url", type=url, metavar="URL", help="play against this ServiceNow instance")
    parser.add_argument(
        "--servicenow-user", default="admin", metavar="NAME", help="its user (admin); password from SERVICENOW_PASSWORD"
    )
    parser.add_argument("--console-url", type=url, metavar="URL", help="play against this console")
    parser.add_argument("--ca-file", type=ca_file, metavar="PATH", help="certificates of theirs to trust besides")
    parser.add_argument("--inferred", type=Path, metavar="FILE", help="wire names that your instance has differently")


def worlds(options: argparse.Namespace) -> WorldBuilder:
    """Return where the chosen targets come from; raises InferredNamesError."""
    console = Remote(options.console_url) if options.console_url else None
    return WorldBuilder(options.seed, options.inferred, _servicenow(options), console, options.ca_file)


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add how many processes play."""
    parser.add_argument("--jobs", type=count, default=os.cpu_count(), metavar="N", help="as many at a time (all cores)")


def count(text: str) -> int:
    """Return a whole number from 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no count; expected a whole number from 1")
    return int(text)


def _servicenow(options: argparse.Namespace) -> Remote | None:
    if not options.servicenow_url:
        return None
    return Remote(options.servicenow_url, options.servicenow_user, os.environ.get("SERVICENOW_PASSWORD", "admin"))
