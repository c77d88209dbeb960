"""A new instance: its release and its first rows (platform 8, 9)."""
