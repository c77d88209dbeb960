"""``privman-scenarios run`` and ``schema``."""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from privman_core import interrupts
from privman_core.clock import RealClock
from privman_core.command_line import Exit, UsageError
from privman_scenarios.analysis.exploration import Exploration, VariationRunner
from privman_scenarios.analysis.generation import walks
from privman_scenarios.analysis.regressions import keep_failures
from privman_scenarios.analysis.variations import Bound
from privman_scenarios.commands import arguments
from privman_scenarios.commands.last_failed import LastFailed
from privman_scenarios.commands.listing import list_scenarios, listing_of
from privman_scenarios.commands.options import ORDERS
from privman_scenarios.commands.reporting import Reports
from privman_scenarios.commands.reports.results import ShardResult
from privman_scenarios.commands.watch import watch
from privman_scenarios.language.model import Scenario
from privman_scenarios.language.schema import scenario_schema
from privman_scenarios.language.unused import warnings
from privman_scenarios.output import say
from privman_scenarios.playing.processes import ParallelRun, Player, worthwhile
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder


def explores(options: argparse.Namespace) -> bool:
    """Tell whether more than the scenarios is to be played; raises UsageError for an option that counts for nothing."""
    if options.orders != ORDERS and not options.interleave:
        raise UsageError("--orders requires --interleave.")
    explores = bool(options.sweep or options.interleave or options.generate)
    if options.failures_dir and not explores:
        raise UsageError("--failures-dir requires --sweep, --interleave or --generate.")
    return explores


def explore(scenarios: Sequence[Scenario], worlds: WorldBuilder, reports: Reports, options: argparse.Namespace) -> None:
    """Play the scenarios and their variations."""
    bound = Bound(options.orders, options.seed) if options.interleave else None
    runner = VariationRunner(Player(worlds, options.strict, reports.journals), options.sweep, bound, reports.exercised)
    if options.failures_dir:
        options.failures_dir.mkdir(parents=True, exist_ok=True)
    exploration = Exploration(runner, reports.listeners, RealClock(), worlds.at_a_time(options.jobs))
    exploration.run(scenarios, options.seed, _generated(options), to_failure=options.exitfirst)
    say(f"{exploration.varied} variations were played, {len(exploration.found)} of them failed")
    if options.failures_dir:
        for file in keep_failures(runner, exploration.found, options.seed, options.failures_dir):
            say(f"wrote {file}")
    reports.varied(exploration.varied, exploration.repeated)


def _generated(options: argparse.Namespace) -> Sequence[Scenario]:
    return _part(options, tuple(walks(options.generate, options.seed)))


def _part(options: argparse.Namespace, scenarios: Sequence[Scenario]) -> Sequence[Scenario]:
    return options.shard.of(scenarios) if options.shard else scenarios


def print_schema(_options: argparse.Namespace) -> Exit:
    """Print the JSON Schema of scenario files."""
    say(json.dumps(scenario_schema(vocabulary()), indent=2))
    return Exit.SUCCESS


def execute(options: argparse.Namespace) -> Exit:
    """Play the scenarios and write the reports, again and again where changes are watched."""
    if listing := listing_of(options):
        scenarios = _part(options, _chosen(options, None))
        _warn_of_unused(scenarios)
        if options.check:
            interrupts.run(arguments.require_usable_files(options))
        return list_scenarios(listing, scenarios)
    arguments.announce(options)
    if not options.watch:
        return _run(options, None)
    return watch(partial(_run, options), partial(arguments.files, options), arguments.shared_files(options))


def _refuse_beside_shard(options: argparse.Namespace) -> None:
    """Raise UsageError for a limit of the whole; one that a profile sets is left to whoever joins the parts."""
    is_given = options.settings["max_skipped"].source == "option"
    for option, given in (("--min-coverage", options.min_coverage is not None), ("--max-skipped", is_given)):
        if options.shard and given:
            raise UsageError(f"{option} is judged over all shards. Expected it at 'privman-scenarios report merge'.")


def _run(options: argparse.Namespace, files: Sequence[Path] | None) -> Exit:
    _refuse_beside_shard(options)
    chosen = _chosen(options, files)
    scenarios = _part(options, chosen)
    _warn_of_unused(scenarios)
    reports, worlds = Reports(options), arguments.worlds(options)
    if options.shard:
        reports.is_shard(ShardResult.of(options.shard, chosen, Path.cwd()))
    with reports.watching(worlds):
        _play(scenarios, worlds, reports, options)
        if options.strict and worlds.unseen:
            reports.fail(f"--strict cannot be checked, as no findings are seen: {worlds.unseen}")
    return Exit.SUCCESS if reports.result.held else Exit.FAILURE


def _chosen(options: argparse.Namespace, files: Sequence[Path] | None) -> list[Scenario]:
    scenarios = arguments.scenarios(options, files)
    if not options.last_failed:
        return scenarios
    failed = LastFailed(Path.cwd()).of(scenarios)
    if not failed:
        say("None of these scenarios failed when it was last played, so all are chosen.")
    return failed or scenarios


def _warn_of_unused(scenarios: Sequence[Scenario]) -> None:
    words = vocabulary()
    for warning in dict.fromkeys(each for scenario in scenarios for each in warnings(scenario, words)):
        say(f"warning: {warning}")


def _play(scenarios: Sequence[Scenario], worlds: WorldBuilder, reports: Reports, options: argparse.Namespace) -> None:
    if explores(options):
        explore(scenarios, worlds, reports, options)
        return
    player = Player(worlds, options.strict, reports.journals)
    jobs = worthwhile(worlds.at_a_time(options.jobs), len(scenarios))
    if jobs > 1:
        run = ParallelRun(player, reports.listeners, RealClock(), jobs)
        run.play(scenarios, options.seed, to_failure=options.exitfirst)
    else:
        engine = player.engine(reports.listeners)
        interrupts.run(engine.run(scenarios, options.seed, to_failure=options.exitfirst))
