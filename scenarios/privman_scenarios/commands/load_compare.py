"""``privman-scenarios load-compare``: the statistics of two runs of ``load``."""

import argparse
from collections.abc import Iterator, Sequence

from privman_core.command_line import Exit
from privman_scenarios.analysis.load_statistics import RequestComparison, compare_statistics, load_statistics
from privman_scenarios.commands.reports.terminal import print_table


def execute(options: argparse.Namespace) -> Exit:
    """Print both runs request by request, and fail if the second is worse; raises UnusableFileError, OSError."""
    compared = compare_statistics(load_statistics(options.old), load_statistics(options.new))
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
