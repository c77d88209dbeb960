"""A Privilege Manager console: the documented set-up, the approval API and the webhook to ServiceNow."""

from privman_core.early import load_when_asked as _load_when_asked

TYPE_CHECKING = False  # as typing has it, without loading it
_PUBLIC = {"ConsoleSim": "console_sim.simulator", "Settings": "console_sim.settings"}
__all__ = ["ConsoleSim", "Settings"]

if TYPE_CHECKING:
    from console_sim.settings import Settings as Settings
    from console_sim.simulator import ConsoleSim as ConsoleSim
else:
    __getattr__ = _load_when_asked(__name__, _PUBLIC)
