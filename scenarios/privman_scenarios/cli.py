"""The command ``privman-scenarios``."""

import sys
from collections.abc import Sequence
from importlib.metadata import version

from privman_contracts import ContractError
from privman_scenarios.commands import contracts, run, schema
from privman_scenarios.commands.exit_codes import INTERRUPTED, UNREACHABLE, UNUSABLE
from privman_scenarios.commands.parser import Parser
from privman_scenarios.errors import TargetUnreachableError, UnusableFileError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.execute(options)
    except (UnusableFileError, ContractError, OSError) as error:
        return _complain(str(error), UNUSABLE)
    except TargetUnreachableError as error:
        return _complain(str(error), UNREACHABLE)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)
    return code


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"privman-scenarios: {message}\n")
    return code


def _parser() -> Parser:
    parser = Parser(prog="privman-scenarios", description="Plays scenarios of the webhook round trip over HTTP.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('mock-servicenow')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (schema, run, contracts):
        command.add(commands)
    return parser
