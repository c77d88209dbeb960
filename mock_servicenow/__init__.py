"""A ServiceNow instance to test against: the platform and the Privilege Manager app on it."""

from privman_core.early import load_when_asked as _load_when_asked

TYPE_CHECKING = False  # as typing has it, without loading it
_PUBLIC = {
    "ClockError": "privman_core.clock",
    "EmbeddedClock": "privman_core.embedded",
    "EmbeddedFaults": "privman_core.embedded",
    "EmbeddedSnapshots": "privman_core.embedded",
    "FaultError": "privman_core.faults",
    "MockServiceNow": "mock_servicenow.mock",
    "NotRunningError": "privman_core.embedded",
    "Settings": "mock_servicenow.settings",
    "SnapshotError": "privman_core.snapshots",
    "StartError": "mock_servicenow.blueprint",
}
__all__ = [
    "ClockError",
    "EmbeddedClock",
    "EmbeddedFaults",
    "EmbeddedSnapshots",
    "FaultError",
    "MockServiceNow",
    "NotRunningError",
    "Settings",
    "SnapshotError",
    "StartError",
]

if TYPE_CHECKING:
    from mock_servicenow.blueprint import StartError as StartError
    from mock_servicenow.mock import MockServiceNow as MockServiceNow
    from mock_servicenow.settings import Settings as Settings
    from privman_core.clock import ClockError as ClockError
    from privman_core.embedded import EmbeddedClock as EmbeddedClock
    from privman_core.embedded import EmbeddedFaults as EmbeddedFaults
    from privman_core.embedded import EmbeddedSnapshots as EmbeddedSnapshots
    from privman_core.embedded import NotRunningError as NotRunningError
    from privman_core.faults import FaultError as FaultError
    from privman_core.snapshots import SnapshotError as SnapshotError
else:
    __getattr__ = _load_when_asked(__name__, _PUBLIC)
