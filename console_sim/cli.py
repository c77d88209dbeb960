"""The command ``console-sim``."""

import gc
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from console_sim.accounts import DEFAULT_ROLE
from console_sim.app import create_app
from console_sim.errors import StoreError, UnreachableTargetError, UnusableDatabaseError
from console_sim.settings import Settings
from console_sim.setup_command import set_up
from console_sim.setup_steps import DEFAULT_SYSTEM_NAME
from console_sim.store import IN_MEMORY
from privman_contracts import InferredNamesError
from privman_core import interrupts
from privman_core.command_line import (
    Exit,
    OneLineParser,
    UsageError,
    admin_token,
    ca_file,
    complain,
    prepare_output,
    url,
)
from privman_core.ids import Ids
from privman_core.serving import add_serving, banner, chosen_clock, give_memory_back, serving, until_stopped

_COMMAND = "console-sim"
_DEFAULT_PORT = 8090
_ADMIN_TOKEN = "CONSOLE_SIM_ADMIN_TOKEN"  # noqa: S105 - a variable's name
_THEIR_ADMIN_TOKEN = "CONSOLE_ADMIN_TOKEN"  # noqa: S105 - the same
_PASSWORD = "SERVICENOW_PASSWORD"  # noqa: S105 - a variable's name


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code (interfaces: Commands)."""
    prepare_output()
    try:
        with interrupts.terminable(_COMMAND):
            return interrupts.run(_run(_parser().parse_args(arguments)))
    except (UsageError, InferredNamesError, UnusableDatabaseError, StoreError) as error:
        complain(_COMMAND, str(error))
        return Exit.UNUSABLE
    except UnreachableTargetError as error:
        complain(_COMMAND, str(error))
        return Exit.UNREACHABLE
    except KeyboardInterrupt as end:
        complain(_COMMAND, " ".join(["interrupted", *end.args]))
        return Exit.INTERRUPTED


async def _run(options: Namespace) -> int:
    settings = Settings(
        console_url=options.console_url or "",
        inferred=options.inferred,
        admin_token=_admin_token(options.command),
        control_plane=not options.no_admin,
        ca_file=options.ca_file,
        database=options.database,
    )
    if options.command == "serve":
        return await _serve(options, settings)
    password = os.environ.get(_PASSWORD, "")
    if not password:
        raise UsageError(f"{_PASSWORD} is not set; expected the password of {options.servicenow_user!r} in it")
    return await set_up(options, settings, password)


def _admin_token(command: str) -> str:
    """Return the token that the control plane demands; whoever sets a console up may know it by another variable."""
    own = admin_token(_ADMIN_TOKEN, os.environ)
    return own if command == "serve" else os.environ.get(_THEIR_ADMIN_TOKEN, own)


async def _serve(options: Namespace, settings: Settings) -> Exit:
    give_memory_back()
    clock = chosen_clock(options)
    app = create_app(settings, clock=clock, ids=Ids(options.seed).fork("console"))
    async with serving(app, options.host, options.port) as origin:
        await until_stopped(banner(_COMMAND, origin, options, f"clock {options.clock}"))
    await clock.aclose()
    gc.freeze()  # the process ends: searching all that it still holds for garbage would take it a second or more
    return Exit.HELD


def _parser() -> ArgumentParser:
    parser = OneLineParser(prog=_COMMAND, description="A Privilege Manager console to test a webhook with.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve|setup")
    _add_serve(commands.add_parser("serve", help="serve the API, its pages and the control plane"))
    _add_setup(commands.add_parser("setup", help="run the documented set-up against any ServiceNow"))
    return parser


def _add_serve(parser: ArgumentParser) -> None:
    add_serving(parser, _DEFAULT_PORT)
    parser.add_argument("--console-url", type=url, help="under which ServiceNow reaches this console")
    parser.add_argument(
        "--database",
        default=IN_MEMORY,
        metavar="URL",
        help="keeps the console's state over restarts, such as sqlite:///console.db (in memory)",
    )
    _add_common(parser)
    parser.epilog = (
        f"With a token in {_ADMIN_TOKEN} the control plane demands it and the pages a log-in with it; without one both "
        "answer this machine. With --no-admin the pages demand the log-in, too."
    )


def _add_setup(parser: ArgumentParser) -> None:
    parser.add_argument("--servicenow-url", type=url, required=True, metavar="URL", help="Base URL of the instance")
    parser.add_argument(
        "--servicenow-user", required=True, metavar="NAME", help=f"its password is read from {_PASSWORD}"
    )
    parser.add_argument(
        "--console-url",
        type=url,
        default=f"http://127.0.0.1:{_DEFAULT_PORT}",
        help="the console-sim to set up, where ServiceNow calls back (%(default)s)",
    )
    parser.add_argument(
        "--alone", action="store_true", help="set up no console: run the steps in this process, as if one asked"
    )
    parser.add_argument("--name", default=DEFAULT_SYSTEM_NAME, help="name of the foreign system (%(default)s)")
    parser.add_argument("--role", default=DEFAULT_ROLE, help="role of the API user (%(default)s)")
    parser.set_defaults(no_admin=False, database=IN_MEMORY)
    _add_common(parser)


def _add_common(parser: ArgumentParser) -> None:
    parser.add_argument("--ca-file", type=ca_file, metavar="PATH", help="certificates of ServiceNow to trust besides")
    parser.add_argument("--inferred", type=Path, metavar="FILE", help="replaces inferred wire names")
