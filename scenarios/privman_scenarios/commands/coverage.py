"""Contract coverage of a run: options, and what they ask for."""

import argparse
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

from privman_contracts import Contracts, Evidence
from privman_contracts.evidence import MEANING
from privman_scenarios.commands.output_files import Once
from privman_scenarios.coverage.exercised import Exercised
from privman_scenarios.coverage.measure import Coverage
from privman_scenarios.coverage.tables import by_contract, by_evidence
from privman_scenarios.output import say
from privman_scenarios.reports.table import print_table
from privman_scenarios.world import fault_kinds

Shares = dict[Evidence | None, float]


def add_coverage(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--coverage", action="store_true", help="print how much of the contracts was exercised")
    parser.add_argument(
        "--min-coverage",
        type=shares,
        action=Once,
        metavar="SHARES",
        help="fail when it was less: a percentage, and one of each evidence mark, such as 90,S=100,D=100",
    )


def shares(text: str) -> Shares:
    """Return percentages by evidence mark, that of everything under None."""
    found: Shares = {}
    for part in text.split(","):
        mark, is_marked, value = part.rpartition("=")
        key = mark.strip().upper() if is_marked else None
        if key not in (*MEANING, None):
            raise argparse.ArgumentTypeError(f"{part!r} has an unknown mark; expected one of {', '.join(MEANING)}")
        if key in found:
            raise argparse.ArgumentTypeError(
                f"{text!r} has {key or 'a percentage of everything'} twice; expected it once"
            )
        found[key] = percent(value)
    return found


def percent(text: str) -> float:
    """Return a percentage."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1
    if not 0 <= value <= 100:  # noqa: PLR2004 - percent
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage; expected a number from 0 to 100")
    return value


def reader(options: argparse.Namespace) -> Callable[[], Exercised] | None:
    """Return what gives, in any process, the reader of journals; None where nobody wants to see the coverage."""
    if not options.coverage and options.min_coverage is None and options.html is None:
        return None
    return partial(exercised, options.inferred)


@cache
def exercised(inferred: Path | None) -> Exercised:
    """Return the reader of journals, made once a process; raises InferredNamesError."""
    return Exercised(Contracts.load(inferred), fault_kinds())


def show(coverage: Coverage) -> None:
    """Print the tables."""
    for section in (by_contract(coverage), by_evidence(coverage)):
        print_table(section.head, section.rows)
        say("")


def lacking(coverage: Coverage, demanded: Shares) -> Iterator[str]:
    """Yield a sentence for each share that was not exercised as far as is demanded."""
    for mark, share in demanded.items():
        if coverage.percent(mark) < share:
            what = f"what is marked {mark} in the contracts" if mark else "the contracts"
            yield f"{coverage.percent(mark):.1f}% of {what} was exercised, less than the {share:g}% of --min-coverage"
