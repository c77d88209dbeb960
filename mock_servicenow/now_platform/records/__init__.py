"""Records: read, displayed and written, with access control and business rules."""
