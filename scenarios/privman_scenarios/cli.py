"""The command ``privman-scenarios``."""

from collections.abc import Sequence

from privman_contracts import ContractError
from privman_scenarios.commands import contracts, drift, fidelity, matrix, mutate, record, run, schema
from privman_scenarios.commands.terminable import terminable
from privman_scenarios.errors import TargetUnreachableError, UnusableFileError
from privman_scenarios.garbage import collected_seldom
from privman_testbench.command_line import Exit, OneLineParser, UsageError, complain
from privman_testbench.reasons import reason_of

_COMMAND = "privman-scenarios"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code (interfaces: Commands)."""
    options = _parser().parse_args(arguments)
    try:
        with terminable(), collected_seldom():
            code: int = options.execute(options)
    except (UnusableFileError, ContractError, UsageError) as error:
        return _complain(str(error), Exit.UNUSABLE)
    except OSError as error:
        return _complain(": ".join(filter(None, [error.filename, reason_of(error)])), Exit.UNUSABLE)
    except TargetUnreachableError as error:
        return _complain(str(error), Exit.UNREACHABLE)
    except KeyboardInterrupt as end:
        return _complain(" ".join(["interrupted", *end.args]), Exit.INTERRUPTED)
    return code


def _complain(message: str, code: Exit) -> Exit:
    complain(_COMMAND, message)
    return code


def _parser() -> OneLineParser:
    parser = OneLineParser(prog=_COMMAND, description="Plays scenarios of the webhook round trip over HTTP.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (schema, run, mutate, contracts, matrix, fidelity, record, drift):
        command.add(commands)
    return parser
