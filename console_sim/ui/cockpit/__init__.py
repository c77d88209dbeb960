"""The tester's cockpit of the console: no part of the product."""

from console_sim.ui.cockpit.cockpit import build_cockpit

__all__ = ["build_cockpit"]
