"""A ServiceNow instance to test against: the platform and the Privilege Manager app on it."""

from privman_core.early import load_when_asked as _load_when_asked

TYPE_CHECKING = False  # as typing has it, without loading it
_PUBLIC = {
    "MockServiceNow": "mock_servicenow.mock",
    "Settings": "mock_servicenow.settings",
    "StartError": "mock_servicenow.blueprint",
}
__all__ = ["MockServiceNow", "Settings", "StartError"]

if TYPE_CHECKING:
    from mock_servicenow.blueprint import StartError as StartError
    from mock_servicenow.mock import MockServiceNow as MockServiceNow
    from mock_servicenow.settings import Settings as Settings
else:
    __getattr__ = _load_when_asked(__name__, _PUBLIC)
