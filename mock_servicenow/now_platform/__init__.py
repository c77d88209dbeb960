"""The platform every instance has: dictionary, records, queries, users, roles and the Table API."""
