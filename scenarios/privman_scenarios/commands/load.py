"""``privman-scenarios load``: Locust in a process of its own, because it patches Python, and checks of what arrived."""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlencode

from aiohttp import ClientSession, DummyCookieJar, TCPConnector

import privman_scenarios
from privman_contracts import WireNames
from privman_core import interrupts
from privman_core.command_line import Exit, UsageError
from privman_core.inputs import trust
from privman_scenarios.analysis.load_outcome import LoadOutcome, judge
from privman_scenarios.analysis.load_statistics import RequestComparison, compare_statistics, load_statistics
from privman_scenarios.commands.arguments import announce
from privman_scenarios.commands.load_targets import end, load_targets
from privman_scenarios.commands.reports.terminal import print_table
from privman_scenarios.errors import ExpectationError, TargetUnreachableError
from privman_scenarios.language.spelling import Spelling
from privman_scenarios.output import say
from privman_scenarios.playing.control_plane import ControlPlane
from privman_scenarios.playing.log_in import LogIn
from privman_scenarios.playing.reaching import reach_console, reach_servicenow
from privman_scenarios.playing.record_pages import record_pages
from privman_scenarios.playing.servicenow import records_of
from privman_scenarios.playing.target import Target

_RUN_TIME = "30s"
_PASSED_ON = ("users", "spawn_rate", "csv", "processes", "expect_workers", "master_host", "master_port", "web_port")
_MOST_LINES = 20
_ARRIVED = {True: "each arrived once", False: "no decision was made"}
_PAUSE = 0.25


def execute(options: argparse.Namespace) -> Exit:
    """Run Locust and check what arrived, or compare; raises UsageError, UnusableFileError, TargetUnreachableError."""
    if options.words:
        return _compare(options)
    if find_spec("locust") is None:
        raise ModuleNotFoundError("No module named 'locust'", name="locust")
    announce(options)
    try:
        return interrupts.run(_load(options))
    except ExpectationError as error:
        raise TargetUnreachableError(str(error)) from None


async def _load(options: argparse.Namespace) -> Exit:
    async with AsyncExitStack() as stack:
        servicenow, console = await load_targets(options, stack)
        environment = _environment(options, servicenow, console)
        connector = TCPConnector(ssl=trust(options.ca_file))
        session = await stack.enter_async_context(ClientSession(connector=connector, cookie_jar=DummyCookieJar()))
        run = _Run(servicenow, console, session, WireNames.load(options.inferred))
        await run.reach()
        if options.worker:
            return await _locust(options, environment)
        await run.begin()
        code = await _locust(options, environment)
        return _report(await run.outcome(options.patience), code)


class _Run:
    """The requests that endpoint users make during a run."""

    def __init__(self, servicenow: Target, console: Target, session: ClientSession, names: WireNames) -> None:
        self._servicenow, self._console = servicenow, console
        self._servicenow_api, self._console_api = servicenow.api(session), console.api(session)
        self._servicenow_control = ControlPlane(self._servicenow_api)
        self._console_control = ControlPlane(self._console_api)
        self._names, self._spelling = names, Spelling(names)
        self._before: set[str] = set()

    async def reach(self) -> None:
        """Raise TargetUnreachableError or UsageError for what is not a fake in real time."""
        reached = [
            await reach_servicenow(self._servicenow_api, self._servicenow.log_in, "never"),
            await reach_console(self._console_api, "never"),
        ]
        for each in reached:
            if not each.is_fake:
                raise UsageError(f"{each.why_not}. Expected a fake, and its token if it has one.")
            jump = await ControlPlane(each.api).ask("POST", "/clock/advance", {"seconds": 0})
            if not jump.refused:
                raise UsageError(f"{each.api.url} keeps virtual time. Expected a server with --clock real.")

    async def begin(self) -> None:
        """Set the console up, and remember the requests that are there."""
        user, password = _login(self._servicenow.users.console)
        parameters = {"servicenow_url": self._servicenow.url, "servicenow_user": user, "servicenow_password": password}
        answer = await self._console_control.call("POST", "/setup", parameters)
        if failed := [step for step in answer["steps"] if step["status"] == "failed"]:
            raise ExpectationError("the set-up to succeed", str(failed))
        self._before = {each["request_id"] for each in await self._approvals()}

    async def outcome(self, patience: int) -> LoadOutcome:
        """Return what became of the requests, once everything has arrived or nothing more is waited for."""
        outcome = await self._judge()
        for _ in range(int(patience / _PAUSE)):
            if not outcome.broken:
                break
            await asyncio.sleep(_PAUSE)
            outcome = await self._judge()
        return outcome

    async def _judge(self) -> LoadOutcome:
        approvals = [each for each in await self._approvals() if each["request_id"] not in self._before]
        deliveries = await self._servicenow_control.read("/deliveries", {"deliveries": [dict]})
        return judge(approvals, [each async for each in self._records()], deliveries["deliveries"])

    async def _approvals(self) -> list[dict[str, str]]:
        listed = await self._console_control.read("/approval-requests", {"approval_requests": [dict]})
        approvals: list[dict[str, str]] = listed["approval_requests"]
        return approvals

    async def _records(self) -> AsyncIterator[Mapping[str, str]]:
        columns = [*self._spelling.record_to_wire("request", {"request_id": "", "status": ""})]
        query = urlencode({"sysparm_query": "ORDERBYsys_created_on", "sysparm_fields": ",".join(["sys_id", *columns])})
        path = f"/api/now/table/{self._names.table('request')}?{query}"
        async for page in record_pages(self._servicenow_api, path, self._servicenow.log_in):
            for record in records_of(page):
                yield self._spelling.record_from_wire("request", record)


