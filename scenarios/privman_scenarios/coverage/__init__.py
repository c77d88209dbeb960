"""Contract coverage: how much of what the contracts tell of a run has exercised."""
