"""The command ``mock-servicenow``."""

import gc
import json
import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiohttp import web

from mock_servicenow.app import ADMINISTRATOR, FIRST_FINDINGS, Blueprint, StartError, create_app
from mock_servicenow.now_platform.dictionary.table_format import table_schema
from mock_servicenow.now_platform.provisioning.provisioning import DEFAULT_NAME, DEFAULT_PASSWORD
from mock_servicenow.settings import Settings
from privman_core.argument_types import basic_user, ca_file, url
from privman_core.clock import Clock
from privman_core.command_line import Exit, OneLineParser, UsageError, complain, say
from privman_core.environment_variables import admin_token, password
from privman_core.findings import Finding
from privman_core.ids import Ids
from privman_core.inputs import without_login
from privman_core.natural_numbers import natural_number
from privman_core.operating_system import CAN_FORK
from privman_core.reverse_proxies import trusted_proxies
from privman_core.serving import add_serving, run_command, serve_command

_COMMAND = "mock-servicenow"
_PASSWORD = "MOCK_SERVICENOW_PASSWORD"  # noqa: S105 - the name of a variable
_ADMIN_TOKEN = "MOCK_SERVICENOW_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
_CONSOLE_TOKEN = "CONSOLE_ADMIN_TOKEN"  # noqa: S105 - the name of a variable

_MOST_WORKERS = 64
_MOST_PRINTED = 20

