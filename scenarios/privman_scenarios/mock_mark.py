"""The mark of a test, ``servicenow(…)``, that starts its mock with a release, tables and rows."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from privman_scenarios.playing.mock_options import MockOptions

MARK = "servicenow"
_KEYS = frozenset({"release", "tables", "data", "inferred"})
_SIGNATURE = f"{MARK}(release=NAME, tables=[FILE], data=[FILE], inferred=FILE)"


class MockChoice(NamedTuple):
    """Options of a test's mock, and the inferred names that both parties use."""

    inferred: Path | None
    mock: "MockOptions"


def register(config: pytest.Config) -> None:
    """Register the mark, so that ``--strict-markers`` passes."""
    config.addinivalue_line("markers", f"{_SIGNATURE}: start the mock of this test with these, too")


def of_test(item: pytest.Item, run: MockChoice) -> MockChoice:
    """Return what a test's marks say beyond the run; raises pytest.UsageError.

    Files are relative to the test's. Those of all marks are added; of several releases the nearest mark's counts.
    """
    choice = run
    for mark in reversed(list(item.iter_markers(MARK))):
        choice = _with(choice, mark, item.path.parent)
    return choice


def _with(choice: MockChoice, mark: pytest.Mark, folder: Path) -> MockChoice:
    unknown = mark.kwargs.keys() - _KEYS
    if mark.args or unknown:
        given = ", ".join([*map(repr, mark.args), *sorted(unknown)])
        raise pytest.UsageError(f"the mark {MARK} has {given}. Expected {_SIGNATURE}.")
    release = mark.kwargs.get("release", choice.mock.release)
    if not isinstance(release, str):
        raise pytest.UsageError(f"the mark {MARK} has release {release!r}. Expected a name.")
    inferred = _files(mark, "inferred", folder)
    return MockChoice(
        inferred[-1] if inferred else choice.inferred,
        replace(
            choice.mock,
            release=release,
            tables=choice.mock.tables + _files(mark, "tables", folder),
            data=choice.mock.data + _files(mark, "data", folder),
        ),
    )


def _files(mark: pytest.Mark, key: str, folder: Path) -> tuple[Path, ...]:
    given: Any = mark.kwargs.get(key, ())
    files: Iterable[Any] = [given] if isinstance(given, str | os.PathLike) else given
    if not isinstance(files, list | tuple) or not all(isinstance(file, str | os.PathLike) for file in files):
        raise pytest.UsageError(f"the mark {MARK} has {key} {given!r}. Expected a file, or a list of files.")
    return tuple(folder / file for file in files)
