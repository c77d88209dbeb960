"""The command ``mock-servicenow``."""

import argparse
import asyncio
import os
import signal
import ssl
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path

from mock_servicenow.app import StartError, create_app
from mock_servicenow.server import AddressError, issue_certificate, load_certificate, serving
from mock_servicenow.settings import Settings
from privman_testbench.clock import Clock
from privman_testbench.ids import Ids
from privman_testbench.real_clock import RealClock
from privman_testbench.virtual_clock import VirtualClock

UNUSABLE = 2
PASSWORD = "MOCK_SERVICENOW_PASSWORD"  # noqa: S105 - the name of a variable
ADMIN_TOKEN = "MOCK_SERVICENOW_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
DEFAULT_PASSWORD = "admin"  # noqa: S105 - documented, and refused where others could reach it


class UsageError(Exception):
    """Raised for options that cannot be used; the message says which, in one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 after an ordinary end, 2 for unusable arguments or files."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_serve(options, os.environ))
    except (UsageError, StartError, AddressError) as error:
        print(f"mock-servicenow: {error}", file=sys.stderr)  # noqa: T201 - this is a command
        return UNUSABLE
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "mock-servicenow", description="A ServiceNow instance to test against.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('mock-servicenow')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve", help="serve an instance until interrupted", description=_ENVIRONMENT, allow_abbrev=False
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    serve.add_argument("--port", type=_port, default=8080, help="0 takes a free one (%(default)s)")
    serve.add_argument("--database", default="sqlite://", metavar="URL", help="SQLAlchemy URL (in-memory SQLite)")
    serve.add_argument("--clock", choices=["real", "virtual"], default="real", help="(%(default)s)")
    serve.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same identifiers")
    serve.add_argument("--username", default="admin", help="the administrator's (%(default)s)")
    serve.add_argument("--tls", action="store_true", help="serve https")
    serve.add_argument("--tls-ca-file", type=Path, metavar="PATH", help="write the certificate to trust here")
    serve.add_argument("--tls-cert", type=Path, metavar="PATH", help="serve https with this certificate")
    serve.add_argument("--tls-key", type=Path, metavar="PATH", help="and this key")
    serve.add_argument("--inferred", type=Path, metavar="FILE", help="wire names that differ on your instance")
    serve.add_argument("--tables", type=Path, action="append", default=[], metavar="FILE", help="further tables")
    serve.add_argument("--data", type=Path, action="append", default=[], metavar="FILE", help="further rows")
    return parser


_ENVIRONMENT = f"""The administrator's password comes from {PASSWORD} (default: {DEFAULT_PASSWORD}, on this machine
alone); {ADMIN_TOKEN} opens the control plane /__admin to other machines."""


def _port(text: str) -> int:
    most = 65_535
    if not text.isdecimal() or int(text) > most:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; expected 0 to {most}")
    return int(text)


async def _serve(options: argparse.Namespace, environment: Mapping[str, str]) -> None:
    tls = _tls(options)
    settings = Settings(
        username=options.username,
        password=_password(options.host, environment),
        database=options.database,
        inferred=options.inferred,
        tables=tuple(options.tables),
        data=tuple(options.data),
        admin_token=environment.get(ADMIN_TOKEN, ""),
    )
    clock: Clock = VirtualClock() if options.clock == "virtual" else RealClock()
    app = create_app(settings, clock=clock, ids=Ids(options.seed))
    stopped = asyncio.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, stopped.set)
    async with serving(app, options.host, options.port, tls) as url:
        print(f"mock-servicenow serves {url} (user {options.username}, control plane {url}/__admin)", flush=True)  # noqa: T201 - this is a command
        await stopped.wait()
    await clock.aclose()


def _password(host: str, environment: Mapping[str, str]) -> str:
    password = environment.get(PASSWORD) or DEFAULT_PASSWORD
    if password == DEFAULT_PASSWORD and not _is_loopback(host):
        raise UsageError(f"--host is {host!r}, which others may reach; set {PASSWORD} to a password of your own")
    return password


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if bool(options.tls_cert) != bool(options.tls_key):
        raise UsageError("--tls-cert and --tls-key go together")
    try:
        if options.tls_cert:
            return load_certificate(options.tls_cert, options.tls_key)
        if not options.tls:
            return None
        if options.tls_ca_file is None:
            raise UsageError("--tls needs --tls-ca-file PATH, where the certificate to trust is written")
        return issue_certificate(options.host, options.tls_ca_file)
    except OSError as error:
        files = options.tls_ca_file or f"{options.tls_cert}, {options.tls_key}"
        raise UsageError(f"{files}: {error.strerror or error}") from None
