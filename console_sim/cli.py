"""The command line: ``console-sim serve`` and ``console-sim setup``."""

import asyncio
import os
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from console_sim import roles
from console_sim.foreign_system import plain_url
from console_sim.serving import serve
from console_sim.settings import Settings
from console_sim.setup.order import DEFAULT_NAME
from console_sim.setup_command import set_up
from console_sim.terminal import Exit, UnreachableTargetError, UsageError, complain, say
from privman_contracts import InferredNamesError
from privman_testbench.command_line import ca_file

DEFAULT_PORT = 8090
_MOST_PORT = 65_535
_ADMIN_TOKEN = "CONSOLE_SIM_ADMIN_TOKEN"  # noqa: S105 - a variable's name
_PASSWORD = "SERVICENOW_PASSWORD"  # noqa: S105 - a variable's name


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code (interfaces: Commands)."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_run(options))
    except (UsageError, InferredNamesError) as error:
        complain(str(error))
        return Exit.UNUSABLE
    except UnreachableTargetError as error:
        complain(str(error))
        return Exit.UNREACHABLE


async def _run(options: Namespace) -> int:
    settings = Settings(
        console_url=options.console_url or "",
        inferred=options.inferred,
        admin_token=os.environ.get(_ADMIN_TOKEN, ""),
        control_plane=not options.no_admin,
        ca_file=options.ca_file,
    )
    if options.command == "serve":
        return await serve(options, settings)
    password = os.environ.get(_PASSWORD, "")
    if not password:
        raise UsageError(f"{_PASSWORD} is not set; expected the password of {options.servicenow_user!r} in it")
    try:
        return await set_up(options, settings, password)
    except asyncio.CancelledError:  # an interrupt cancels the command's only task
        complain("interrupted")
        return Exit.DID_NOT_HOLD


class _OneLineParser(ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(Exit.UNUSABLE, f"{self.prog}: {message}\n")


class _ShowVersion(Action):
    """Reads the version only when somebody asks."""

    def __call__(self, parser: ArgumentParser, *_rest: Any) -> NoReturn:  # noqa: ANN401 - as argparse has it
        say(f"console-sim {version('mock-servicenow')}")
        parser.exit(Exit.HELD)


def _parser() -> ArgumentParser:
    parser = _OneLineParser(prog="console-sim", description="A Privilege Manager console to test a webhook with.")
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve|setup")
    _add_serve(commands.add_parser("serve", help="serve the API, its pages and the control plane"))
    _add_setup(commands.add_parser("setup", help="run the documented set-up against any ServiceNow"))
    return parser


def _add_serve(parser: ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="port to listen on, 0 for any (%(default)s)")
    parser.add_argument("--clock", choices=("real", "virtual"), default="real", help="(%(default)s)")
    parser.add_argument("--seed", type=int, help="same seed, same identifiers")
    parser.add_argument("--console-url", type=_url, help="under which ServiceNow reaches this console")
    parser.add_argument("--no-admin", action="store_true", help="no control plane /__admin, like a real console")
    _add_common(parser)
    parser.epilog = f"The control plane answers this machine; others need the token in {_ADMIN_TOKEN}."


def _add_setup(parser: ArgumentParser) -> None:
    parser.add_argument("--servicenow-url", type=_url, required=True, metavar="URL", help="Base URL of the instance")
    parser.add_argument(
        "--servicenow-user", required=True, metavar="NAME", help=f"its password is read from {_PASSWORD}"
    )
    parser.add_argument(
        "--console-url",
        type=_url,
        default=f"http://127.0.0.1:{DEFAULT_PORT}",
        help="where ServiceNow calls back; a console-sim that serves there is set up itself (%(default)s)",
    )
    parser.add_argument("--name", default=DEFAULT_NAME, help="name of the foreign system (%(default)s)")
    parser.add_argument("--role", default=roles.DEFAULT, help="role of the API user (%(default)s)")
    parser.set_defaults(no_admin=False)
    _add_common(parser)


def _add_common(parser: ArgumentParser) -> None:
    parser.add_argument("--ca-file", type=ca_file, metavar="PATH", help="certificates of ServiceNow to trust besides")
    parser.add_argument("--inferred", type=Path, metavar="FILE", help="replaces inferred wire names")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _MOST_PORT:
        raise ArgumentTypeError(f"{text!r} is no port; expected 0 to {_MOST_PORT}")
    return int(text)


def _url(text: str) -> str:
    try:
        return plain_url(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
