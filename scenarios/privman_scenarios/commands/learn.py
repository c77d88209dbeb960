"""``privman-scenarios learn``."""

import argparse
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import ClientSession, DummyCookieJar, TCPConnector

from privman_contracts import Contracts, InferredNamesError, WireNames
from privman_core import interrupts
from privman_core.clock import Clock, RealClock
from privman_core.command_line import Exit
from privman_core.inputs import trust
from privman_core.table_reader import RequestJournal, UnreadableInstanceError
from privman_scenarios.analysis.definition_clues import find_tables
from privman_scenarios.analysis.har import read_har
from privman_scenarios.analysis.instance_facts import CannotLearnError
from privman_scenarios.analysis.instance_reader import InstanceReader
from privman_scenarios.analysis.learning import Learner
from privman_scenarios.analysis.narrowing import Narrowing
from privman_scenarios.commands import arguments
from privman_scenarios.commands.learned_names import LearnedNames
from privman_scenarios.errors import TargetUnreachableError
from privman_scenarios.output import complain, say, write
from privman_scenarios.playing.named_targets import named_instance
from privman_scenarios.playing.reaching import require_log_on
from privman_scenarios.playing.target import Target


def execute(options: argparse.Namespace) -> Exit:
    """Write what was learned; raises UsageError, UnusableFileError, InferredNamesError and TargetUnreachableError."""
    arguments.check_files(options)
    contracts = Contracts.load(options.inferred)
    recording = [*chain.from_iterable(map(read_har, options.recording))]
    instance = named_instance(options.settings)
    arguments.announce(options)
    if not options.learned.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(options.learned))
    try:
        reader = interrupts.run(_read(instance, contracts.names, options))
        facts = reader.facts
        learned = Learner(facts, contracts, options.prefix, options.date or RealClock().now().date()).learn(recording)
        names = LearnedNames(learned, contracts.names, instance.url, facts.release, reader.unreadable)
        _write(options.learned, names.file_text())
    except CannotLearnError as error:
        complain("privman-scenarios", *error.lines)
        return Exit.FAILURE
    for line in names.lines():
        say(line)
    return Exit.SUCCESS if learned.is_complete else Exit.FAILURE


async def _read(instance: Target, names: WireNames, options: argparse.Namespace) -> InstanceReader:
    """Return what has read the instance; raises TargetUnreachableError and CannotLearnError."""
    connector = TCPConnector(ssl=trust(options.ca_file))
    async with ClientSession(cookie_jar=DummyCookieJar(), connector=connector) as session:
        api = instance.api(session)
        clock, user = RealClock(), instance.log_in.words
        with _journal(options.journal, api.url, clock) as journal:
            get = api.getting(instance.log_in)
            reader = InstanceReader(get, api.url, user=user, journal=journal, clock=clock)
            require_log_on(await reader.first_answer(), api, instance.log_in)
            await reader.read_definitions(names, options.prefix)
            tables = find_tables(reader.facts, names, options.prefix)
            if not tables.found:
                raise CannotLearnError(*_without_tables(reader, tables, options.prefix))
            await reader.read_rows(each.candidate for each in tables.found.values())
    return reader


def _without_tables(reader: InstanceReader, tables: Narrowing[str], prefix: str) -> Iterator[str]:
    """Yield why no table is known, and which there are."""
    refusal = reader.unreadable.get("sys_db_object")
    if refusal or not any(tables.unresolved.values()):
        why = (
            f"sys_db_object was answered with {refusal}" if refusal else f"none begins with {prefix} or has its labels"
        )
        yield f"{reader.url} shows no table of the app to this user: {why}."
        return
    yield f"{reader.url} has tables of apps, and none is known to be this app's. Name them in a file for --inferred."
    for name, left in tables.unresolved.items():
        yield f"{name.path} was not found. Perhaps {' or '.join(sorted(left))}."


@contextmanager
def _journal(file: Path | None, url: str, clock: Clock) -> Iterator[RequestJournal]:
    """Say at the end, however that comes, which requests were sent; raises OSError for an unwritable file."""
    journal = RequestJournal(file, clock)
    try:
        yield journal
    except UnreadableInstanceError as error:
        raise TargetUnreachableError(f"{error}. Nothing was written.") from None
    finally:
        say(f"{url}: {journal}")


def _write(file: Path, text: str) -> None:
    """Write the file at once and whole.

    Raises OSError, and CannotLearnError if ``--inferred`` would refuse what was learned.
    """
    with TemporaryDirectory(dir=file.parent if file.is_file() or not file.exists() else None) as folder:
        draft = Path(folder) / "learned.yaml"
        write(draft, text)
        try:
            WireNames.load(draft)
        except InferredNamesError as error:
            why = str(error).removeprefix(f"{draft}: ")
            raise CannotLearnError(f"the instance's names cannot be used: {why}") from None
        if file.exists() and not file.is_file():
            write(file, text)  # such as /dev/stdout
        else:
            Path(draft).replace(file)
