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
from privman_core.clock import Clock
from privman_core.command_line import Exit, OneLineParser, UsageError, admin_token, ca_file, complain, url
from privman_core.ids import Ids
from privman_core.inputs import CONTROL
from privman_core.proxies import proxies_of
from privman_core.serving import add_serving, run_command, serve_command

_COMMAND = "console-sim"
_DEFAULT_PORT = 8090
_MOST_MINUTES = 24 * 60
_WHOLE = re.compile("[0-9]{1,6}")
_ADMIN_TOKEN = "CONSOLE_SIM_ADMIN_TOKEN"  # noqa: S105 - a variable's name
_THEIR_ADMIN_TOKEN = "CONSOLE_ADMIN_TOKEN"  # noqa: S105 - the same
_PASSWORD = "SERVICENOW_PASSWORD"  # noqa: S105 - a variable's name
_REFUSED = (InferredNamesError, UnusableDatabaseError, NotStoredError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code (interfaces: Commands)."""
    try:
        return run_command(_COMMAND, lambda: _run(_parser().parse_args(arguments)), _REFUSED)
    except UnreachableTargetError as error:
        complain(_COMMAND, str(error))
        return Exit.UNREACHABLE


async def _run(options: Namespace) -> int:
    token = _admin_token(options.command)
    settings = Settings(
        console_url=options.console_url or "",
        inferred=options.inferred,
        admin_token=token,
        control_plane=not options.no_admin,
        ca_file=options.ca_file,
        proxies=proxies_of(options, token, _ADMIN_TOKEN),
        database=options.database,
        token_lifetime=options.token_lifetime,
        documented_only=options.documented_only,
    )
    if options.command == "serve":
        return await _serve(options, settings)
    return await set_up(options, settings, _read_password(options.servicenow_user))


def _read_password(user: str) -> str:
    password = os.environ.get(_PASSWORD, "")
    if not password:
        raise UsageError(f"{_PASSWORD} is not set; expected the password of {user!r} in it")
    if any(map(_is_surrogate, password)):  # a byte that could not be decoded
        raise UsageError(f"{_PASSWORD} is not valid UTF-8; expected the password of {user!r} in it")
    return password


def _is_surrogate(letter: str) -> bool:
    return "\ud800" <= letter <= "\udfff"


def _admin_token(command: str) -> str:
    """Return the control plane's token; for `setup` it may be in the variable of our clients, too."""
    own = admin_token(_ADMIN_TOKEN, os.environ)
    return own if command == "serve" else os.environ.get(_THEIR_ADMIN_TOKEN, own)


async def _serve(options: Namespace, settings: Settings) -> int:
    def create(clock: Clock, ids: Ids) -> web.Application:
        return create_app(settings, clock=clock, ids=ids.fork("console"))

    return await serve_command(_COMMAND, options, create, lambda _app: f"clock {options.clock}")


def _parser() -> ArgumentParser:
    parser = OneLineParser(prog=_COMMAND, description="A Privilege Manager console to test a webhook against.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve|setup")
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
    _add_common(parser)
    parser.epilog = (
        f"{_ADMIN_TOKEN} is the token of the control plane and of the pages' log-in; without one only this machine may "
        "use them. With --no-admin the pages always need the log-in."
    )


def _add_setup(parser: ArgumentParser) -> None:
    parser.add_argument("--servicenow-url", type=url, required=True, metavar="URL", help="base URL of the instance")
    parser.add_argument(
        "--servicenow-user",
        type=_user,
        required=True,
        metavar="NAME",
        help=f"ServiceNow user; {_PASSWORD} has the password",
    )
    parser.add_argument(
        "--console-url",
        type=url,
        metavar="URL",
        default=f"http://127.0.0.1:{_DEFAULT_PORT}",
        help="console-sim to set up, which ServiceNow calls back (default %(default)s)",
    )
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
        "and 3 if a party cannot be reached."
    )
    parser.set_defaults(
        no_admin=False, trusted_proxies=(), database=IN_MEMORY, token_lifetime=None, documented_only=False
    )
    _add_common(parser)


def _minutes(text: str) -> timedelta:
    if _WHOLE.fullmatch(text) is None or not 1 <= int(text) <= _MOST_MINUTES:
        raise ArgumentTypeError(f"invalid number of minutes {text!r}: expected 1 to {_MOST_MINUTES}")
    return timedelta(minutes=int(text))


def _user(text: str) -> str:
    if not text or CONTROL.search(text):
        raise ArgumentTypeError(f"invalid user name {text!r}: expected text without control characters")
    return text


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


def _add_common(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--ca-file", type=ca_file, metavar="PATH", help="extra CA certificates to trust when calling ServiceNow (PEM)"
    )
    parser.add_argument(
        "--inferred", type=Path, metavar="FILE", help="names and rules that differ on your instance (YAML)"
    )
