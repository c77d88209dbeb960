"""Play scenarios again when one of their files changes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import watchfiles
from watchfiles import Change

from privman_contracts import ContractError
from privman_core.command_line import Exit, UsageError
from privman_core.interrupts import forgive
from privman_scenarios.errors import ScenariosError, lines_of
from privman_scenarios.language.example_tables import SUFFIX as TABLE
from privman_scenarios.language.includes import SUFFIXES as INCLUDED
from privman_scenarios.language.loader import SUFFIXES as YAML
from privman_scenarios.output import complain, say

# How often an interrupt is looked for.
MILLISECONDS = 200


_Play = Callable[[Sequence[Path] | None], Exit]
_OF_FILES = (ScenariosError, ContractError)


def watch(play: _Play, find_files: Callable[[], Sequence[Path]], shared: Sequence[Path]) -> Exit:
    """Play everything, then what a changed file touches, until an interrupt; returns how the last playing ended.

    An unusable file or an unreachable target is reported, and watching goes on; so is a setting that a change has made
    unusable, such as a tag that no file has any more. Raises UsageError for one that was unusable at the start.

    Args:
        play: plays the scenarios of some files, None for all.
        find_files: finds the scenario files; raises ScenarioFileError at the start, when there are none.
        shared: files and folders that every scenario depends on, such as those of wire names and of tables.
    """
    code = Exit.INTERRUPTED
    reported: tuple[type[Exception], ...] = _OF_FILES
    changes = _changes(find_files, shared)
    try:
        while True:
            changed = next(changes)
            files = find_files()
            code = Exit.INTERRUPTED
            touched = [file for file in files if file.resolve() in changed] if changed else None
            code = _play(partial(play, touched), reported)
            reported = (*_OF_FILES, UsageError)
            say(f"Watching {len(files)} files; Ctrl-C ends.")
    except KeyboardInterrupt:
        forgive()
    return code


def _play(play: Callable[[], Exit], reported: tuple[type[Exception], ...]) -> Exit:
    try:
        return play()
    except reported as error:
        complain("privman-scenarios", *lines_of(error))
        return Exit.UNUSABLE


def _changes(find_files: Callable[[], Sequence[Path]], shared: Sequence[Path]) -> Iterator[frozenset[Path]]:
    """Yield nothing at once, which stands for every file, and then which ones are touched."""
    everything = frozenset(map(Path.resolve, shared))

    def matters(change: Change, path: str) -> bool:
        if change is Change.deleted:  # of other files an editor may be about to write the next version
            return is_in_shared_folder(Path(path))
        return touches_everything(Path(path)) or Path(path).resolve() in map(Path.resolve, find_files())

    def is_in_shared_folder(file: Path) -> bool:
        return file.resolve().parent in everything and file.suffix in YAML

    def touches_everything(file: Path) -> bool:
        return _is_shared(file) or file.resolve() in everything or is_in_shared_folder(file)

    def touched(changes: Iterable[tuple[Change, str]]) -> frozenset[Path]:
        paths = frozenset(Path(path).resolve() for _, path in changes)
        return frozenset() if any(map(touches_everything, paths)) else paths

    # An editor may put another file in the place of the old one, which only their folder tells of.
    files = [file.resolve() for file in [*find_files(), *everything]]
    folders = {file if file.is_dir() else file.parent for file in files if file.parent.is_dir()}
    changes = watchfiles.watch(*folders, watch_filter=matters, rust_timeout=MILLISECONDS, yield_on_timeout=True)
    first = next(changes)
    yield from map(touched, chain([first], filter(None, changes)))


def _is_shared(file: Path) -> bool:
    """Return whether several scenario files may read a file: steps that they include, or a table of examples."""
    return file.name.lower().endswith((*INCLUDED, TABLE))
