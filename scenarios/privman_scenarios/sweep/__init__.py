"""Every message of a scenario meets every fault."""
