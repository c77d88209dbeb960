"""Many runs: variations, mutants, coverage, recordings, drift, fidelity and the matrix."""
