"""Scenarios played again when a file changes that they come from."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import watchfiles

from privman_contracts import ContractError
from privman_scenarios.errors import ScenariosError
from privman_testbench.command_line import Exit, complain, say

# How often an interrupt is looked for.
MILLISECONDS = 200


def watch(play: Callable[[Sequence[Path]], Exit], find_files: Callable[[], Sequence[Path]], names: Path | None) -> Exit:
    """Play everything, then what a changed file touches, until an interrupt; returns how the last playing ended.

    A file that cannot be used, or a target that cannot be reached, is told, and watching goes on.

    Args:
        play: plays the scenarios of some files.
        find_files: finds the scenario files; raises ScenarioFileError at the start, when there are none.
        names: a file of wire names, which touches everything.
    """
    code = Exit.INTERRUPTED
    with suppress(KeyboardInterrupt):
        for changed in _changes([*find_files(), *([names] if names else [])]):
            files = find_files()
            touched = _touched(files, changed, names)
            if touched:
                code = Exit.INTERRUPTED
                code = _play(play, touched)
                say(f"Watching {len(files)} files; Ctrl-C ends.")
    return code


def _touched(files: Sequence[Path], changed: Collection[Path], names: Path | None) -> Sequence[Path]:
    if not changed or (names and names.resolve() in changed):
        return files
    return [file for file in files if file.resolve() in changed]


def _play(play: Callable[[Sequence[Path]], Exit], files: Sequence[Path]) -> Exit:
    try:
        return play(files)
    except (ScenariosError, ContractError) as error:
        complain("privman-scenarios", str(error))
        return Exit.UNUSABLE


def _changes(files: Collection[Path]) -> Iterator[frozenset[Path]]:
    """Yield nothing at once, and from then on which files have changed; ends at an interrupt."""
    # An editor may put another file in the place of the old one, which only their folder tells of.
    folders = {file.resolve().parent for file in files}
    changes = watchfiles.watch(*folders, watch_filter=None, rust_timeout=MILLISECONDS, yield_on_timeout=True)
    yield frozenset(Path(name).resolve() for _, name in next(changes))
    yield from (frozenset(Path(name).resolve() for _, name in changed) for changed in changes if changed)
