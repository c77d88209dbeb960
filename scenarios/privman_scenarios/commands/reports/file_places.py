"""Scenario files as reports name them: the same on every machine, and without the folders of this one."""

import os.path
from importlib import resources
from pathlib import Path

# The folder that the packaged scenarios are installed in.
PACKAGES = Path(str(resources.files("privman_scenarios"))).parent


def place_below(file: str, start: Path, *folders: Path) -> str:
    """Return the path, from ``start``, below the first of the folders that contains it; empty if none does."""
    path = Path(os.path.normpath(start / file))
    below = next((folder for folder in folders if path.is_relative_to(folder)), None)
    return path.relative_to(below).as_posix() if below else ""


def shown_place(file: str, start: Path) -> str:
    """Return the file's path below ``start`` or the packages; of one elsewhere as the user named it."""
    return place_below(file, start, start, PACKAGES) or file


def short_place(file: str, start: Path) -> str:
    """Return the file's path below ``start`` or the packages; of one elsewhere its last two parts."""
    return place_below(file, start, start, PACKAGES) or Path(*Path(file).parts[-2:]).as_posix()
