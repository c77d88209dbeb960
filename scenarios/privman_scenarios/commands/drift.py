"""``privman-scenarios drift``."""

import argparse
from collections.abc import Iterator
from dataclasses import replace

from privman_contracts import Contracts, override
from privman_scenarios.commands.output_files import Once, path
from privman_scenarios.drift.drift import Drift, find_drift
from privman_scenarios.output import say
from privman_scenarios.recordings.har_reader import read_har
from privman_testbench.command_line import Commands, Exit


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("drift", help="name what recorded exchanges have otherwise than the contracts")
    parser.add_argument("files", nargs="+", type=path, metavar="FILE", help="HAR files, recorded here or by a browser")
    parser.add_argument(
        "--inferred", type=path, action=Once, metavar="FILE", help="wire names that are known to differ already"
    )
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> Exit:
    """Print what differs, as a file for ``--inferred``; raises UnusableFileError and InferredNamesError."""
    recording = [recorded for file in options.files for recorded in read_har(file)]
    drift = find_drift(recording, Contracts.load(options.inferred))
    say("\n".join(_lines(drift)))
    return Exit.DID_NOT_HOLD if drift.renamed or drift.unexplained or not drift.compared else Exit.HELD


def _lines(drift: Drift) -> Iterator[str]:
    """Yield the names that explain the drift as YAML, and all else as its comments."""
    for renamed in drift.renamed:
        yield f"# {renamed}"
    if drift.renamed:
        yield override.text(replace(each.name, value=each.value) for each in drift.renamed).rstrip()
    if drift.unexplained:
        yield "# No other name explains these:"
    for unexplained in drift.unexplained:
        yield f"# {unexplained}"
    if not drift.compared:
        yield "# Nothing was compared. Expected an exchange of a contract, answered with more than an empty list."
    differing = f"{len(drift.renamed)} names differ, {len(drift.unexplained)} differences are of another kind"
    yield f"# {drift.compared} exchanges compared, {drift.left_out} left out; {differing}"
