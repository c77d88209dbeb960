"""The tester's cockpit of the instance: what every party's has, and approvals and deliveries."""

from mock_servicenow.ui.cockpit.cockpit import build_cockpit

__all__ = ["build_cockpit"]
