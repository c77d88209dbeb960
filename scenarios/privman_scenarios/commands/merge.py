"""``privman-scenarios report merge``."""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from functools import reduce
from itertools import chain
from pathlib import Path

from privman_core.command_line import Exit
from privman_scenarios.analysis.coverage import Coverage
from privman_scenarios.commands.limits import RunLimits
from privman_scenarios.commands.reporting import WrittenReports
from privman_scenarios.commands.reports.failure_texts import listed_lines, shown_lines
from privman_scenarios.commands.reports.machine_readable import read_json_report
from privman_scenarios.commands.reports.results import RunResult, ShardResult
from privman_scenarios.commands.shards import Shard, joined
from privman_scenarios.errors import BrokenShardError, ScenarioFileError, UnusableFileError
from privman_scenarios.output import say

Parts = Mapping[Shard, RunResult]
_Known = dict[str, tuple[str, Path]]
"""The conditions that all parts share: the value of each, and the report that gave it first."""
_VERSION, _NONE = "version of ", "none"


def merge(options: argparse.Namespace) -> Exit:
    """Write the reports of the whole run and judge it; raises UnusableFileError unless each shard is there, once."""
    reports = WrittenReports(options)
    whole = _joined(_parts(options.files), options.build)
    errors = [*filter(None, [whole.error]), *RunLimits(options.min_coverage or {}, options.max_skipped).broken(whole)]
    judged = replace(whole, error="; ".join(errors))
    for line in _lines(judged):
        say(line)
    if reports.github:
        reports.github.annotate(judged)
    reports.close(judged, errors)
    if not judged.complete:
        say(f"{judged.error}.")
    return Exit.SUCCESS if judged.held else Exit.FAILURE


def _parts(files: Sequence[Path]) -> Parts:
    """Return the parts in their order; each is there, once, and all are of one run."""
    found: dict[Shard, tuple[Path, RunResult]] = {}
    first: tuple[Path, RunResult] | None = None
    known: _Known = {}
    for file in files:
        result = read_json_report(file)
        part = _part(file, result)
        if first is None:
            first, known = (file, result), {name: (text, file) for name, text in _conditions(result).items()}
        _refuse_other_scenarios(first[0], _part(*first), file, part)
        _refuse_other_context(known, first[0], file, result)
        if part.shard in found:
            raise UnusableFileError(f"{file}: shard {part.shard} was already given in {found[part.shard][0]}")
        found[part.shard] = (file, result)
    _refuse_missing(list(found))
    return {shard: found[shard][1] for shard in sorted(found)}


def _part(file: Path, result: RunResult) -> ShardResult:
    if result.flaws:
        raise BrokenShardError(file, result.error, [ScenarioFileError(*astuple(each)) for each in result.flaws])
    if result.shard is None:
        why = f"it says: {result.error}" if result.error else "it is of a whole run"
        raise UnusableFileError(f"{file}: expected a report of 'run --shard'; {why}")
    return result.shard


def _refuse_other_scenarios(first: Path, expected: ShardResult, file: Path, part: ShardResult) -> None:
    if part.shard.count != expected.shard.count:
        raise UnusableFileError(
            f"{file}: shard {part.shard} does not belong to shard {expected.shard} of {first}; expected one of "
            f"{expected.shard.count}"
        )
    if (part.scenarios, part.selection) != (expected.scenarios, expected.selection):
        raise UnusableFileError(
            f"{file}: shard {part.shard} was run with other scenarios or steps than {first}; expected the same "
            "files, tags and version in each job"
        )


def _refuse_other_context(known: _Known, first: Path, file: Path, part: RunResult) -> None:
    """Raise UnusableFileError unless a part agrees with those before it; adds the versions that it alone knows."""
    theirs = _conditions(part)
    other: dict[Path, list[str]] = defaultdict(list)
    for name in dict.fromkeys([*known, *theirs]):
        if name.startswith(_VERSION) and not (name in known and name in theirs):
            continue  # only what has reached a target knows its version
        expected, named_in = known.get(name, (_NONE, first))
        if theirs.get(name, _NONE) != expected:
            other[named_in].append(f"{name} {theirs.get(name, _NONE)!r} and {expected!r}")
    for named_in, differing in other.items():
        shown = "; ".join(differing)
        raise UnusableFileError(f"{file} and {named_in} are not of one run: {shown}; expected the same in each job")
    for name, text in theirs.items():
        known.setdefault(name, (text, file))


def _conditions(result: RunResult) -> dict[str, str]:
    """Return what all parts of a run have in common, by names for people."""
    context = result.context
    versions = {f"{_VERSION}{name}": text for name, text in context.versions.items()}
    named = {"build": context.build, "seed": str(result.seed), "profile": context.profile}
    return {**named, **context.targets, **context.options, **versions}


def _refuse_missing(shards: Sequence[Shard]) -> None:
    count = shards[0].count
    missing = [str(each) for number in range(1, count + 1) if (each := Shard(count, number)) not in shards]
    if missing:
        raise UnusableFileError(f"missing shards: {', '.join(missing)}; expected a report of each of the {count}")


def _joined(parts: Parts, build: str | None) -> RunResult:
    results = list(parts.values())
    first = results[0].context
    variations = [each.variations for each in results if each.variations is not None]
    return replace(
        results[0],
        context=replace(
            first,
            at=min(each.context.at for each in results),
            versions=dict(chain.from_iterable(each.context.versions.items() for each in results)),
            build=build or first.build,
        ),
        complete=all(each.complete for each in results),
        error="; ".join(f"shard {shard}: {why}" for shard, each in parts.items() if (why := _flaw(each))),
        remarks=tuple(dict.fromkeys(chain.from_iterable(each.remarks for each in results))),
        chosen=sum(each.chosen for each in results),
        fakes=all(each.fakes for each in results),
        variations=sum(variations) if variations else None,
        checks=sum(each.checks for each in results),
        scenarios=tuple(joined([each.scenarios for each in results])),
        shard=None,
        coverage=_coverage([each.coverage for each in results]),
    )


def _flaw(part: RunResult) -> str:
    """Return why a part does not hold though its scenarios may; empty for nothing."""
    return part.error or ("" if part.complete else "the run did not come to its end")


def _coverage(measured: Sequence[Coverage | None]) -> Coverage | None:
    """Return what all of them exercised; None where one did not measure it."""
    known = [each for each in measured if each]
    if len(known) < len(measured):
        return None
    try:
        return reduce(Coverage.and_of, known)
    except ValueError as error:
        raise UnusableFileError(f"the shards have measured different contracts: {error}") from None


def _lines(result: RunResult) -> Iterator[str]:
    for scenario in result.scenarios:
        if scenario.failure:
            yield f"failed  {scenario.name}"
            yield from (line.text for line in shown_lines(scenario.failure))
    failed = [(each.name, each.failure) for each in result.scenarios if each.failure]
    yield from listed_lines(failed, len(result.scenarios))
    yield f"{result.ended.counts}; {result.ended.expectations} in {result.ended.seconds:.1f} s"
