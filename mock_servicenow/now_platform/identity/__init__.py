"""Users with their roles, and the ways in which a request authenticates."""
