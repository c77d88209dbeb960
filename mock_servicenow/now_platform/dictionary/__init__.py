"""Tables, columns and their types, and the forms in which values are stored."""
