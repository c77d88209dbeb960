"""The console's pages for people, plain forms that are rendered here, and the tester's cockpit."""

from console_sim.ui.cockpit import build_cockpit
from console_sim.ui.pages import Pages

__all__ = ["Pages", "build_cockpit"]
