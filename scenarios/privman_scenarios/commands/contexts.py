"""When, with what and against what a run is played."""

import argparse
import os
import platform
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from privman_contracts import Contracts
from privman_core.client_settings import PROFILE
from privman_core.clock import Clock
from privman_scenarios.commands.reports.results import RunContext

_PACKAGE = "mock-servicenow"


def context_of(options: argparse.Namespace, clock: Clock) -> RunContext:
    """Return the context of a run that begins now; raises InferredNamesError."""
    versions = {
        _PACKAGE: version(_PACKAGE),
        "Python": platform.python_version(),
        "contracts": _digest(options.inferred),
    }
    targets = {
        "ServiceNow": options.servicenow_url or "mock-servicenow",
        "Privilege Manager": options.console_url or "console-sim",
    }
    profile = options.profile or os.environ.get(PROFILE, "")
    return RunContext(clock.now().isoformat(timespec="seconds"), versions, targets, profile)


def _digest(inferred: Path | None) -> str:
    """Return a digest of all parts of the contracts, which a file for ``--inferred`` changes."""
    parts = "\n".join(map(repr, Contracts.load(inferred).parts()))
    return sha256(parts.encode(errors="replace")).hexdigest()[:12]
