"""Execute a command, and turn its errors into a line and an exit code."""

from collections.abc import Callable

from privman_contracts import ContractError
from privman_core.command_line import Exit, UsageError
from privman_core.inputs import reason_of
from privman_scenarios.errors import TargetUnreachableError, UnusableFileError, WorkerLostError
from privman_scenarios.output import complain
from privman_scenarios.playing.processes import tuned_gc


def execute(command: str, run: Callable[[], int], void: Callable[[str], None]) -> int:
    """Return the exit code of a command.

    Args:
        command: named in complaints.
        run: executes it.
        void: marks the reports of earlier runs as failed, when this run could not begin; takes the reason.
    """
    try:
        with tuned_gc():
            return run()
    except (UnusableFileError, ContractError, UsageError) as error:
        why, code = str(error), Exit.UNUSABLE
    except OSError as error:
        why, code = ": ".join(filter(None, [error.filename, reason_of(error)])), Exit.UNUSABLE
    except TargetUnreachableError as error:
        why, code = str(error), Exit.UNREACHABLE
    except WorkerLostError as error:
        why, code = str(error), Exit.DID_NOT_HOLD
    if code == Exit.UNUSABLE:
        void(why)
    complain(command, why)
    return code
