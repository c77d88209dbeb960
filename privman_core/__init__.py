"""Shared by both servers: clock, ids, journal, faults, control plane, pages, limits on what a caller sends.

It knows no message of either product, so that sharing it cannot make the two products agree with each other.
"""
