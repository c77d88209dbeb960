"""Measures the longest wait of another caller, and the memory a server takes, while one caller attacks it.

Each attack meets a fresh server on a port of this machine, and comes from a process of its own that ends after
`attack.LONGEST` seconds. Meanwhile another caller asks for a small thing again and again.

    python -m benchmarks.hostile [mock|large|console] [part of an attack's name]

The large instance has `large.ROWS` incidents.
"""
