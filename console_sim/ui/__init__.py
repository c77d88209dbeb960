"""The console's pages for people: plain forms, rendered here."""

from console_sim.ui.pages import Pages

__all__ = ["Pages"]
