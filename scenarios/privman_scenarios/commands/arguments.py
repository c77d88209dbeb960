"""Arguments that several commands share, and what they stand for: scenarios, targets and files to write."""

import argparse
import os
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

from privman_core.clock import RealClock
from privman_core.command_line import UsageError, ca_file, url
from privman_scenarios.commands.reports.earlier import OURS, is_ours
from privman_scenarios.language.loader import Loader, catalog_files, scenario_files
from privman_scenarios.language.model import Scenario
from privman_scenarios.output import say
from privman_scenarios.playing.cleanup import Write, Writes, line_in
from privman_scenarios.playing.http_api import FAR_SECONDS
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world import PATIENCE
from privman_scenarios.playing.world_builder import Target, WorldBuilder

_OPTIONS_READ = ("paths", "har", "inferred", "ca_file", "admin_token_file")


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
            parser.error(f"argument {option}: given twice. Expected it once.")
        setattr(namespace, self.dest, values)


def path(text: str) -> Path:
    """Return the path that an argument names; nothing is none, and not the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("invalid path '': expected a file or a folder ('.' is the current one)")
    return Path(text)


def check_files(options: argparse.Namespace) -> None:
    """Raise UsageError for a file that two options name, and for one that is there and not what its option writes.

    A device such as ``/dev/stdout`` may be named any number of times.
    """
    written = [(option, file) for option, file in _files_written(options) if file.is_file() or not file.exists()]
    for (one, file), (other, again) in combinations(written, 2):
        if _is_same(file, again):
            raise UsageError(f"{one} and {other} are both {file}. Expected another file for each.")
    for (option, file), read in product(written, _files_read(options)):
        if _is_same(file, read):
            raise UsageError(f"{option} is {file}, which is read. Expected another file to write.")
    for option, file in written:
        if not is_ours(option, file):
            raise UsageError(f"{option} would overwrite {file}, which is not a file that it has written.")


def _files_written(options: argparse.Namespace) -> Iterator[tuple[str, Path]]:
    for option in OURS:
        if file := getattr(options, option.removeprefix("--").replace("-", "_"), None):
            yield option, file


def _files_read(options: argparse.Namespace) -> Iterator[Path]:
    for name in _OPTIONS_READ:
        given = getattr(options, name, None)
        yield from given if isinstance(given, list) else filter(None, [given])


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve() or (one.is_file() and other.is_file() and one.samefile(other))


_SHORTEST, _LONGEST = 0.1, 3_600
_ADMINISTRATOR = "admin"
# Options that keep or judge what was played.
_TELLING = ("junit_xml", "html", "json", "github", "min_coverage", "out")


def add_scenarios(parser: argparse.ArgumentParser) -> None:
    """Add which scenarios are played, and the seed."""
    parser.add_argument("paths", nargs="*", type=path, metavar="PATH", help="scenario files or folders of them")
    parser.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="TAG",
        help="only scenarios with this tag (repeatable: with all of them)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same ids (0)")


def files(options: argparse.Namespace) -> list[Path]:
    """Return the chosen scenario files, the packaged catalog unless some are named; raises ScenarioFileError."""
    return scenario_files(options.paths) if options.paths else catalog_files()


def scenarios(options: argparse.Namespace, chosen: Sequence[Path] | None = None) -> list[Scenario]:
    """Return the chosen scenarios, of the chosen files unless others are named; raises ScenarioFileError."""
    loaded = Loader(vocabulary()).load(files(options) if chosen is None else chosen)
    return [each for each in loaded if each.tags.issuperset(options.tag)]


def add_targets(parser: argparse.ArgumentParser) -> None:
    """Add where scenarios are played."""
    parser.add_argument(
        "--servicenow-url", type=url, action=Once, metavar="URL", help="play against this ServiceNow instance"
    )
    parser.add_argument(
        "--servicenow-user",
        type=user,
        metavar="NAME",
        help="its user (admin); password from SERVICENOW_PASSWORD",
    )
    parser.add_argument("--console-url", type=url, action=Once, metavar="URL", help="play against this console")
    parser.add_argument(
        "--admin-token-file",
        type=path,
        metavar="FILE",
        help="token of their control planes (default: SERVICENOW_ADMIN_TOKEN and CONSOLE_ADMIN_TOKEN)",
    )
    add_spelling(parser)
    parser.add_argument(
        "--reset", action="store_true", help="reset a fake that already runs before each scenario: it loses all records"
    )
    add_timeout(parser)
    parser.add_argument(
        "--patience",
        type=count,
        default=PATIENCE,
        metavar="SECONDS",
        help="how long what a system that already runs is expected to show may take to come (%(default)s)",
    )
    parser.add_argument(
        "--quiet-time",
        type=count_from_zero,
        metavar="SECONDS",
        help="how long what such a system must not do is watched, 0 for one look (as long as --patience)",
    )
    add_writes(parser)


def add_spelling(parser: argparse.ArgumentParser) -> None:
    """Add what of a system that already runs differs: its certificates and its names of the wire."""
    parser.add_argument("--ca-file", type=ca_file, metavar="PATH", help="extra CA certificates to trust (PEM)")
    parser.add_argument(
        "--inferred",
        type=path,
        action=Once,
        metavar="FILE",
        help="wire names that your instance has differently",
    )


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """Add how long a system that already runs may take to answer."""
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=FAR_SECONDS,
        metavar="SECONDS",
        help="how long a system that already runs may take for an answer (%(default)s)",
    )


def seconds(text: str) -> float:
    """Return a span of time in seconds."""
    try:
        span = float(text)
    except ValueError:
        span = 0
    if not _SHORTEST <= span <= _LONGEST:
        raise argparse.ArgumentTypeError(f"invalid span {text!r}: expected {_SHORTEST} to {_LONGEST} seconds")
    return span


def add_writes(parser: argparse.ArgumentParser) -> None:
    """Add how to see what is written to a system that already runs."""
    parser.add_argument("--dry-run", action="store_true", help="print what would be written and deleted; send nothing")
    parser.add_argument(
        "--writes",
        type=path,
        action=Once,
        metavar="FILE",
        help="keep a journal of every write (lines of JSON)",
    )


def worlds(options: argparse.Namespace) -> WorldBuilder:
    """Return where the chosen targets come from; raises UsageError, InferredNamesError and OSError."""
    _refuse_beside_dry_run(options)
    _refuse_without_target(options)
    console = _console(options)
    return WorldBuilder(
        options.seed,
        options.inferred,
        _servicenow(options),
        console,
        options.ca_file,
        reset=options.reset,
        dry_run=options.dry_run,
        writes=writes(options),
        patience=options.patience,
        quiet_time=options.quiet_time,
    )


def _refuse_beside_dry_run(options: argparse.Namespace) -> None:
    """Raise UsageError for what a dry run would do, and for what would tell of a stand-in as if it were the target."""
    if not options.dry_run:
        return
    if options.reset:
        raise UsageError("--dry-run and --reset are both given. Expected one of them: a reset deletes every record.")
    if not options.servicenow_url:
        raise UsageError("--dry-run requires --servicenow-url: nothing else keeps what is written.")
    for name in _TELLING:
        if getattr(options, name, None):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} is given beside --dry-run, which plays on a stand-in. Expected one of them.")


def _refuse_without_target(options: argparse.Namespace) -> None:
    """Raise UsageError for what is about a system that already runs where none is named: fakes would be played on."""
    if options.servicenow_user is not None and not options.servicenow_url:
        raise UsageError("--servicenow-user requires --servicenow-url.")
    about = {
        "--reset": options.reset,
        "--timeout": options.timeout != FAR_SECONDS,
        "--patience": options.patience != PATIENCE,
        "--quiet-time": options.quiet_time is not None,
        "--admin-token-file": options.admin_token_file,
    }
    for option, given in about.items():
        if given and not (options.servicenow_url or options.console_url):
            raise UsageError(f"{option} requires --servicenow-url or --console-url.")


def writes(options: argparse.Namespace) -> Writes:
    """Return what tells of writes; raises OSError for a file that cannot be written."""
    if options.writes:
        begin_writes(options.writes)
    keep = line_in(options.writes) if options.writes else None

    def tell(write: Write) -> None:
        if options.dry_run:
            say(f"would send {write}")
        if keep:
            keep(write)

    return Writes(tell, RealClock())


def begin_writes(file: Path) -> None:
    """Empty the journal of writes; raises OSError."""
    file.write_text("")


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add how many processes play."""
    parser.add_argument("--jobs", type=count, default=os.cpu_count(), metavar="N", help="as many at a time (all cores)")


