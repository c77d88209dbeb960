"""The command ``privman-scenarios``."""

import sys
from collections.abc import Sequence
from contextlib import suppress

from privman_contracts import ContractError
from privman_core.command_line import Exit, OneLineParser, UsageError, prepare_output
from privman_core.inputs import reason_of
from privman_core.interrupts import terminable
from privman_scenarios.errors import TargetUnreachableError, UnusableFileError, WorkerLostError
from privman_scenarios.output import complain
from privman_scenarios.playing.processes import tuned_gc

_COMMAND = "privman-scenarios"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code (interfaces: Commands)."""
    given = sys.argv[1:] if arguments is None else arguments
    prepare_output()
    try:
        with terminable(_COMMAND), tuned_gc():
            options = _parser().parse_args(_checked(given))
            code: int = options.execute(options)
    except SystemExit as end:
        if end.code == Exit.UNUSABLE:
            _void(given, "the command line is unusable, so nothing was played")
        raise
    except (UnusableFileError, ContractError, UsageError) as error:
        _void(given, str(error))
        return _complain(str(error), Exit.UNUSABLE)
    except OSError as error:
        message = ": ".join(filter(None, [error.filename, reason_of(error)]))
        _void(given, message)
        return _complain(message, Exit.UNUSABLE)
    except (TargetUnreachableError, WorkerLostError) as error:
        lost = isinstance(error, WorkerLostError)
        return _complain(str(error), Exit.DID_NOT_HOLD if lost else Exit.UNREACHABLE)
    except KeyboardInterrupt as end:
        return _complain(" ".join(["interrupted", *end.args]), Exit.INTERRUPTED)
    return code


def _checked(arguments: Sequence[str]) -> Sequence[str]:
    """Return the arguments; raises UsageError for what no system call takes, though Python code may pass it."""
    if any("\0" in argument for argument in arguments):
        raise UsageError("an argument holds a null byte.")
    return arguments


def _void(arguments: Sequence[str], error: str) -> None:
    """Let no report of an earlier run pass for that of this one, which could not begin."""
    from privman_scenarios.commands.reporting import void  # noqa: PLC0415 - see _parser

    with suppress(OSError, ValueError):
        void(arguments, error)


def _complain(message: str, code: Exit) -> Exit:
    complain(_COMMAND, message)
    return code


def _parser() -> OneLineParser:
    # Loading them takes most of a second, in which somebody may press Ctrl-C already.
    from privman_scenarios.commands import (  # noqa: PLC0415 - within what tells of an interrupt
        contract_sets,
        fidelity,
        mutate,
        recordings,
        run,
        schema,
    )

    parser = OneLineParser(prog=_COMMAND, description="Plays scenarios of the webhook round trip over HTTP.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        schema.add,
        run.add,
        mutate.add,
        contract_sets.add_contracts,
        contract_sets.add_matrix,
        fidelity.add,
        recordings.add_record,
        recordings.add_drift,
    ):
        add(commands)
    return parser
