"""Long work, watched on a terminal."""

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Result = TypeVar("Result")


def watched(console: Console, results: Iterable[Result], total: int, what: str) -> Iterable[Result]:
    """Yield each result, with a line of progress while somebody watches; quiet in a pipe."""
    return track(results, what, total, console=console, transient=True, disable=not console.is_terminal)
