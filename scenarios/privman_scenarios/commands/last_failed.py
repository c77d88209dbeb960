"""Remember, between runs in a folder, which scenarios failed."""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from privman_core.regular_files import read_regular
from privman_scenarios.language.model import Scenario
from privman_scenarios.output import write
from privman_scenarios.playing.events import Event, ScenarioEnded

FOLDER = ".privman_cache"
_Key = tuple[str, str]
_MOST_BYTES = 16 * 1024 * 1024


class LastFailed:
    """Listens to a run and keeps in a folder what failed and has not passed since; needs no right to write there.

    Args:
        folder: the current one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._file = self._folder / "last-failed.json"
        self._ignore = self._folder / ".gitignore"
        self._failed = dict.fromkeys(self._read())

    def __call__(self, event: Event) -> None:
        """Record how a scenario ended."""
        if not isinstance(event, ScenarioEnded):
            return
        key = _key(event.scenario)
        if event.outcome == "failed":
            self._failed[key] = None
        elif event.outcome == "passed":
            self._failed.pop(key, None)

    def of(self, scenarios: Iterable[Scenario]) -> list[Scenario]:
        """Return those that failed when they were last played."""
        return [each for each in scenarios if _key(each) in self._failed]

    def keep(self) -> None:
        """Write what is known, if anything is or was."""
        if not self._is_ours() or not (self._failed or self._file.exists()):
            return
        with suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            write(self._ignore, "*\n")
            write(self._file, json.dumps(list(self._failed), indent=2) + "\n")

    def _read(self) -> list[_Key]:
        with suppress(OSError, msgspec.DecodeError, RecursionError):
            if self._is_ours():
                return msgspec.json.decode(read_regular(self._file, _MOST_BYTES), type=list[_Key])
        return []

    def _is_ours(self) -> bool:
        """Tell whether nothing in the folder leads elsewhere, as it may in one that came with a repository."""
        files = (self._file, self._ignore)
        linked = any(each.is_symlink() for each in (self._folder, *files))
        return not linked and all(each.is_file() or not each.exists() for each in files)


def _key(scenario: Scenario) -> _Key:
    """Return file and name; no path leads from one drive of Windows to another, so a file elsewhere is absolute."""
    file, folder = Path(scenario.file).resolve(), Path.cwd()
    return str(file.relative_to(folder) if file.is_relative_to(folder) else file), scenario.name
