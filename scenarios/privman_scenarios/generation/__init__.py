"""Scenarios that nobody wrote."""
