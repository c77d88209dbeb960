"""One scenario, played on two parties: worlds, verbs, engine, invariants and cleanup."""
