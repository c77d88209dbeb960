"""What accompanies a write: business rules and data policies (platform 1.8, 1.9, 8.5)."""
