"""``privman-scenarios record``."""

import argparse
from functools import partial

from privman_contracts import Contracts
from privman_core import interrupts
from privman_core.clock import RealClock
from privman_core.command_line import Commands, Exit, UsageError
from privman_scenarios.commands import arguments
from privman_scenarios.commands.output_files import Once, check, path
from privman_scenarios.commands.reporting import Reports, add_reports
from privman_scenarios.engine import Engine
from privman_scenarios.output import say
from privman_scenarios.recordings.har_reader import read_har
from privman_scenarios.recordings.har_writer import to_har
from privman_scenarios.recordings.recorded import Recorded
from privman_scenarios.recordings.recorder import Recorder
from privman_scenarios.recordings.redaction import redact
from privman_scenarios.verbs import vocabulary

# What the conversion of recordings obeys; the rest is about playing.
_OF_HAR = {"har", "out", "with_secrets", "inferred", "execute"}


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("record", help="play scenarios and keep every exchange in a HAR file")
    arguments.add_scenarios(parser)
    arguments.add_targets(parser)
    add_reports(parser)
    parser.add_argument("--out", type=path, action=Once, required=True, metavar="FILE", help="the HAR file to write")
    parser.add_argument(
        "--har", type=path, action="append", metavar="FILE", help="take over what a browser or proxy recorded instead"
    )
    parser.add_argument("--with-secrets", action="store_true", help="mask nothing but what a fake masks itself")
    parser.set_defaults(execute=partial(execute, parser))


def execute(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Exit:
    """Write the recording; raises UnusableFileError, ContractError, TargetUnreachableError and OSError."""
    contracts = Contracts.load(options.inferred)
    if options.har:
        _refuse_beside_har(parser, options)
    check(options)
    # Written before anything is played, so that a file that cannot be is told at once.
    options.out.write_bytes(to_har([]))
    if options.har:
        return _write(options, contracts, [each for file in options.har for each in read_har(file)])
    return _play(options, contracts)


def _refuse_beside_har(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Raise UsageError for what only playing obeys: nothing is played."""
    given, bare = vars(options), vars(parser.parse_args(["--out", str(options.out)]))
    for name in sorted(set(given) - _OF_HAR):
        if given[name] != bare[name]:
            option = "PATH" if name == "paths" else f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} can't be combined with --har, which plays nothing.")


def _play(options: argparse.Namespace, contracts: Contracts) -> Exit:
    """Play the scenarios and write what passed, interrupted or not."""
    clock = RealClock()
    scenarios, reports = arguments.scenarios(options), Reports(options)
    worlds = arguments.worlds(options)
    recorder = Recorder(worlds, clock)
    worlds.listeners.append(recorder.heard)
    engine = Engine(vocabulary(), recorder, [*reports.listeners, recorder], clock, journals=reports.journals)
    try:
        with reports.watching(worlds):
            ended = interrupts.run(engine.run(scenarios, options.seed))
    finally:
        kept = _write(options, contracts, recorder.exchanges)
    return kept if ended.held and not reports.error else Exit.DID_NOT_HOLD


def _write(options: argparse.Namespace, contracts: Contracts, exchanges: list[Recorded]) -> Exit:
    kept = exchanges if options.with_secrets else redact(exchanges, contracts)
    options.out.write_bytes(to_har(kept))
    say(f"{options.out}: {len(kept)} exchanges{'' if options.with_secrets else ', secrets masked'}")
    return Exit.HELD if kept else Exit.DID_NOT_HOLD
