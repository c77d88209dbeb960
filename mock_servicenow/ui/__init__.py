"""The pages that people see: navigator, lists and forms of every table, and the tester's cockpit."""

from mock_servicenow.ui.cockpit import build_cockpit
from mock_servicenow.ui.pages import is_page, routes

__all__ = ["build_cockpit", "is_page", "routes"]
