"""Import sets and their transformation (platform 3.4)."""
