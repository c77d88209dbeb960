"""Records: read, written, displayed, and who may do so (platform 1.6 to 1.9)."""
