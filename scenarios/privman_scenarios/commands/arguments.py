"""Turn options into scenarios, worlds and files to write."""

import argparse
import os
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations, product
from pathlib import Path

from privman_contracts import Contracts
from privman_core.clock import RealClock
from privman_core.command_line import UsageError
from privman_core.near_words import advice
from privman_core.resolution import variables
from privman_scenarios.commands.keywords import Keyword
from privman_scenarios.commands.reports.report_kinds import RECORDING, REPORTS, WRITTEN, WrittenFile
from privman_scenarios.language.loader import Loader, catalog_files, scenario_files
from privman_scenarios.language.model import FileTables, Scenario
from privman_scenarios.output import say
from privman_scenarios.playing.cleanup import Write, Writes, line_in
from privman_scenarios.playing.mock_options import mock_options
from privman_scenarios.playing.named_targets import announcement, console_target, servicenow_target
from privman_scenarios.playing.product_facts import tables_of_files
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder, fresh_servicenow

_OPTIONS_READ = ("paths", "files", "har", "recording", "inferred", "ca_file", "admin_token_file", "tables", "data")


def check_files(options: argparse.Namespace) -> None:
    """Raise UsageError for a file that two options name, and for one that is there and not what its option writes.

    A device such as ``/dev/stdout`` may be named any number of times.
    """
    written = [*_files_written(options)]
    for (one, file), (other, again) in combinations(written, 2):
        if _is_same(file, again):
            raise UsageError(f"{one.option} and {other.option} are both {file}. Expected another file for each.")
    for (kind, file), read in product(written, _files_read(options)):
        if _is_same(file, read):
            raise UsageError(f"{kind.option} is {file}, which is read. Expected another file to write.")
    for kind, file in written:
        if not kind.is_ours(file):
            raise UsageError(f"{kind.option} would overwrite {file}, which is not a file that it has written.")


def _files_written(options: argparse.Namespace) -> Iterator[tuple[WrittenFile, Path]]:
    """Yield the files to write; not a device, nor a folder, which is refused when it is written."""
    for kind in WRITTEN:
        if (file := getattr(options, kind.dest, None)) and (file.is_file() or not file.exists()):
            yield kind, file


def _files_read(options: argparse.Namespace) -> Iterator[Path]:
    for name in _OPTIONS_READ:
        given = getattr(options, name, None)
        yield from given if isinstance(given, list | tuple) else filter(None, [given])


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve() or (one.is_file() and other.is_file() and one.samefile(other))


# Options that keep or judge what was played.
_TELLING = (*(kind.dest for kind in (*REPORTS, RECORDING)), "github", "min_coverage")


def files(options: argparse.Namespace) -> list[Path]:
    """Return the chosen scenario files, the packaged catalog unless some are named; raises ScenarioFileError."""
    return scenario_files(options.paths) if options.paths else catalog_files()


def shared_files(options: argparse.Namespace) -> list[Path]:
    """Return the files and folders, beside those of scenarios, that each scenario of a run depends on."""
    return [*filter(None, [options.inferred]), *options.tables, *options.data]


def scenarios(options: argparse.Namespace, chosen: Sequence[Path] | None = None) -> list[Scenario]:
    """Return the chosen scenarios, of the chosen files unless others are named.

    Raises UnusableFileError, and UsageError for an unusable profile and for a tag that no chosen file has.
    """
    environment = variables(os.environ, Path(), getattr(options, "profile", None))
    loaded = Loader(vocabulary(), environment, _tables(options)).load(files(options) if chosen is None else chosen)
    if chosen is None:
        _refuse_unknown_tags(options.tag, {tag for each in loaded for tag in each.tags})
    return [each for each in loaded if each.tags.issuperset(options.tag) and _is_kept(options.keyword, each)]


def _tables(options: argparse.Namespace) -> FileTables:
    """Return what files define or change; a command that talks to no target has no dry run and no inferred names."""
    given = vars(options)
    dry_run = given.get("dry_run", False)
    mock = mock_options(options.settings, dry_run=dry_run)
    on_mock = given.get("servicenow_url") is None or dry_run
    return tables_of_files(mock.tables, given.get("inferred"), on_mock=on_mock)


async def require_usable_files(options: argparse.Namespace) -> None:
    """Raise UsageError, ContractError or UnusableFileError for what a run could not start with."""
    dry_run = getattr(options, "dry_run", False)
    mock, on_mock = mock_options(options.settings, dry_run=dry_run), options.servicenow_url is None or dry_run
    Contracts.load(options.inferred)
    tables_of_files(mock.tables, options.inferred, on_mock=on_mock)
    if on_mock and (mock.tables or mock.data):
        async with fresh_servicenow(mock, options.inferred):
            pass


def _refuse_unknown_tags(given: Sequence[str], known: Collection[str]) -> None:
    for tag in given:
        if tag not in known:
            expected = advice(tag, sorted(known)) if known else "The chosen files have no tags."
            raise UsageError(f"--tag: unknown tag {tag!r}. {expected}")


def _is_kept(keyword: Keyword | None, scenario: Scenario) -> bool:
    return keyword is None or keyword.matches(" ".join((scenario.name, scenario.file, *scenario.tags)))


def worlds(options: argparse.Namespace) -> WorldBuilder:
    """Return where the chosen targets come from; raises UsageError, InferredNamesError and OSError."""
    _refuse_beside_dry_run(options)
    servicenow, console = servicenow_target(options.settings), console_target(options.settings)
    if options.reset and not (servicenow or console):
        raise UsageError("--reset requires --servicenow-url or --console-url.")
    return WorldBuilder(
        options.seed,
        options.inferred,
        servicenow,
        console,
        options.ca_file,
        reset=options.reset,
        dry_run=options.dry_run,
        writes=writes(options),
        patience=options.patience,
        quiet_time=options.quiet_time,
        mock=mock_options(options.settings, dry_run=options.dry_run),
    )


def _refuse_beside_dry_run(options: argparse.Namespace) -> None:
    """Raise UsageError for what a dry run would do, and for what would tell of a stand-in as if it were the target."""
    if not options.dry_run:
        return
    if options.reset:
        raise UsageError("--dry-run and --reset exclude each other: a reset deletes every record.")
    if not options.servicenow_url:
        raise UsageError("--dry-run requires --servicenow-url: nothing else keeps what is written.")
    for name in _TELLING:
        if getattr(options, name, None):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} and --dry-run exclude each other: a dry run plays on fakes, not on the target.")


def announce(options: argparse.Namespace) -> None:
    """Say which targets are played on unless options name them: an address in a variable must not pass for a fake."""
    if text := announcement(options.settings):
        say(text)


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
    file.write_text("", encoding="utf-8")
