"""The scenarios that ship with the package, and how scenario files are found."""

from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from privman_scenarios.errors import ScenarioFileError

SUFFIXES = (".yaml", ".yml")


def catalog_files() -> list[Path]:
    """Return the packaged scenario files in order of their names."""
    return scenario_files([Path(str(resources.files("privman_scenarios.catalog")))])


def scenario_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files, and those below the folders in order; raises ScenarioFileError for a folder without any."""
    return [file for path in paths for file in (_below(path) if path.is_dir() else [path])]


def _below(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.rglob("*") if file.suffix in SUFFIXES)
    if not files:
        raise ScenarioFileError(str(folder), 1, f"no scenario in this folder. Expected files named *{SUFFIXES[0]}.")
    return files
