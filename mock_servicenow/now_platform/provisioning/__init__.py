"""A new instance: its release and its first rows."""
