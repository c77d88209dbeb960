"""The pages that people see: navigator, lists and forms of every table."""

from mock_servicenow.ui.pages import is_page, routes

__all__ = ["is_page", "routes"]
