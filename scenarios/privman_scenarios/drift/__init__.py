"""In what recorded exchanges differ from the contracts, and the names that would explain it."""
