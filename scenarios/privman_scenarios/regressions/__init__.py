"""Failures that were found once, as scenarios; they are part of the catalog."""