# Objects between two collections, of which a request leaves hardly any and a long query thousands, and how many
# collections of the young come before one of all: what a compiled query leaves is old by then, and everybody waits.
_GARBAGE = 2_000, 10, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code (interfaces: Commands)."""

    def work() -> Coroutine[Any, Any, int]:
        options = _parser().parse_args(arguments)
        begun: Coroutine[Any, Any, int] = options.work(options, os.environ)
        return begun

    return run_command(_COMMAND, work, (StartError,))


def _parser() -> ArgumentParser:
    parser = OneLineParser(prog=_COMMAND, description="A fake ServiceNow instance to test integrations against.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_LateParser)
    _add_serve(commands.add_parser("serve", help="serve an instance until interrupted"))
    schema = commands.add_parser("schema", help="print the JSON Schema of files for --tables")
    schema.set_defaults(work=_print_schema)
    commands.add_parser("pull", help="copy tables and rows of an instance into files").fill = _add_pull
    return parser


class _LateParser(OneLineParser):
    """A parser that gets its options when it is first used: what they import would delay every other command."""

    fill: Callable[[ArgumentParser], None] | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401 - as argparse has it
        """Parse, with the options."""
        if self.fill is not None:
            self.fill(self)
        return super().parse_known_args(args, namespace)


def _add_pull(parser: ArgumentParser) -> None:
    from mock_servicenow.pull.pull_options import add_options  # noqa: PLC0415 - see above

    add_options(parser)


async def _print_schema(_options: Namespace, _environment: Mapping[str, str]) -> int:
    say(json.dumps(table_schema(), indent=2))
    return Exit.SUCCESS


def _add_serve(serve: ArgumentParser) -> None:
    serve.set_defaults(work=_serve)
    serve.description = (
        f"The administrator's password comes from {_PASSWORD} (default {DEFAULT_PASSWORD}, refused on a non-loopback "
        "host); an existing database keeps its own. "
        f"{_ADMIN_TOKEN} is the token of the control plane /__admin; without one only this machine may use it."
    )
    add_serving(serve, 8080)
    serve.add_argument(
        "--database", default="sqlite://", metavar="URL", help="SQLAlchemy URL (default: SQLite in memory)"
    )
    serve.add_argument(
        "--workers",
        type=_workers,
        default=1,
        metavar="N",
        help="number of processes behind the port; more than 1 need a PostgreSQL --database and a system other "
        "than Windows, and serve no control plane (default %(default)s)",
    )
    serve.add_argument(
        "--username",
        type=basic_user,
        metavar="NAME",
        help=f"administrator's user name (default {DEFAULT_NAME}; an existing database keeps its own)",
    )
    serve.add_argument("--url", type=url, help="public base URL used in links (default: the request's Host)")
    serve.add_argument(
        "--console-url",
        type=url,
        metavar="URL",
        help="console simulator that the cockpit shows, too, with the token in CONSOLE_ADMIN_TOKEN if it has one "
        "(default: the registered one, if it runs on this machine)",
    )
    serve.add_argument(
        "--ca-file", type=ca_file, metavar="PATH", help="extra CA certificates to trust when calling consoles (PEM)"
    )
    serve.add_argument(
        "--inferred", type=Path, metavar="FILE", help="names and rules that differ on your instance (YAML)"
    )
    serve.add_argument(
        "--release",
        default="default",
        metavar="NAME",
        help="behave as this ServiceNow release, such as yokohama (default: no particular release)",
    )
    serve.add_argument(
        "--tables",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="extra tables, and columns, choices and rules of others (YAML); may be repeated",
    )
    serve.add_argument(
        "--data",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="extra rows (YAML, JSON, or the XML of an instance); may be repeated",
    )


def _serve(options: Namespace, environment: Mapping[str, str]) -> Coroutine[Any, Any, int]:
    """Return the work of serving; with workers it forks, and the work of each process is another."""
    settings = _settings(options, environment)
    if options.workers > 1:
        settings = replace(settings, key=Ids().token(), control_plane=False)
    blueprint = Blueprint.of(settings)

    def create(clock: Clock, ids: Ids) -> web.Application:
        app = create_app(settings, clock=clock, ids=ids, blueprint=blueprint)
        _print_findings(app[FIRST_FINDINGS])
        gc.freeze()
        gc.set_threshold(*_GARBAGE)
        gc.enable()
        return app

    def fact(app: web.Application) -> str:
        return f"user {app[ADMINISTRATOR]}"

    if options.workers == 1:
        return serve_command(_COMMAND, options, create, fact)
    from privman_core import workers  # noqa: PLC0415 - it needs a system that forks

    # Mypy finds it empty for Windows.
    return workers.serve_with_workers(  # type: ignore[attr-defined,no-any-return,unused-ignore]
        _COMMAND, options, create, fact, (StartError,)
    )


def _print_findings(findings: Sequence[Finding]) -> None:
    """Print what the rows of files say without effect; the control plane has the rest of a long list."""
    for finding in findings[:_MOST_PRINTED]:
        complain(_COMMAND, f"{finding.where}: {finding.message}" if finding.where else finding.message)
    if len(findings) > _MOST_PRINTED:
        complain(_COMMAND, f"{len(findings) - _MOST_PRINTED} more findings: GET /__admin/findings")


def _workers(text: str) -> int:
    number = natural_number(text)
    if number is None or not 1 <= number <= _MOST_WORKERS:
        raise ArgumentTypeError(f"invalid number of workers {text!r}: expected 1 to {_MOST_WORKERS}")
    return number


def _check_workers(options: Namespace) -> None:
    """Raise UsageError for options that several processes cannot keep."""
    if options.workers == 1:
        return
    asked = f"--workers is {options.workers}"
    if not CAN_FORK:
        raise UsageError(f"{asked}; expected 1: this operating system cannot fork processes")
    if not options.database.startswith("postgresql"):
        expected = "expected a database that processes can share, postgresql+psycopg://…"
        raise UsageError(f"{asked} and --database {without_login(options.database)!r}; {expected}")
    if options.clock == "virtual":
        raise UsageError(f"{asked} and --clock 'virtual'; expected 'real': each process has a clock of its own")
    if options.seed is not None:
        raise UsageError(f"{asked} and --seed {options.seed}; expected no seed: any worker may answer a request")


def _settings(options: Namespace, environment: Mapping[str, str]) -> Settings:
    _check_workers(options)
    token = admin_token(_ADMIN_TOKEN, environment)
    return Settings(
        username=options.username or "",
        password=_password(options.host, environment),
        database=options.database,
        url=options.url or "",
        inferred=options.inferred,
        release=options.release,
        tables=tuple(options.tables),
        data=tuple(options.data),
        admin_token=token,
        control_plane=not options.no_admin,
        ca_file=options.ca_file,
        proxies=trusted_proxies(options, token, _ADMIN_TOKEN),
        console_url=options.console_url or "",
        console_admin_token=admin_token(_CONSOLE_TOKEN, environment),
    )


def _password(host: str, environment: Mapping[str, str]) -> str:
    given = password(_PASSWORD, environment, DEFAULT_PASSWORD)
    if given == DEFAULT_PASSWORD and not _is_loopback(host):
        raise UsageError(f"--host is {host!r}, which others may reach; set {_PASSWORD} to a password of your own")
    return given


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