def count(text: str) -> int:
    """Return a whole number from 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no count; expected a whole number from 1")
    return int(text)


def count_from_zero(text: str) -> int:
    """Return a whole number from 0."""
    return 0 if text == "0" else count(text)


def _servicenow(options: argparse.Namespace) -> Target | None:
    if not options.servicenow_url:
        return None
    token = _admin_token(options, "SERVICENOW_ADMIN_TOKEN")
    name = _ADMINISTRATOR if options.servicenow_user is None else options.servicenow_user
    return Target(options.servicenow_url, name, password(), token, options.timeout)


def _console(options: argparse.Namespace) -> Target | None:
    if not options.console_url:
        return None
    token = _admin_token(options, "CONSOLE_ADMIN_TOKEN")
    return Target(options.console_url, admin_token=token, seconds=options.timeout)


def _admin_token(options: argparse.Namespace, variable: str) -> str:
    file: Path | None = options.admin_token_file
    token = os.environ.get(variable, "") if file is None else file.read_bytes().decode(errors="replace").strip()
    if not token.isascii() or not token.isprintable():
        raise UsageError(f"{file or variable} holds no token. Expected one line of ASCII characters.")
    return token


def user(text: str) -> str:
    """Return the user name that an argument holds."""
    if not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} has characters that no user name has")
    return text


def password() -> str:
    """Return the password from SERVICENOW_PASSWORD, ``admin`` where that is not set; raises UsageError."""
    found = os.environ.get("SERVICENOW_PASSWORD", "admin")
    try:
        found.encode()
    except UnicodeEncodeError:
        raise UsageError("SERVICENOW_PASSWORD is not UTF-8 text.") from None
    return found
