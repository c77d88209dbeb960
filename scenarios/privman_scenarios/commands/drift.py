"""``privman-scenarios drift``."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from privman_contracts import Contracts, PartyName, wire_names
from privman_core.command_line import Commands, Exit
from privman_scenarios.commands.output_files import Once, path
from privman_scenarios.drift.drift import Drift, count_compared, find_drift
from privman_scenarios.output import say
from privman_scenarios.recordings.har_reader import read_har

_EXPECTED = "Expected an exchange of a contract, answered with more than an empty list."
_PARTIES: Mapping[PartyName, str] = {"servicenow": "instance", "console": "console"}


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
    recordings = {file: read_har(file) for file in options.files}
    drift = find_drift([*chain.from_iterable(recordings.values())], Contracts.load(options.inferred))
    idle = [file for file, each in recordings.items() if not count_compared(each, drift.contracts)]
    say("\n".join(_lines(drift, idle)))
    differs = drift.renamed or drift.unexplained or drift.failed or idle
    return Exit.DID_NOT_HOLD if differs else Exit.HELD


def _lines(drift: Drift, idle: Sequence[Path]) -> Iterator[str]:
    """Yield the names that explain the drift as YAML, and all else as its comments."""
    for renamed in drift.renamed:
        yield f"# {renamed}"
    if drift.renamed:
        yield wire_names.override_text(replace(each.name, value=each.value) for each in drift.renamed).rstrip()
    if drift.unexplained:
        yield "# No other name explains these:"
    for unexplained in drift.unexplained:
        yield f"# {unexplained}"
    if not drift.compared:
        yield f"# Nothing was compared. {_EXPECTED}"
    for file in idle if drift.compared else ():
        yield f"# {file}: nothing of it was compared. {_EXPECTED}"
    for party in drift.failed if drift.compared else ():
        yield f"# Nothing but failures came from the {_PARTIES[party]}. Expected an answer to judge it by."
    differing = f"{len(drift.renamed)} names differ, {len(drift.unexplained)} differences are of another kind"
    yield f"# {drift.compared} exchanges compared, {drift.left_out} left out; {differing}"
