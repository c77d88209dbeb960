"""A Privilege Manager console: the documented set-up, the approval API and the webhook to ServiceNow."""

from privman_core.early import load_when_asked as _load_when_asked

TYPE_CHECKING = False  # as typing has it, without loading it
_PUBLIC = {
    "ClockError": "privman_core.clock",
    "ConsoleSim": "console_sim.simulator",
    "EmbeddedClock": "privman_core.embedded",
    "EmbeddedFaults": "privman_core.embedded",
    "EmbeddedSnapshots": "privman_core.embedded",
    "FaultError": "privman_core.faults",
    "NotRunningError": "privman_core.embedded",
    "Settings": "console_sim.settings",
    "SnapshotError": "privman_core.snapshots",
}
__all__ = [
    "ClockError",
    "ConsoleSim",
    "EmbeddedClock",
    "EmbeddedFaults",
    "EmbeddedSnapshots",
    "FaultError",
    "NotRunningError",
    "Settings",
    "SnapshotError",
]

if TYPE_CHECKING:
    from console_sim.settings import Settings as Settings
    from console_sim.simulator import ConsoleSim as ConsoleSim
    from privman_core.clock import ClockError as ClockError
    from privman_core.embedded import EmbeddedClock as EmbeddedClock
    from privman_core.embedded import EmbeddedFaults as EmbeddedFaults
    from privman_core.embedded import EmbeddedSnapshots as EmbeddedSnapshots
    from privman_core.embedded import NotRunningError as NotRunningError
    from privman_core.faults import FaultError as FaultError
    from privman_core.snapshots import SnapshotError as SnapshotError
else:
    __getattr__ = _load_when_asked(__name__, _PUBLIC)
