"""Listeners that report a run to people and to programs."""
