"""The documented set-up, each step with its own outcome (integration 2)."""
