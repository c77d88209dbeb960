"""Measures what a start of the mock takes: the processor's time until it answers, and its memory when it is idle.

    python -m benchmarks.first_start

To compare two versions, run it in an environment of each, in turns: the least of some rounds hardly depends on others
on the machine.
"""

from benchmarks.servers import mock_servicenow, serve, show

ROUNDS = 7
PORT = 18_090


def measure() -> tuple[float, float]:
    """Return milliseconds of the processor, and MiB."""
    with serve(mock_servicenow(PORT), PORT) as server:
        return server.processor, server.resident


def main() -> None:
    """Print the least of some rounds; the first one may compile the modules and does not count."""
    rounds = [measure() for _ in range(ROUNDS + 1)][1:]
    processor, resident = (min(values) for values in zip(*rounds, strict=True))
    show("A start in memory", ("processor", "resident"), [(f"{processor:.0f} ms", f"{resident:.1f} MiB")])


if __name__ == "__main__":
    main()
