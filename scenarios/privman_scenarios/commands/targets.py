"""``privman-scenarios targets``."""

import argparse
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial

from aiohttp import ClientSession, DummyCookieJar, TCPConnector

from privman_core import interrupts
from privman_core.client_settings import settings_of
from privman_core.command_line import Exit
from privman_core.inputs import trust
from privman_core.resolution import Resolved
from privman_scenarios.commands.arguments import require_usable_files
from privman_scenarios.commands.reports.terminal import print_table
from privman_scenarios.errors import TargetUnreachableError
from privman_scenarios.output import say
from privman_scenarios.playing.http_api import HttpApi
from privman_scenarios.playing.named_targets import console_target, servicenow_target
from privman_scenarios.playing.reaching import (
    Connection,
    Restart,
    reach_console,
    reach_servicenow,
    refuse_bad_users,
)
from privman_scenarios.playing.target import Target


def execute(options: argparse.Namespace) -> Exit:
    """Print the settings of ``run``, each with its source, and what answers.

    Raises TargetUnreachableError, and what a run raises for unusable settings.
    """
    print_table(("SETTING", "VALUE", "FROM"), _rows(options.settings))
    interrupts.run(require_usable_files(options))
    failed = interrupts.run(_reach_both(options))
    if failed:
        raise TargetUnreachableError(*failed)
    return Exit.SUCCESS


def _rows(settings: Mapping[str, Resolved]) -> Iterator[Sequence[str]]:
    """Yield the settings that have a value; a party without a URL has no others."""
    for setting in settings_of("run"):
        found = settings[setting.name]
        is_used = not setting.party or settings[f"{setting.party}_url"].value is not None
        if setting.word == "url" or (is_used and found.value not in (None, "", ())):
            yield setting.name.replace("_", "-"), setting.shown(found.value), str(found.where)


async def _reach_both(options: argparse.Namespace) -> list[str]:
    """Print what answers, and return a line for each target that does not."""
    servicenow, console = servicenow_target(options.settings), console_target(options.settings)
    connector = TCPConnector(ssl=trust(options.ca_file))
    failed = []
    async with ClientSession(connector=connector, cookie_jar=DummyCookieJar()) as session:
        if servicenow:
            failed.append(await _reached(servicenow.api(session), partial(_reach_users, servicenow)))
        if console:
            failed.append(await _reached(console.api(session), reach_console))
    return [line for line in failed if line]


async def _reach_users(servicenow: Target, api: HttpApi, restart: Restart) -> Connection:
    connection = await reach_servicenow(api, servicenow.log_in, restart)
    await refuse_bad_users(api, servicenow.users.existing.values())
    return connection


async def _reached(api: HttpApi, reach: Callable[..., Awaitable[Connection]]) -> str:
    """Print that a target answers; return why it does not, or why it cannot be controlled though it is a fake."""
    try:
        connection = await reach(api, restart="never")
    except TargetUnreachableError as error:
        return str(error)
    if connection.refusal:
        return connection.refusal
    control = "its control plane answers" if connection.is_fake else "it has no control plane"
    say(f"{api.url} answers; {control}")
    return ""
