"""``privman-scenarios record`` and ``drift``."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from privman_contracts import Contracts, PartyName
from privman_contracts.written_names import override_text
from privman_core import interrupts
from privman_core.clock import RealClock
from privman_core.command_line import Exit, UsageError
from privman_scenarios.analysis.drift import Drift, count_compared, find_drift
from privman_scenarios.analysis.har import read_har, to_har
from privman_scenarios.analysis.recorded import Recorded, redact
from privman_scenarios.analysis.recorder import Recorder
from privman_scenarios.commands import arguments
from privman_scenarios.commands.arguments import check_files
from privman_scenarios.commands.options import record as add_options
from privman_scenarios.commands.reporting import Reports
from privman_scenarios.output import say
from privman_scenarios.playing.engine import Engine
from privman_scenarios.playing.verbs import vocabulary

# What the conversion of recordings obeys; the rest is about playing.
_OF_HAR = {"har", "out", "with_secrets", "inferred", "profile"}


def record(options: argparse.Namespace) -> Exit:
    """Write the recording; raises UnusableFileError, ContractError, TargetUnreachableError and OSError."""
    contracts = Contracts.load(options.inferred)
    if options.har:
        _refuse_beside_har(options)
    check_files(options)
    # Written before anything is played, so that an unwritable file is reported at once.
    options.out.write_bytes(to_har([]))
    if options.har:
        return _write_recording(options, contracts, [each for file in options.har for each in read_har(file)])
    return _play(options, contracts)


def _refuse_beside_har(options: argparse.Namespace) -> None:
    """Raise UsageError for what only playing obeys: nothing is played."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    given, bare = vars(options), vars(parser.parse_args(["--out", str(options.out)]))
    for name in sorted(set(bare) - _OF_HAR):
        resolved = options.settings.get(name)
        if resolved.source == "option" if resolved else given[name] != bare[name]:
            option = "PATH" if name == "paths" else f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} can't be combined with --har, which plays nothing.")


def _play(options: argparse.Namespace, contracts: Contracts) -> Exit:
    """Play the scenarios and write what passed, interrupted or not."""
    arguments.announce(options)
    clock = RealClock()
    scenarios, reports = arguments.scenarios(options), Reports(options)
    worlds = arguments.worlds(options)
    recorder = Recorder(worlds, clock)
    worlds.listeners.append(recorder.heard)
    engine = Engine(vocabulary(), recorder, [*reports.listeners, recorder], clock, journals=reports.journals)
    try:
        with reports.watching(worlds):
            interrupts.run(engine.run(scenarios, options.seed))
    finally:
        kept = _write_recording(options, contracts, recorder.exchanges)
    return kept if reports.result.held else Exit.FAILURE


def _write_recording(options: argparse.Namespace, contracts: Contracts, exchanges: list[Recorded]) -> Exit:
    kept = exchanges if options.with_secrets else redact(exchanges, contracts)
    options.out.write_bytes(to_har(kept))
    say(f"{options.out}: {len(kept)} exchanges{'' if options.with_secrets else ', secrets masked'}")
    return Exit.SUCCESS if kept else Exit.FAILURE


_EXPECTED = "Expected an exchange of a contract, answered with more than an empty list."
_PARTIES: Mapping[PartyName, str] = {"servicenow": "instance", "console": "console"}


def drift(options: argparse.Namespace) -> Exit:
    """Print what differs, as a file for ``--inferred``; raises UnusableFileError and InferredNamesError."""
    recordings = {file: read_har(file) for file in options.files}
    drift = find_drift([*chain.from_iterable(recordings.values())], Contracts.load(options.inferred))
    idle = [file for file, each in recordings.items() if not count_compared(each, drift.contracts)]
    say("\n".join(_drift_lines(drift, idle)))
    differs = drift.renamed or drift.unexplained or drift.failed or idle
    return Exit.FAILURE if differs else Exit.SUCCESS


def _drift_lines(drift: Drift, idle: Sequence[Path]) -> Iterator[str]:
    """Yield the names that explain the drift as YAML, and all else as its comments."""
    for renamed in drift.renamed:
        yield f"# {renamed}"
    if drift.renamed:
        yield override_text(replace(each.name, value=each.value) for each in drift.renamed).rstrip()
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
