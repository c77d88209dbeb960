"""A Privilege Manager console: the documented set-up, the approval API and the webhook to ServiceNow."""

TYPE_CHECKING = False  # as typing has it, without loading it

if TYPE_CHECKING:
    from console_sim.settings import Settings as Settings
    from console_sim.simulator import ConsoleSim as ConsoleSim
else:

    def __getattr__(name: str) -> object:
        """Load what is public when it is asked for: the command handles interrupts before it loads anything."""
        from importlib import import_module  # noqa: PLC0415 - see above

        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_PUBLIC[name]), name)


_PUBLIC = {"ConsoleSim": "console_sim.simulator", "Settings": "console_sim.settings"}
__all__ = ["ConsoleSim", "Settings"]
