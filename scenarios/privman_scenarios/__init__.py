"""Scenarios that play the whole round trip over HTTP, against the fakes or real systems."""
