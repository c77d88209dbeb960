"""A ServiceNow instance to test against: the platform and the Privilege Manager app on it."""

TYPE_CHECKING = False  # as typing has it, without loading it

if TYPE_CHECKING:
    from mock_servicenow.mock import MockServiceNow as MockServiceNow
    from mock_servicenow.settings import Settings as Settings
else:

    def __getattr__(name: str) -> object:
        """Load what is public when it is asked for: the command handles interrupts before it loads anything."""
        from importlib import import_module  # noqa: PLC0415 - see above

        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_PUBLIC[name]), name)


_PUBLIC = {"MockServiceNow": "mock_servicenow.mock", "Settings": "mock_servicenow.settings"}
__all__ = ["MockServiceNow", "Settings"]
