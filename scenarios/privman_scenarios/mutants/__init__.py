"""Trust in scenarios: one duty of a party is broken at a time, outside of both fakes, and some scenario must notice."""
