"""The files that a command writes: each is written once, and nothing else is written over."""

import argparse
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path
from typing import Any

from privman_core.command_line import UsageError
from privman_scenarios.earlier_reports import OURS, is_ours

_READ = ("paths", "har", "inferred", "ca_file", "admin_token_file")


class Once(argparse.Action):
    """Takes an option that may be given only once: what is given first would count for nothing."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,  # noqa: ANN401 - as argparse has it
        option: str | None = None,
    ) -> None:
        """Keep the value; ends the command where there is one."""
        if getattr(namespace, self.dest) != self.default:
            parser.error(f"argument {option}: given twice. Expected it once.")
        setattr(namespace, self.dest, values)


def path(text: str) -> Path:
    """Return the path that an argument names; nothing is none, and not the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("invalid path '': expected a file or a folder ('.' is the current one)")
    return Path(text)


def check(options: argparse.Namespace) -> None:
    """Raise UsageError for a file that two options name, and for one that is there and not what its option writes.

    A device such as ``/dev/stdout`` may be named any number of times.
    """
    written = [(option, file) for option, file in _written(options) if file.is_file() or not file.exists()]
    for (one, file), (other, again) in combinations(written, 2):
        if _is_same(file, again):
            raise UsageError(f"{one} and {other} are both {file}. Expected another file for each.")
    for (option, file), read in product(written, _read(options)):
        if _is_same(file, read):
            raise UsageError(f"{option} is {file}, which is read. Expected another file to write.")
    for option, file in written:
        if not is_ours(option, file):
            raise UsageError(f"{option} would overwrite {file}, which is not a file that it has written.")


def _written(options: argparse.Namespace) -> Iterator[tuple[str, Path]]:
    for option in OURS:
        if file := getattr(options, option.removeprefix("--").replace("-", "_"), None):
            yield option, file


def _read(options: argparse.Namespace) -> Iterator[Path]:
    for name in _READ:
        given = getattr(options, name, None)
        yield from given if isinstance(given, list) else filter(None, [given])


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve() or (one.is_file() and other.is_file() and one.samefile(other))
