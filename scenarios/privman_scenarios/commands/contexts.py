"""When, with what and against what a run is played."""

import argparse
import os
import platform
from hashlib import sha256
from pathlib import Path

from privman_contracts import Contracts
from privman_core.client_settings import PROFILE
from privman_core.clock import Clock
from privman_core.command_line import installed_version
from privman_scenarios.commands.reports.file_places import short_place
from privman_scenarios.commands.reports.results import RunContext
from privman_scenarios.playing.mock_options import mock_options


def context_of(options: argparse.Namespace, clock: Clock) -> RunContext:
    """Return the context of a run that begins now; raises InferredNamesError."""
    versions = {
        "mock-servicenow": installed_version(),
        "Python": platform.python_version(),
        "contracts": _digest(options.inferred),
    }
    targets = {
        "ServiceNow": options.servicenow_url or "mock-servicenow",
        "Privilege Manager": options.console_url or "console-sim",
    }
    profile = options.profile or os.environ.get(PROFILE, "")
    return RunContext(clock.now().isoformat(timespec="seconds"), versions, targets, profile, _options(options))


def _options(options: argparse.Namespace) -> dict[str, str]:
    """Return what the run was told of the mock, and of the names that both parties use."""
    here = Path.cwd()
    mock = mock_options(options.settings, dry_run=options.dry_run)
    named = {"Tables": mock.tables, "Rows": mock.data, "Inferred names": filter(None, [options.inferred])}
    files = {name: ", ".join(short_place(str(file), here) for file in given) for name, given in named.items()}
    release = {} if options.servicenow_url else {"Release": mock.release}
    return {**release, **{name: text for name, text in files.items() if text}}


def _digest(inferred: Path | None) -> str:
    """Return a digest of all parts of the contracts, which a file for ``--inferred`` changes."""
    parts = "\n".join(map(repr, Contracts.load(inferred).parts()))
    return sha256(parts.encode(errors="replace")).hexdigest()[:12]
