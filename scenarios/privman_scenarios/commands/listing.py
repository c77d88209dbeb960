"""``privman-scenarios run --list``, ``--list-tags`` and ``--check``, which play nothing."""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence

from privman_core.command_line import Exit, UsageError
from privman_scenarios.commands.reports.report_kinds import REPORTS
from privman_scenarios.language.model import Scenario
from privman_scenarios.output import in_a_line, say

_OF_PLAYING = (*(kind.option for kind in REPORTS), "--github", "--coverage", "--watch")


def listing_of(options: argparse.Namespace) -> str:
    """Return the option that lists, empty where the run plays; raises UsageError for what only playing obeys."""
    listings = {"--list": options.list, "--list-tags": options.list_tags, "--check": options.check}
    chosen = next((option for option, given in listings.items() if given), "")
    for option in _OF_PLAYING if chosen else ():
        if getattr(options, option.removeprefix("--").replace("-", "_")):
            raise UsageError(f"{option} and {chosen} exclude each other: {chosen} plays nothing.")
    return chosen


def list_scenarios(listing: str, scenarios: Sequence[Scenario]) -> Exit:
    """Print what the option asks for; no scenario is a failure, as it is when they are played."""
    for line in _LINES[listing](scenarios):
        say(in_a_line(line))
    return Exit.SUCCESS if scenarios else Exit.FAILURE


def _names(scenarios: Sequence[Scenario]) -> Iterator[str]:
    for each in scenarios:
        tags = f" [{', '.join(sorted(each.tags))}]" if each.tags else ""
        yield f"{each.file}:{each.line}: {each.name}{tags}"
    yield _count(scenarios)


def _tags(scenarios: Sequence[Scenario]) -> Iterator[str]:
    counted = Counter(tag for each in scenarios for tag in each.tags)
    yield from (f"{tag}: {number}" for tag, number in sorted(counted.items()))
    yield _count(scenarios)


def _checked(scenarios: Sequence[Scenario]) -> Iterator[str]:
    yield f"{_count(scenarios)}, no errors"


def _count(scenarios: Sequence[Scenario]) -> str:
    return f"{len(scenarios)} scenarios in {len({each.file for each in scenarios})} files"


_LINES = {"--list": _names, "--list-tags": _tags, "--check": _checked}
