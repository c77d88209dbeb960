"""Business rules and data policies: those of every instance, and stored ones."""
