"""Tables on a terminal, or whole in a pipe."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from privman_core.command_line import disarmed
from privman_scenarios.output import shown

# A pipe has no edge; a line is cut nowhere.
_PIPE_WIDTH = 10_000


def terminal() -> Console:
    """Return where people are told something."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below their headings; a cell may have several lines."""
    table = Table(*headings, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    console = terminal()
    with console.capture() as captured:
        console.print(table)
    # Nobody who reads a pipe wants the padding of the last column.
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in disarmed(captured.get()).splitlines()))
