"""``privman-scenarios fidelity``."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, nullcontext
from pathlib import Path

from aiohttp import ClientSession, DummyCookieJar, TCPConnector
from rich.progress import track

from privman_contracts import WireNames
from privman_core import interrupts
from privman_core.command_line import Exit, UsageError
from privman_core.ids import Ids
from privman_core.inputs import trust
from privman_core.near_words import advice
from privman_scenarios.analysis.prober import Prober, TrapComparison, compare_trap
from privman_scenarios.analysis.traps import Trap, Unprobed, load_traps
from privman_scenarios.commands import arguments
from privman_scenarios.commands.reports.terminal import print_table, terminal
from privman_scenarios.output import say
from privman_scenarios.playing.http_api import HttpApi
from privman_scenarios.playing.mock_options import MockOptions, mock_options
from privman_scenarios.playing.named_targets import named_instance
from privman_scenarios.playing.reaching import log_on
from privman_scenarios.playing.target import Target
from privman_scenarios.playing.world_builder import fresh_servicenow


def execute(options: argparse.Namespace) -> Exit:
    """Print where the fake is wrong; raises UsageError, InferredNamesError and TargetUnreachableError."""
    arguments.check_files(options)
    instance, release = (
        named_instance(options.settings),
        mock_options(options.settings, of_instance=("release",)).release,
    )
    arguments.announce(options)
    names = WireNames.load(options.inferred)
    probed, unprobed = load_traps()
    comparisons = interrupts.run(_compare(instance, release, names, _chosen(probed, options.trap), options))
    outcome = _report(comparisons, unprobed)
    say(names.how_known)
    # Whoever names a trap, or what the app is called there, expects the instance to have it.
    demanded = options.trap or options.inferred
    return Exit.FAILURE if demanded and any(each.left_out for each in comparisons) else outcome


def _chosen(traps: Sequence[Trap], ids: Sequence[str] | None) -> list[Trap]:
    known = {trap.id: trap for trap in traps}
    for each in ids or ():
        if each not in known:
            raise UsageError(f"--trap is {each!r}, which has no probe. {advice(each, known)}")
    return [known[each] for each in ids or known]


async def _compare(
    instance: Target, release: str, names: WireNames, traps: Sequence[Trap], options: argparse.Namespace
) -> list[TrapComparison]:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(_session(options.ca_file))
        api = instance.api(session)
        with _reaching(instance.url):
            await log_on(api, instance.log_in)

        async def start() -> Target:
            fake = fresh_servicenow(MockOptions(release), options.inferred)
            return await stack.enter_async_context(fake)

        writes = arguments.writes(options)
        if options.dry_run:
            instance = await start()
            writes.names[instance.url] = api.url
            api = HttpApi(session, instance.url, shared=True)
        api.listeners.append(writes)
        fake = await start()
        beside = HttpApi(session, fake.url, shared=True)
        await log_on(beside, fake.log_in)
        here, there = Prober(beside, fake.log_in, names, Ids()), Prober(api, instance.log_in, names, Ids())
        shown = track(traps, console=terminal(), transient=True, disable=not terminal().is_terminal)
        compared: list[TrapComparison] = []
        for trap in shown:
            compared.append(await compare_trap(trap, here, there))
            writes.require_kept()
        return compared


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Say on a terminal what is waited for."""
    with terminal().status(f"Reaching {url}") if terminal().is_terminal else nullcontext():
        yield


def _session(trusted: Path | None) -> ClientSession:
    return ClientSession(cookie_jar=DummyCookieJar(), connector=TCPConnector(ssl=trust(trusted)))


def _report(comparisons: Sequence[TrapComparison], unprobed: Sequence[Unprobed]) -> Exit:
    different = [each for each in comparisons if each.differences]
    if different:
        print_table(("TRAP", "WHAT", "FAKE", "INSTANCE"), [row for each in different for row in _rows(each)])
    for line in (line for each in comparisons for line in _told(each)):
        say(line)
    left_out = sum(bool(each.left_out) for each in comparisons)
    given_up = sum(bool(each.trouble) and not each.differences for each in comparisons)
    same = len(comparisons) - len(different) - left_out - given_up
    counts = f"{same} the same, {len(different)} different, {left_out} left out"
    counts += f", {given_up} given up" if given_up else ""
    say(f"{counts}; {len(unprobed)} traps have no safe probe")
    failed = any(each.left_behind or each.trouble for each in comparisons)
    return Exit.FAILURE if different or failed or not same else Exit.SUCCESS


def _rows(comparison: TrapComparison) -> Iterator[Sequence[str]]:
    for difference in comparison.differences:
        yield comparison.trap.id, difference.what, difference.fake, difference.instance


def _told(comparison: TrapComparison) -> Iterator[str]:
    """Yield the lines that go with the table."""
    trap = comparison.trap
    if comparison.differences:
        yield f"{trap.id} (trap {trap.number}): {trap.tells} [{trap.source}]"
    if comparison.left_out:
        yield f"{trap.id} was left out: {comparison.left_out}"
    if comparison.trouble:
        yield (f"{trap.id} was given up: {comparison.trouble}")
    for record in comparison.left_behind:
        yield f"not deleted: {record}"
