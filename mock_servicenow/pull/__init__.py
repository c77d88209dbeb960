"""Copies tables and rows of an instance into files; it sends nothing but GET requests."""
