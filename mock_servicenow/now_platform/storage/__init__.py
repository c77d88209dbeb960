"""Where the rows are: SQL tables and transactions on SQLite and PostgreSQL."""
