"""``privman-scenarios parity``."""

import argparse
from collections.abc import Iterator, Sequence

from privman_core import interrupts
from privman_core.command_line import Exit
from privman_scenarios.analysis.parity_stories import COLUMNS, Parity, compare, rows, stories
from privman_scenarios.output import say

_SEED = 1


def execute(_options: argparse.Namespace) -> Exit:
    """Play the stories, print what each shows over either integration, and fail if one ends differently."""
    found = [interrupts.run(compare(*story, _SEED)) for story in stories()]
    for line in _table(found):
        say(line)
    differing = [each.title for each in found if each.differs]
    say(f"{len(found)} stories, {len(differing)} end differently{': ' if differing else ''}{', '.join(differing)}")
    return Exit.FAILURE if differing else Exit.SUCCESS


def _table(found: Sequence[Parity]) -> Iterator[str]:
    table = [COLUMNS, *(row for parity in found for row in rows(parity))]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
