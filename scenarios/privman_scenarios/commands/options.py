"""The options of every command, a function each; imports little, so that ``--help`` answers at once."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from privman_core.command_line import ca_file, url
from privman_core.inputs import CONTROL
from privman_scenarios.commands.reports.report_kinds import REPORTS
from privman_scenarios.commands.shards import MOST_SHARDS, Shard
from privman_scenarios.playing import FAR_SECONDS, PATIENCE

Options = argparse._ActionsContainer  # noqa: SLF001 - the base of parsers and groups has no public name
ORDERS = 24
"""Every order of four steps that happen together."""
_SHORTEST, _LONGEST = 0.1, 3_600
_SETS = "'packaged', a file of names, a privman_contracts folder, or a wheel"


class Once(argparse.Action):
    """Takes an option that may be given only once: what is given first would count for nothing."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,  # noqa: ANN401 - as argparse has it
        option: str | None = None,
    ) -> None:
        """Keep the value; ends the command where there is one."""
        if getattr(namespace, self.dest) != self.default:
            parser.error(f"argument {option}: given twice, expected once")
        setattr(namespace, self.dest, values)


def schema(_parser: argparse.ArgumentParser) -> None:
    """Add the options of ``schema``: none."""


def run(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``run``."""
    _add_scenarios(parser)
    _add_targets(parser)
    _add_variations(parser)
    _add_reports(parser)
    _add_jobs(parser)
    help_ = "play part N of M, for a job of a matrix; 'report merge' joins their JSON reports"
    parser.add_argument("--shard", type=shard, action=Once, metavar="N/M", help=help_)
    parser.add_argument("--strict", action="store_true", help="fail if ServiceNow swallowed something")
    parser.add_argument("--watch", action="store_true", help="play again on every change of a file, until Ctrl-C")


def mutate(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``mutate``."""
    _add_scenarios(parser)
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
        help_ = f"contracts of the {side}; may be repeated (default 'packaged'): {_SETS}"
        parser.add_argument(f"--{side}", action="append", metavar="SET", help=help_)
    parser.add_argument(
        "--release", action="append", choices=_releases(), help="ServiceNow release; may be repeated (default: all)"
    )
    help_ = "the console's users may use Basic authentication on the newest releases, too"
    parser.add_argument("--basic-auth-allowed", action="store_true", help=help_)


def fidelity(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``fidelity``."""
    parser.add_argument("--against", type=url, metavar="URL", required=True, help="ServiceNow instance to probe")
    parser.add_argument(
        "--user",
        dest="servicenow_user",
        type=user,
        metavar="NAME",
        help="ServiceNow user (default admin); SERVICENOW_PASSWORD has the password",
    )
    _add_log_in(parser)
    parser.add_argument(
        "--release", choices=_releases(), default="default", help="ServiceNow release of the fake (default %(default)s)"
    )
    _add_spelling(parser)
    _add_timeout(parser)
    _add_writes(parser)
    parser.add_argument("--trap", action="append", metavar="ID", help="probe only this trap; may be repeated")


def record(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``record``."""
    _add_scenarios(parser)
    _add_targets(parser)
    _add_reports(parser)
    parser.set_defaults(shard=None)
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


def drift(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``drift``."""
    parser.add_argument(
        "files", nargs="+", type=path, metavar="FILE", help="HAR files of 'record', a browser or a proxy"
    )
    parser.add_argument(
        "--inferred", type=path, action=Once, metavar="FILE", help="names and rules that are known to differ (YAML)"
    )


def merge(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``report merge``."""
    parser.add_argument(
        "files", nargs="+", type=path, metavar="FILE", help="JSON reports of 'run --shard', one a shard"
    )
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
    help_ = "seed of the identifiers (default %(default)s)"
    parser.add_argument("--seed", type=int, default=0, metavar="N", help=help_)


def _add_targets(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("targets", "systems that already run (default: two fakes)")
    group.add_argument(
        "--servicenow-url",
        type=url,
        action=Once,
        metavar="URL",
        help="play against this ServiceNow instance (default: the mock)",
    )
    group.add_argument(
        "--servicenow-user",
        type=user,
        metavar="NAME",
        help="ServiceNow user (default admin); SERVICENOW_PASSWORD has the password",
    )
    _add_log_in(group)
    for role, help_ in (("approver", "existing user who decides"), ("integration", "existing user of the console")):
        variable = f"SERVICENOW_{role.upper()}_PASSWORD"
        text = f"{help_}; {variable} has the password"
        group.add_argument(f"--{role}-user", type=user, action=Once, metavar="NAME", help=text)
    group.add_argument(
        "--console-url", type=url, action=Once, metavar="URL", help="play against this console (default: the simulator)"
    )
    group.add_argument(
        "--admin-token-file",
        type=path,
        metavar="FILE",
        help="file with the token of the control planes (default: SERVICENOW_ADMIN_TOKEN, CONSOLE_ADMIN_TOKEN)",
    )
    _add_spelling(group)
    group.add_argument(
        "--reset", action="store_true", help="reset the target, a fake, before each scenario: deletes ALL its records"
    )
    _add_timeout(group)
    group.add_argument(
        "--patience",
        type=count,
        default=PATIENCE,
        metavar="SECONDS",
        help="how long to wait until a target shows what is expected (default %(default)s)",
    )
    group.add_argument(
        "--quiet-time",
        type=count_from_zero,
        metavar="SECONDS",
        help="how long to watch that nothing forbidden happens on a target (default: --patience; 0: check once)",
    )
    _add_writes(group)


def _add_log_in(parser: Options) -> None:
    parser.add_argument(
        "--servicenow-auth",
        metavar="KIND",
        action=Once,
        help="how to log in to ServiceNow: basic (default), password-grant, client-credentials, jwt-bearer, api-key or "
        "certificate; variables have the credentials",
    )
    help_ = "client certificate to show to ServiceNow (PEM)"
    parser.add_argument("--servicenow-cert", type=path, action=Once, metavar="FILE", help=help_)
    help_ = "private key of --servicenow-cert (PEM; default: in the same file)"
    parser.add_argument("--servicenow-cert-key", type=path, action=Once, metavar="FILE", help=help_)


def _add_spelling(parser: Options) -> None:
    parser.add_argument("--ca-file", type=ca_file, metavar="PATH", help="extra CA certificates to trust (PEM)")
    parser.add_argument(
        "--inferred", type=path, action=Once, metavar="FILE", help="names and rules that differ on your instance (YAML)"
    )


def _add_timeout(parser: Options) -> None:
    help_ = "how long to wait for each answer of a target (default %(default)s)"
    parser.add_argument("--timeout", type=seconds, default=FAR_SECONDS, metavar="SECONDS", help=help_)


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
    group.add_argument("--coverage", action="store_true", help="print which share of the contracts was exercised")
    group.add_argument(
        "--min-coverage",
        type=shares,
        action=Once,
        metavar="SHARES",
        help="fail below this coverage, in percent, overall or per evidence mark: 90,S=100,D=100",
    )
    group.add_argument(
        "--max-skipped",
        type=percent,
        action=Once,
        metavar="PERCENT",
        help="fail if more of the scenarios than that were skipped or inapplicable (default: 100 if a party has no "
        "control plane, as a real system; else 50, and 0 skipped of the packaged catalog)",
    )
    group.add_argument(
        "--github", action="store_true", help="annotate files in GitHub Actions, and add to the job's summary"
    )


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    help_ = "worker processes (default: CPU count)"
    parser.add_argument("--jobs", type=count, default=os.cpu_count(), metavar="N", help=help_)


def path(text: str) -> Path:
    """Return the path that an argument names; nothing is none, and not the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("invalid path '': expected a file or a folder ('.' is the current one)")
    return Path(text)


def shard(text: str) -> Shard:
    """Return a part of a run."""
    try:
        return Shard.parse(text)
    except ValueError:
        message = f"invalid shard {text!r}: expected N/M, as 2/5, with N from 1 to M, and M at most {MOST_SHARDS}"
        raise argparse.ArgumentTypeError(message) from None


def seconds(text: str) -> float:
    """Return a span of time in seconds."""
    try:
        span = float(text)
    except ValueError:
        span = 0
    if not _SHORTEST <= span <= _LONGEST:
        raise argparse.ArgumentTypeError(f"invalid span {text!r}: expected {_SHORTEST} to {_LONGEST} seconds")
    return span


def count(text: str) -> int:
    """Return a whole number from 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"invalid count {text!r}: expected a whole number from 1")
    return int(text)


def count_from_zero(text: str) -> int:
    """Return a whole number from 0."""
    return 0 if text == "0" else count(text)


def user(text: str) -> str:
    """Return the user name that an argument holds."""
    if CONTROL.search(text):
        raise argparse.ArgumentTypeError(f"invalid user name {text!r}: expected no control characters")
    return text


def percent(text: str) -> float:
    """Return a percentage."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1
    if not 0 <= value <= 100:  # noqa: PLR2004 - percent
        raise argparse.ArgumentTypeError(f"invalid percentage {text!r}: expected a number from 0 to 100")
    return value


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


def _mutant(name: str) -> object:
    """Return the mutant that an argument names."""
    from privman_scenarios.analysis.mutants import load_mutants  # noqa: PLC0415 - only the option pays for it
    from privman_scenarios.language.known import nearest  # noqa: PLC0415 - the same

    mutants = {each.name: each for each in load_mutants()}
    if name not in mutants:
        raise argparse.ArgumentTypeError(f"unknown mutant {name!r}. {nearest(name, mutants)}")
    return mutants[name]


def _releases() -> Sequence[str]:
    from privman_scenarios.playing.world_builder import releases  # noqa: PLC0415 - only two commands pay for it

    return releases()
