"""The options of every command, a function each; imports little, so that ``--help`` answers at once."""

import argparse
import os
import re
from collections.abc import Callable, Sequence
from datetime import date

from privman_core.argument_types import count, path, percent, text
from privman_core.command_line import Once, Options, port
from privman_core.near_words import advice
from privman_core.resolution import add_settings
from privman_core.setting_types import Client
from privman_scenarios.commands.keywords import Keyword
from privman_scenarios.commands.reports.report_kinds import REPORTS
from privman_scenarios.commands.shards import MOST_SHARDS, Shard

ORDERS = 24
"""Every order of four steps that happen together."""
_COMPARED = "compare times only of requests that both runs have made this often (default %(default)s)"
PREFIX = "x_thyti_thycotic_p_"
"""With which the names of the app's tables begin."""
_SETS = "'packaged', a file of names, a privman_contracts folder, or a wheel"


def schema(_parser: argparse.ArgumentParser) -> None:
    """Add the options of ``schema``: none."""


def parity(_parser: argparse.ArgumentParser) -> None:
    """Add the options of ``parity``: none."""


def run(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``run``."""
    _add_scenarios(parser)
    _add_targets(parser, "run")
    _add_variations(parser)
    _add_reports(parser)
    _add_jobs(parser)
    help_ = "play part N of M, for a job of a matrix; 'report merge' joins their JSON reports"
    parser.add_argument("--shard", type=shard, action=Once, metavar="N/M", help=help_)
    _add_listing(parser)
    help_ = "play only what failed when it was last played in this folder; everything, if nothing did"
    parser.add_argument("--last-failed", action="store_true", help=help_)
    parser.add_argument("-x", "--exitfirst", action="store_true", help="end the run at the first failure")
    parser.add_argument("--strict", action="store_true", help="fail if ServiceNow swallowed something")
    parser.add_argument("--watch", action="store_true", help="play again on every change of a file, until Ctrl-C")


def mutate(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``mutate``."""
    _add_scenarios(parser)
    add_settings(parser, "mutate")
    parser.add_argument(
        "--mutant", action="append", type=_mutant, metavar="NAME", help="try only this mutant; may be repeated"
    )
    parser.add_argument("--list", action="store_true", help="list the mutants and the duties that they break")
    _add_jobs(parser)


def diff(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``contracts diff``."""
    parser.add_argument("old", metavar="OLD", help=_SETS)
    parser.add_argument("new", metavar="NEW", help="a set of the same kinds")


def matrix(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``matrix``."""
    for side in ("console", "app"):
        help_ = f"contracts of the {side}; may be repeated (default: --inferred, else 'packaged'): {_SETS}"
        parser.add_argument(f"--{side}", action="append", metavar="SET", help=help_)
    add_settings(parser, "matrix")
    parser.add_argument(
        "--release", action="append", choices=_releases(), help="ServiceNow release; may be repeated (default: all)"
    )
    help_ = "the console's users may use Basic authentication on the newest releases, too"
    parser.add_argument("--basic-auth-allowed", action="store_true", help=help_)


def fidelity(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``fidelity``."""
    add_settings(parser, "fidelity")
    _add_writes(parser)
    parser.add_argument("--trap", action="append", metavar="ID", help="probe only this trap; may be repeated")


def record(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``record``."""
    _add_scenarios(parser)
    _add_targets(parser, "record")
    _add_reports(parser)
    parser.set_defaults(shard=None, exitfirst=False)
    parser.add_argument("--out", type=path, action=Once, required=True, metavar="FILE", help="HAR file to write")
    parser.add_argument(
        "--har",
        type=path,
        action="append",
        metavar="FILE",
        help="read a browser's or proxy's recording instead of playing scenarios; may be repeated",
    )
    parser.add_argument(
        "--with-secrets", action="store_true", help="keep secrets, except those that a fake masks itself"
    )


def learn(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``learn``."""
    add_settings(parser, "learn")
    help_ = "file of names to write, for --inferred"
    parser.add_argument("--out", dest="learned", type=path, action=Once, required=True, metavar="FILE", help=help_)
    help_ = "learn from this HAR file, too; may be repeated"
    parser.add_argument("--recording", type=path, action="append", default=[], metavar="FILE", help=help_)
    help_ = "what the names of the app's tables begin with (default %(default)s; others are found by their labels)"
    parser.add_argument("--prefix", type=table_prefix, action=Once, default=PREFIX, metavar="PREFIX", help=help_)
    help_ = "record every request (one line of JSON each)"
    parser.add_argument("--journal", type=path, action=Once, metavar="FILE", help=help_)
    parser.add_argument("--date", type=day, action=Once, metavar="DAY", help="day of the observation (default: today)")


def load(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``load``."""
    add_settings(parser.add_argument_group("targets", "fakes that already run (default: both are started)"), "load")
    help_ = "consoles to start, each registered with the instance (default: 1)"
    parser.add_argument("--consoles", type=count, action=Once, metavar="N", help=help_)
    group = parser.add_argument_group("Locust", "passed on to Locust")
    for option, type_, metavar, help_ in LOCUST_OPTIONS:
        group.add_argument(option, type=type_, action=Once, metavar=metavar, help=help_)
    group.add_argument("--master", action="store_true", help="wait for workers, which make the requests")
    group.add_argument("--worker", action="store_true", help="make requests for a master")
    group.add_argument("--web", action="store_true", help="serve Locust's web page instead of running at once")


LOCUST_OPTIONS: Sequence[tuple[str, Callable[[str], object], str, str]] = (
    ("--locustfile", path, "FILE", "user classes (default: endpoint users and approvers)"),
    ("--users", count, "N", "concurrent users (Locust's default: 1)"),
    ("--spawn-rate", count, "N", "users to start each second (Locust's default: 1)"),
    ("--run-time", text, "TIME", "how long to run, such as 90s or 1h30m (default: 30s; with --web until stopped)"),
    ("--csv", path, "PREFIX", "write statistics to PREFIX_stats.csv and others"),
    ("--processes", count, "N", "worker processes on this machine"),
    ("--expect-workers", count, "N", "workers that a master waits for"),
    ("--master-host", text, "HOST", "host of the master (Locust's default: 127.0.0.1)"),
    ("--master-port", port, "PORT", "port of the master (Locust's default: 5557)"),
    ("--web-port", port, "PORT", "port of the web page (Locust's default: 8089)"),
)
"""Option, type, metavar and help of what is passed on to Locust."""


def load_compare(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``load-compare``."""
    for name, help_ in (
        ("old", "the --csv of a run, or its file PREFIX_stats.csv"),
        ("new", "those of a later run"),
    ):
        parser.add_argument(name, metavar=name.upper(), help=help_)
    help_ = "fail if the 95th percentile of a request is slower in NEW by more than that (default %(default)s)"
    parser.add_argument("--min-requests", type=count, default=500, metavar="N", help=_COMPARED)
    parser.add_argument("--max-slower", type=percent, default=20.0, metavar="PERCENT", help=help_)


def targets(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``targets``."""
    add_settings(parser, "run")
    _add_fakes(parser)


def drift(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``drift``."""
    parser.add_argument(
        "files", nargs="+", type=path, metavar="FILE", help="HAR files of 'record', a browser or a proxy"
    )
    add_settings(parser, "drift")


def merge(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``report merge``."""
    parser.add_argument(
        "files", nargs="+", type=path, metavar="FILE", help="JSON reports of 'run --shard', one a shard"
    )
    add_settings(parser, "merge")
    _add_reports(parser)


def _add_scenarios(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="*", type=path, metavar="PATH", help="scenario files or folders (default: the packaged catalog)"
    )
    parser.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="TAG",
        help="play only scenarios with this tag; if repeated, with all of them",
    )
    parser.add_argument(
        "-k",
        "--keyword",
        type=keyword,
        action=Once,
        metavar="EXPRESSION",
        help="play only scenarios whose title, file or tags contain these texts: 'retry and not \"two consoles\"'",
    )
    help_ = "seed of the identifiers (default %(default)s)"
    parser.add_argument("--seed", type=int, default=0, metavar="N", help=help_)


def _add_targets(parser: argparse.ArgumentParser, client: Client) -> None:
    group = parser.add_argument_group("targets", "systems that already run (default: two fakes)")
    add_settings(group, client)
    _add_fakes(group)
    group.add_argument(
        "--reset", action="store_true", help="reset the target, a fake, before each scenario: deletes ALL its records"
    )
    _add_writes(group)


def _add_fakes(parser: Options) -> None:
    help_ = "play on two fakes, whatever the environment and the profile name"
    parser.add_argument("--fakes", action="store_true", help=help_)


def _add_writes(parser: Options) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be written and deleted, without sending it"
    )
    parser.add_argument(
        "--writes",
        type=path,
        action=Once,
        metavar="FILE",
        help="record every write to a target (one line of JSON each)",
    )


def _add_variations(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("variations", "judged by invariants instead of expectations")
    group.add_argument(
        "--sweep",
        action="store_true",
        help="also play each scenario with every fault at every message, and with restarts",
    )
    group.add_argument("--interleave", action="store_true", help="also play concurrent steps in every order")
    group.add_argument(
        "--generate", type=count, default=0, metavar="N", help="also play N random scenarios, drawn by --seed"
    )
    help_ = "play at most N orders for --interleave (default %(default)s)"
    group.add_argument("--orders", type=count, default=ORDERS, metavar="N", help=help_)
    group.add_argument(
        "--failures-dir", type=path, action=Once, metavar="DIR", help="write each failing variation as a scenario file"
    )


def _add_reports(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("reports and limits")
    for kind in REPORTS:
        group.add_argument(kind.option, type=path, action=Once, metavar="FILE", help=kind.help)
    help_ = "what is tested, such as a version of your app, for the header of the reports"
    group.add_argument("--build", type=text, action=Once, metavar="TEXT", help=help_)
    group.add_argument("--coverage", action="store_true", help="print which share of the contracts was exercised")
    group.add_argument(
        "--min-coverage",
        type=shares,
        action=Once,
        metavar="SHARES",
        help="fail below this coverage, in percent, overall or per evidence mark: 90,S=100,D=100",
    )
    group.add_argument(
        "--github", action="store_true", help="annotate files in GitHub Actions, and add to the job's summary"
    )


def _add_listing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--list", action="store_true", help="list the chosen scenarios, without playing them")
    group.add_argument("--list-tags", action="store_true", help="list the tags of the chosen scenarios")
    group.add_argument("--check", action="store_true", help="check the files, without playing them")


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    help_ = "worker processes (default: CPU count)"
    parser.add_argument("--jobs", type=count, default=os.cpu_count(), metavar="N", help=help_)


def keyword(text: str) -> Keyword:
    """Return the expression that an argument holds."""
    try:
        return Keyword.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"invalid expression {text!r}: {error}") from None


def shard(text: str) -> Shard:
    """Return a part of a run."""
    try:
        return Shard.parse(text)
    except ValueError:
        message = f"invalid shard {text!r}: expected N/M, as 2/5, with N from 1 to M, and M at most {MOST_SHARDS}"
        raise argparse.ArgumentTypeError(message) from None


def shares(text: str) -> dict[str | None, float]:
    """Return percentages by evidence mark, that of everything under None."""
    from privman_contracts.evidence import MARKS  # noqa: PLC0415 - only the option pays for it

    found: dict[str | None, float] = {}
    for part in text.split(","):
        mark, is_marked, value = part.rpartition("=")
        key = mark.strip().upper() if is_marked else None
        if key not in (*MARKS, None):
            raise argparse.ArgumentTypeError(f"unknown mark in {part!r}: expected one of {', '.join(MARKS)}")
        if key in found:
            raise argparse.ArgumentTypeError(f"duplicate {key or 'overall percentage'} in {text!r}")
        found[key] = percent(value)
    return found


def table_prefix(text: str) -> str:
    """Return what the names of tables of an app begin with."""
    if not re.fullmatch(r"[xu]_[a-z0-9_]{0,60}", text):
        raise argparse.ArgumentTypeError(f"invalid prefix {text!r}: expected x_ or u_ and letters, digits, underscores")
    return text


def day(text: str) -> date:
    """Return a day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid day {text!r}: expected one such as 2026-11-29") from None


def _mutant(name: str) -> object:
    """Return the mutant that an argument names."""
    from privman_scenarios.analysis.mutants import load_mutants  # noqa: PLC0415 - only the option pays for it

    mutants = {each.name: each for each in load_mutants()}
    if name not in mutants:
        raise argparse.ArgumentTypeError(f"unknown mutant {name!r}. {advice(name, mutants)}")
    return mutants[name]


def _releases() -> Sequence[str]:
    from privman_scenarios.playing.product_facts import releases  # noqa: PLC0415 - only two commands pay for it

    return releases()
