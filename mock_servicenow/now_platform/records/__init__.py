"""Records: read, displayed and written, with access control and business rules (platform 1.6 to 1.9)."""
