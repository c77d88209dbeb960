"""When, with what and against what a run is played."""

import argparse
import os
import platform
from hashlib import sha256
from pathlib import Path

from privman_contracts import Contracts, WireNames
from privman_core.client_settings import PROFILE
from privman_core.clock import Clock
from privman_core.command_line import installed_version
from privman_scenarios.commands.reports.file_places import short_place
from privman_scenarios.commands.reports.results import RunContext
from privman_scenarios.playing.mock_options import MockOptions, mock_options
from privman_scenarios.playing.product_facts import digest_of_files

_OTHERS = ("sweep", "interleave", "generate", "reset", "dry-run", "exitfirst")


def context_of(options: argparse.Namespace, clock: Clock) -> RunContext:
    """Return the context of a run that begins now; raises InferredNamesError."""
    versions = {
        "mock-servicenow": installed_version(),
        "Python": platform.python_version(),
        "contracts": _digest(options.inferred),
        **_digests(mock_options(options.settings, dry_run=options.dry_run)),
    }
    targets = {
        "ServiceNow": options.servicenow_url or "mock-servicenow",
        "Privilege Manager": options.console_url or "console-sim",
    }
    profile = options.profile or os.environ.get(PROFILE, "")
    at = clock.now().isoformat(timespec="seconds")
    return RunContext(at, versions, targets, profile, _options(options), options.build or "")


def _options(options: argparse.Namespace) -> dict[str, str]:
    """Return the options that change what the run does, by names for people."""
    here = Path.cwd()
    mock = mock_options(options.settings, dry_run=options.dry_run)
    named = {"Tables": mock.tables, "Rows": mock.data, "Inferred names": filter(None, [options.inferred])}
    known = {"Evidence": WireNames.load(options.inferred).how_known}
    files = {name: ", ".join(short_place(str(file), here) for file in given) for name, given in named.items()}
    release = {} if options.servicenow_url else {"Release": mock.release}
    given = {"Strict": "yes" if vars(options).get("strict") else "no", "Other options": _others(options)}
    return {**release, **{name: text for name, text in (files | given | known).items() if text}}


def _others(options: argparse.Namespace) -> str:
    """Return the other options as a command line has them; 'record' lacks some."""
    given = {name: vars(options).get(name.replace("-", "_")) for name in _OTHERS}
    shown = (f"--{name}" if value is True else f"--{name} {value}" for name, value in given.items() if value)
    orders = f"--orders {options.orders}" if given["interleave"] else ""
    return " ".join(filter(None, [*shown, orders]))


def _digests(mock: MockOptions) -> dict[str, str]:
    """Return a digest of the files with tables, and one of those with rows."""
    digests = {"tables": digest_of_files(mock.tables), "rows": digest_of_files(mock.data)}
    return {name: digest for name, digest in digests.items() if digest}


def _digest(inferred: Path | None) -> str:
    """Return a digest of all parts of the contracts, which a file for ``--inferred`` changes."""
    parts = "\n".join(map(repr, Contracts.load(inferred).parts()))
    return sha256(parts.encode(errors="replace")).hexdigest()[:12]
