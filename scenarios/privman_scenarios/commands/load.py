"""``privman-scenarios load``: runs Locust, and checks what arrived."""

import argparse
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from aiohttp import ClientSession, DummyCookieJar, TCPConnector

from privman_contracts import WireNames
from privman_core import interrupts
from privman_core.command_line import Exit
from privman_core.inputs import trust
from privman_scenarios.analysis.acknowledged import Acknowledged
from privman_scenarios.analysis.load_outcome import LoadOutcome
from privman_scenarios.commands import locust_process
from privman_scenarios.commands.arguments import announce
from privman_scenarios.commands.load_run import LoadRun
from privman_scenarios.commands.load_targets import NamedTargets
from privman_scenarios.errors import ExpectationError, TargetUnreachableError
from privman_scenarios.output import say

_MOST_LINES = 20
_ARRIVED = {True: "each arrived once", False: "no decision was made"}


def execute(options: argparse.Namespace) -> Exit:
    """Run Locust and check what arrived; raises UsageError, UnusableFileError, TargetUnreachableError."""
    if find_spec("locust") is None:
        raise ModuleNotFoundError("No module named 'locust'", name="locust")
    announce(options)
    try:
        return interrupts.run(_load(options))
    except ExpectationError as error:
        raise TargetUnreachableError(str(error)) from None


async def _load(options: argparse.Namespace) -> Exit:
    locust_process.check_options(options)
    named = NamedTargets.of(options)
    async with AsyncExitStack() as stack:
        connector = TCPConnector(ssl=trust(options.ca_file))
        session = await stack.enter_async_context(ClientSession(connector=connector, cookie_jar=DummyCookieJar()))
        await named.require_fakes_in_real_time(session)
        acknowledged = _create_in(stack.enter_context(TemporaryDirectory()))
        await locust_process.check(options, named.with_placeholders().environment(options.settings, acknowledged))
        targets = await named.with_fakes(options, stack)
        environment = targets.environment(options.settings, acknowledged)
        if options.worker:
            return await locust_process.run(options, environment)
        run = LoadRun(targets, session, WireNames.load(options.inferred))
        await run.begin()
        code = await locust_process.run(options, environment)
        return _report(await run.outcome(_read(acknowledged), options.patience), len(targets.consoles), code)


def _create_in(folder: str) -> Path:
    """Return the file to which users write what they were told; other users than ours leave it as it is."""
    file = Path(folder, "acknowledged.json")
    file.write_bytes(orjson.dumps(Acknowledged().take()))
    return file


def _read(file: Path) -> Acknowledged:
    acknowledged = Acknowledged()
    acknowledged.add(orjson.loads(file.read_bytes()))
    return acknowledged


def _report(outcome: LoadOutcome, consoles: int, code: Exit) -> Exit:
    for line in outcome.broken[:_MOST_LINES]:
        say(line)
    left_out = len(outcome.broken) - _MOST_LINES
    verdict = f"{len(outcome.broken)} failures" if outcome.broken else _ARRIVED[bool(outcome.decided)]
    more = f" ({left_out} not shown)" if left_out > 0 else ""
    of = f" of {consoles} consoles" if consoles > 1 else ""
    say(f"{outcome.asked} requests{of}, {outcome.decided} decisions, {outcome.late} refused (403): {verdict}{more}")
    return Exit.FAILURE if outcome.broken or not outcome.decided else code
