"""Listeners that tell people and machines how a run went."""
