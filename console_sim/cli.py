"""The command ``console-sim``."""

import os
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from console_sim.accounts import DEFAULT_ROLE, Role
from console_sim.app import create_app
from console_sim.console_store import IN_MEMORY
from console_sim.errors import NotStoredError, UnreachableTargetError, UnusableDatabaseError
from console_sim.names import name_error
from console_sim.settings import Settings
from console_sim.setup_command import set_up
from console_sim.setup_parameters import DEFAULT_SYSTEM_NAME
from privman_contracts import InferredNamesError
from privman_core.argument_types import ca_file, url
from privman_core.clock import Clock
from privman_core.command_line import Exit, OneLineParser, complain
from privman_core.environment_variables import admin_token
from privman_core.ids import Ids
from privman_core.resolution import add_settings, resolve_options
from privman_core.reverse_proxies import trusted_proxies
from privman_core.serving import add_serving, run_command, serve_command

_COMMAND = "console-sim"
_DEFAULT_PORT = 8090
_MOST_MINUTES = 24 * 60
_WHOLE = re.compile("[0-9]{1,6}")
_ADMIN_TOKEN = "CONSOLE_SIM_ADMIN_TOKEN"  # noqa: S105 - a variable's name
_SERVICENOW_TOKEN = "SERVICENOW_ADMIN_TOKEN"  # noqa: S105 - a variable's name
_REFUSED = (InferredNamesError, UnusableDatabaseError, NotStoredError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code (interfaces: Commands)."""
    try:
        return run_command(_COMMAND, lambda: _run(_parser().parse_args(arguments)), _REFUSED)
    except UnreachableTargetError as error:
        complain(_COMMAND, str(error))
        return Exit.UNREACHABLE


async def _run(options: Namespace) -> int:
    if options.command == "setup":
        return await _set_up(options)
    token = admin_token(_ADMIN_TOKEN, os.environ)
    settings = Settings(
        console_url=options.console_url or "",
        inferred=options.inferred,
        admin_token=token,
        control_plane=not options.no_admin,
        ca_file=options.ca_file,
        proxies=trusted_proxies(options, token, _ADMIN_TOKEN),
        database=options.database,
        token_lifetime=options.token_lifetime,
        documented_only=options.documented_only,
        servicenow_url=options.servicenow_url or "",
        servicenow_admin_token=admin_token(_SERVICENOW_TOKEN, os.environ),
    )
    return await _serve(options, settings)


async def _set_up(options: Namespace) -> int:
    resolve_options("setup", options, os.environ, Path())
    settings = Settings(
        console_url=options.console_url or f"http://127.0.0.1:{_DEFAULT_PORT}",
        inferred=options.inferred,
        admin_token=options.settings["console_admin_token"].value,
        ca_file=options.ca_file,
    )
    return await set_up(options, settings, options.settings["servicenow_password"].value)


async def _serve(options: Namespace, settings: Settings) -> int:
    def create(clock: Clock, ids: Ids) -> web.Application:
        return create_app(settings, clock=clock, ids=ids.fork("console"))

    return await serve_command(_COMMAND, options, create, lambda _app: f"clock {options.clock}")


def _parser() -> ArgumentParser:
    parser = OneLineParser(prog=_COMMAND, description="A Privilege Manager console to test a webhook against.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_serve(commands.add_parser("serve", help="serve a console until interrupted"))
    _add_setup(commands.add_parser("setup", help="run the documented set-up against any ServiceNow"))
    return parser


def _add_serve(parser: ArgumentParser) -> None:
    add_serving(parser, _DEFAULT_PORT)
    parser.add_argument(
        "--console-url",
        type=url,
        metavar="URL",
        help="URL under which ServiceNow reaches this console (default: the request's Host)",
    )
    parser.add_argument(
        "--servicenow-url",
        type=url,
        metavar="URL",
        help="fake instance that the cockpit shows, too, with the token in SERVICENOW_ADMIN_TOKEN if it has one "
        "(default: that of the newest foreign system, if it runs on this machine)",
    )
    parser.add_argument(
        "--database",
        default=IN_MEMORY,
        metavar="URL",
        help="SQLite file for the console's state, such as sqlite:///console.db (default: in memory)",
    )
    parser.add_argument(
        "--token-lifetime",
        type=_minutes,
        metavar="MINUTES",
        help="lifetime of the API's tokens (default: 720, or what --inferred says)",
    )
    parser.add_argument(
        "--documented-only",
        action="store_true",
        help="leave out what the vendor does not document, such as retries and the history of approvals",
    )
    parser.add_argument(
        "--ca-file", type=ca_file, metavar="PATH", help="extra CA certificates to trust when calling ServiceNow (PEM)"
    )
    parser.add_argument(
        "--inferred", type=Path, metavar="FILE", help="names and rules that differ on your instance (YAML)"
    )
    parser.epilog = (
        f"{_ADMIN_TOKEN} is the token of the control plane and of the pages' log-in; without one only this machine may "
        "use them. With --no-admin the pages always need the log-in."
    )


def _add_setup(parser: ArgumentParser) -> None:
    add_settings(parser, "setup")
    parser.add_argument("--alone", action="store_true", help="run the steps in this process, without a console")
    parser.add_argument(
        "--name",
        type=_name,
        default=DEFAULT_SYSTEM_NAME,
        metavar="NAME",
        help="name of the foreign system (default %(default)s)",
    )
    parser.add_argument(
        "--role",
        type=_role,
        metavar="ROLE",
        help=f"role of the API user (default: those that it has, or {DEFAULT_ROLE})",
    )
    parser.description = (
        "Run the documented set-up steps and print the outcome of each. The exit code is 0 only if every step succeeds "
        "and 3 if a party cannot be reached. ServiceNow calls the console back at --console-url (default "
        f"http://127.0.0.1:{_DEFAULT_PORT}), where console-sim must serve."
    )


def _minutes(text: str) -> timedelta:
    if _WHOLE.fullmatch(text) is None or not 1 <= int(text) <= _MOST_MINUTES:
        raise ArgumentTypeError(f"invalid number of minutes {text!r}: expected 1 to {_MOST_MINUTES}")
    return timedelta(minutes=int(text))


def _name(text: str) -> str:
    name = text.strip()
    if reason := name_error(name):
        raise ArgumentTypeError(f"the name {reason}")
    return name


def _role(text: str) -> Role:
    try:
        return Role.named(text)
    except ValueError:
        raise ArgumentTypeError(f"unknown role {text!r}; expected one of {', '.join(Role)}") from None
