"""Traps of a real ServiceNow instance, each with a probe that shows whether the fake has the same."""