async def _locust(options: argparse.Namespace, environment: Mapping[str, str]) -> Exit:
    """Return how Locust ends; an interrupt ends it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "locust", *_arguments(options), env=environment
    )
    try:
        return Exit.FAILURE if await process.wait() else Exit.SUCCESS
    finally:
        await end(process)


def _arguments(options: argparse.Namespace) -> Iterator[str]:
    yield f"--locustfile={options.locustfile or Path(privman_scenarios.__file__).with_name('load_users.py')}"
    yield "--stop-timeout=10"  # requests under way are answered
    if options.worker:
        yield "--worker"
    elif not options.web:
        yield from ("--headless", "--only-summary")
    if options.master:
        yield "--master"
    run_time = options.run_time or (None if options.web or options.worker else _RUN_TIME)
    if run_time:
        yield f"--run-time={run_time}"
    for name in _PASSED_ON:
        if (value := getattr(options, name)) is not None:
            word = "master-bind-port" if options.master and name == "master_port" else name.replace("_", "-")
            yield f"--{word}={value}"


def _environment(options: argparse.Namespace, servicenow: Target, console: Target) -> dict[str, str]:
    user, password = _login(servicenow.approver or servicenow.log_in)
    files = {"PRIVMAN_CA_FILE": options.ca_file, "PRIVMAN_INFERRED": options.inferred}
    return {
        **os.environ,
        **{name: str(file) if file else "" for name, file in files.items()},
        "SERVICENOW_URL": servicenow.url,
        "SERVICENOW_USER": user,
        "SERVICENOW_PASSWORD": password,
        "CONSOLE_URL": console.url,
        "CONSOLE_ADMIN_TOKEN": console.admin_token,
    }


def _login(log_in: LogIn) -> tuple[str, str]:
    try:
        return log_in.login
    except ExpectationError as error:
        raise UsageError(f"load cannot log in with {error.got}. Expected a user name and a password.") from None


def _report(outcome: LoadOutcome, code: Exit) -> Exit:
    for line in outcome.broken[:_MOST_LINES]:
        say(line)
    left_out = len(outcome.broken) - _MOST_LINES
    verdict = f"{len(outcome.broken)} failures" if outcome.broken else _ARRIVED[bool(outcome.decided)]
    more = f" ({left_out} not shown)" if left_out > 0 else ""
    say(f"{outcome.asked} requests, {outcome.decided} decisions: {verdict}{more}")
    return Exit.FAILURE if outcome.broken or not outcome.decided else code


def _compare(options: argparse.Namespace) -> Exit:
    verb, *prefixes = options.words
    if verb != "compare" or len(prefixes) != 2:  # noqa: PLR2004 - two runs
        raise UsageError(f"invalid arguments {' '.join(options.words)!r}. Expected none, or 'compare A B'.")
    old, new = map(load_statistics, prefixes)
    compared = compare_statistics(old, new)
    print_table(("REQUEST", "COUNT", "FAILED", "MEDIAN ms", "95% ms", "REQUESTS/s", ""), _rows(compared, options))
    return Exit.FAILURE if any(each.is_worse(options.max_slower) for each in compared) else Exit.SUCCESS


def _rows(compared: Sequence[RequestComparison], options: argparse.Namespace) -> Iterator[Sequence[str]]:
    for each in compared:
        both = (each.old, each.new)
        cells = [
            " → ".join("-" if run is None else f"{getattr(run, name):.{digits}f}" for run in both)
            for name, digits in (("count", 0), ("failures", 0), ("median", 0), ("slow", 0), ("rate", 1))
        ]
        yield each.name, *cells, "worse" if each.is_worse(options.max_slower) else ""
