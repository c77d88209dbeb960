"""The Aggregate API (platform 3.3)."""
