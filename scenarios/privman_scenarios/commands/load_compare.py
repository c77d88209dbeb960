"""``privman-scenarios load-compare``: the statistics of two runs of ``load``."""

import argparse
from collections.abc import Sequence

from privman_core.command_line import Exit
from privman_scenarios.analysis.load_statistics import (
    WORSE,
    RequestComparison,
    Verdict,
    compare_statistics,
    load_statistics,
)
from privman_scenarios.commands.reports.terminal import print_table
from privman_scenarios.output import say


def execute(options: argparse.Namespace) -> Exit:
    """Print both runs request by request, and fail if the second is worse; raises UnusableFileError, OSError."""
    compared = compare_statistics(load_statistics(options.old), load_statistics(options.new))
    judged = [(each, each.judge(options.max_slower, options.min_requests)) for each in compared]
    print_table(("REQUEST", "COUNT", "FAILED", "MEDIAN ms", "95% ms", "REQUESTS/s", ""), map(_row, judged))
    verdicts = [verdict for _, verdict in judged]
    if "slower" in verdicts:
        say(f"slower: the 95th percentile grew by more than {options.max_slower:g} percent (--max-slower).")
    if "too few" in verdicts:
        say(f"Times are compared from {options.min_requests} requests in both runs (--min-requests); run longer.")
    # The last is of all requests: where these are too few, nothing is.
    failed = verdicts[-1] == "too few" or not set(WORSE).isdisjoint(verdicts)
    return Exit.FAILURE if failed else Exit.SUCCESS


def _row(judged: tuple[RequestComparison, Verdict]) -> Sequence[str]:
    compared, verdict = judged
    both = (compared.old, compared.new)
    cells = [
        " → ".join("-" if run is None else f"{getattr(run, name):.{digits}f}" for run in both)
        for name, digits in (("count", 0), ("failures", 0), ("median", 0), ("slow", 0), ("rate", 1))
    ]
    return compared.name, *cells, verdict
