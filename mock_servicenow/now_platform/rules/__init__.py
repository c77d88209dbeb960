"""Business rules and data policies: those of every instance, and stored ones (platform 1.8, 1.9, 8.5)."""
