"""Scenario files as reports name them: the same on every machine, and without the folders of this one."""

import os.path
from importlib import resources
from pathlib import Path

# The folder that the packaged scenarios are installed in.
PACKAGES = Path(str(resources.files("privman_scenarios"))).parent


def place_below(file: str, *folders: Path) -> str:
    """Return the file's path below the first of the folders that contains it, with slashes; empty if none does."""
    path = Path(os.path.abspath(file))  # noqa: PTH100 - Path.resolve would follow links
    below = next((folder for folder in folders if path.is_relative_to(folder)), None)
    return path.relative_to(below).as_posix() if below else ""


def short_place(file: str, folder: Path) -> str:
    """Return a name of the file for people: its path below the folder or the packages, otherwise its last two parts."""
    return place_below(file, folder, PACKAGES) or Path(*Path(file).parts[-2:]).as_posix()
