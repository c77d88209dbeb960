"""The scenarios that ship with the package, and how scenario files are found."""

import os
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from privman_scenarios.errors import ScenarioFileError

SUFFIXES = (".yaml", ".yml")
# Emacs locks a file that is being edited by a link of such a name, which leads nowhere.
_LOCK = ".#"


def catalog_files() -> list[Path]:
    """Return the packaged scenario files in order of their names, then the regressions."""
    catalog, regressions = (
        Path(str(resources.files(package)))
        for package in ("privman_scenarios.catalog", "privman_scenarios.regressions")
    )
    return [*_files(catalog), *_files(regressions)]


def scenario_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files, and those below the folders in order; raises ScenarioFileError for a folder without any."""
    return [file for path in paths for file in (_below(path) if path.is_dir() else [path])]


def _below(folder: Path) -> list[Path]:
    files = _files(folder)
    if not files:
        raise ScenarioFileError(str(folder), 1, f"no scenario in this folder. Expected files named *{SUFFIXES[0]}.")
    return files


def _files(folder: Path) -> list[Path]:
    """Return the scenario files below a folder, also in folders that are links, which rglob leaves out."""
    seen: set[str] = set()
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()  # a ring of links
            continue
        seen.add(real)
        found += (Path(place) / name for name in names if not name.startswith(_LOCK))
    if lost := next((file for file in found if file.is_symlink() and not file.exists()), None):
        raise ScenarioFileError(str(lost), 1, f"leads to {str(lost.readlink())!r}, which is not there.")
    return sorted(file for file in found if file.suffix.lower() in SUFFIXES)


def _refuse(error: OSError) -> None:
    """Raise ScenarioFileError for a folder that cannot be read: nobody knows which scenarios are in it."""
    raise ScenarioFileError(str(error.filename), 1, f"cannot be read: {error.strerror}.")
