"""The command ``privman-scenarios``: loads no more than the asked command's options before it is executed."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privman_core.command_line import Exit, OneLineParser, UsageError, prepare_output
from privman_core.interrupts import terminable
from privman_core.resolution import resolve_options
from privman_core.setting_types import Client
from privman_scenarios.commands import options
from privman_scenarios.extras import explain_missing

if TYPE_CHECKING:
    from privman_scenarios.errors import ScenarioFileError

_COMMAND = "privman-scenarios"


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Attributes:
        help: one line.
        options: adds its options to a parser.
        execute: module of this package and function that executes it, imported only then.
        client: whose settings it obeys; None for none.
    """

    help: str
    options: Callable[[ArgumentParser], None]
    execute: str
    client: Client | None = None


COMMANDS: Mapping[str, Command] = {
    "schema": Command("print the JSON Schema of scenario files", options.schema, "run:print_schema"),
    "run": Command("play scenarios, on two fakes or on systems that already run", options.run, "run:execute", "run"),
    "report merge": Command(
        "join the JSON reports of all shards of a run, and judge the whole", options.merge, "merge:merge", "merge"
    ),
    "mutate": Command(
        "break one duty of the fakes at a time and report which defects no scenario notices",
        options.mutate,
        "mutate:execute",
        "mutate",
    ),
    "parity": Command(
        "play stories over the webhook and over SOAP, and print what changes for a team that moves",
        options.parity,
        "parity:execute",
    ),
    "contracts diff": Command(
        "list the changes from OLD to NEW and the party that each breaks; fail if one breaks any",
        options.diff,
        "contract_sets:diff",
    ),
    "matrix": Command(
        "report which contracts and releases can ship together", options.matrix, "contract_sets:matrix", "matrix"
    ),
    "fidelity": Command(
        "send known traps to a real instance and to a fake, and print where the fake differs",
        options.fidelity,
        "fidelity:execute",
        "fidelity",
    ),
    "load": Command(
        "put both parties under load with Locust, and check that each request and decision arrived once",
        options.load,
        "load:execute",
        "load",
    ),
    "load-compare": Command(
        "compare the statistics of two runs of 'load', and fail if the second is worse",
        options.load_compare,
        "load_compare:execute",
    ),
    "targets": Command(
        "print the settings of 'run', where each is from, and whether each target answers",
        options.targets,
        "targets:execute",
        "run",
    ),
    "record": Command(
        "play scenarios and write every exchange to a HAR file", options.record, "recordings:record", "record"
    ),
    "learn": Command(
        "read the names of the app's tables, columns and words from an instance, with GET alone",
        options.learn,
        "learn:execute",
        "learn",
    ),
    "drift": Command(
        "report where recorded traffic differs from the contracts", options.drift, "recordings:drift", "drift"
    ),
}
_EXIT_CODES = (
    "Exit codes: 0 everything held, 1 something did not or nothing was checked, 2 unusable arguments or files, "
    "3 a target could not be reached or records may be left behind, 130 interrupted."
)
_GROUPS = {"contracts": "compare two sets of contracts", "report": "join reports"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code (interfaces: Commands)."""
    given = sys.argv[1:] if arguments is None else arguments
    prepare_output()
    try:
        with terminable(_COMMAND):
            chosen = _parser().parse_args(_checked(given))
            from privman_scenarios.commands.execution import execute  # noqa: PLC0415 - a command line may be unusable

            return execute(_COMMAND, partial(_run, chosen), partial(_void, given))
    except SystemExit as end:
        if end.code == Exit.UNUSABLE:
            _void(given, "the command line is unusable, so nothing was played")
        raise
    except UsageError as error:
        _void(given, str(error))
        return _complain(str(error), Exit.UNUSABLE)
    except ModuleNotFoundError as error:
        return _complain(explain_missing(error), Exit.UNUSABLE)
    except KeyboardInterrupt as end:
        return _complain(" ".join(["interrupted", *end.args]), Exit.INTERRUPTED)


def _complain(message: str, code: Exit) -> Exit:
    from privman_scenarios.output import complain  # noqa: PLC0415 - only a command that fails pays for it

    complain(_COMMAND, message)
    return code


def _run(chosen: Namespace) -> int:
    if chosen.command.client:
        resolve_options(chosen.command.client, chosen, os.environ, Path())
    module, _, function = chosen.command.execute.partition(":")
    code: int = getattr(import_module(f"privman_scenarios.commands.{module}"), function)(chosen)
    return code


def _checked(arguments: Sequence[str]) -> Sequence[str]:
    """Return the arguments; raises UsageError for what no system call takes, though Python code may pass it."""
    if any("\0" in argument for argument in arguments):
        raise UsageError("an argument holds a null byte.")
    return arguments


def _void(arguments: Sequence[str], error: str, flaws: "Sequence[ScenarioFileError]" = ()) -> None:
    """Let no report of an earlier run pass for that of this one, which could not begin."""
    from privman_scenarios.commands.reporting import void  # noqa: PLC0415 - only a command that fails pays for it

    with suppress(OSError, ValueError):
        void(arguments, error, flaws)


class _CommandParser(OneLineParser):
    """The parser of one command, which adds its options when it is asked to parse."""

    command: Command | None = None

    def parse_known_args(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - as argparse has it
        """Add the options and parse."""
        if self.command:
            self.command.options(self)
            self.set_defaults(command=self.command)
        return super().parse_known_args(*given, **named)


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog=_COMMAND,
        description="Test the webhook integration of Privilege Manager and ServiceNow over HTTP.",
        epilog=_EXIT_CODES,
    )
    groups = {"": parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_CommandParser)}
    for name, command in COMMANDS.items():
        group, _, last = name.rpartition(" ")
        if group not in groups:
            of_group = groups[""].add_parser(group, help=_GROUPS[group])
            groups[group] = of_group.add_subparsers(required=True, metavar="COMMAND", parser_class=_CommandParser)
        description = f"{command.help[:1].upper()}{command.help[1:]}."
        groups[group].add_parser(last, help=command.help, description=description).command = command
    return parser
