"""SQL databases and their transactions, on SQLite and PostgreSQL."""
