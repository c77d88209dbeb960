"""One scenario, played on two parties: worlds, verbs, engine, invariants and cleanup."""

FAR_SECONDS = 30
"""Seconds that a target may take for an answer by default."""
PATIENCE = 15
"""Seconds for which an expectation of systems that keep real time is looked at again by default."""
