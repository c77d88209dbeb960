"""Contracts of every message between the console and ServiceNow, each part marked with its evidence."""
