"""Import sets and their transformation."""
