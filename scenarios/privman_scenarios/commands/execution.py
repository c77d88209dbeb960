"""Execute a command, and turn its errors into a line and an exit code."""

from collections.abc import Callable, Sequence
from typing import Protocol

from privman_core.command_line import Exit
from privman_core.inputs import reason_of
from privman_core.interrupts import interrupted
from privman_scenarios.errors import (
    UNUSABLE,
    ScenarioFileError,
    TargetUnreachableError,
    WorkerLostError,
    lines_of,
)
from privman_scenarios.output import complain
from privman_scenarios.playing.processes import tuned_gc


class Void(Protocol):
    """Marks the reports of earlier runs as failed, as this run could not begin."""

    def __call__(self, error: str, flaws: Sequence[ScenarioFileError] = ()) -> None:
        """Take the reason, and the flaws of files that it consists of."""


def execute(command: str, run: Callable[[], int], void: Void) -> int:
    """Return the exit code of a command.

    Args:
        command: named in complaints.
        run: executes it.
        void: called when the run could not begin.
    """
    try:
        with tuned_gc():
            return run()
    except (*UNUSABLE, TargetUnreachableError, WorkerLostError) as error:
        if interrupted():
            raise  # the one line about the interrupt says this too
        why, code = _explanation(error)
        flaws = error.each if isinstance(error, ScenarioFileError) else ()
    if code == Exit.UNUSABLE:
        void("\n".join(why), flaws)
    complain(command, *why)
    return code


def _explanation(error: Exception) -> tuple[Sequence[str], Exit]:
    """Return the lines to complain with, and the exit code."""
    if isinstance(error, OSError):
        return [": ".join(filter(None, [error.filename, reason_of(error)]))], Exit.UNUSABLE
    if isinstance(error, TargetUnreachableError):
        return lines_of(error), Exit.UNREACHABLE
    return lines_of(error), Exit.FAILURE if isinstance(error, WorkerLostError) else Exit.UNUSABLE
