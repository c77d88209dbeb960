"""The scoped app: its tables, its business rules and the delivery of decisions."""
