"""Measures how long a browser waits for the first page of a server, and how long another client waits meanwhile.

python -m benchmarks.first_page
"""

import time
from collections.abc import Iterable
from threading import Event, Thread

from benchmarks.servers import Client, mock_servicenow, serve, show

ROUNDS = 5
GOAL_MS = 50
PORT = 18_080
HEALTH = "/__admin/health"


class Neighbour(Thread):
    """Another client, which calls the server all the time; ``worst`` is its longest wait in milliseconds."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._ended = Event()
        self.worst = 0.0

    def run(self) -> None:
        """Call until the end."""
        while not self._ended.wait(0.002):
            self.worst = max(self.worst, self._client.milliseconds("GET", HEALTH))

    def end(self) -> None:
        """Stop calling."""
        self._ended.set()
        self.join()


def measure(command: Iterable[str], port: int, path: str) -> tuple[float, float, float]:
    """Return the milliseconds of the first page, of the same page again, and of the neighbour's longest wait."""
    with serve(command, port) as server:
        neighbour, browser = Neighbour(server.connect()), server.connect()
        neighbour.start()
        waits = []
        for _ in range(2):
            began = time.perf_counter()
            browser.send("GET", path).read()
            waits.append((time.perf_counter() - began) * 1000)
        neighbour.end()
        return waits[0], waits[1], neighbour.worst


def main() -> None:
    """Print the best of some rounds."""
    rounds = [measure(mock_servicenow(PORT), PORT, "/login.do") for _ in range(ROUNDS)]
    first, again, neighbour = (min(times) for times in zip(*rounds, strict=True))
    show(
        f"The first page of a server (goal: another client waits at most {GOAL_MS} ms)",
        ("first page", "again", "another client"),
        [(f"{first:.0f} ms", f"{again:.1f} ms", f"{neighbour:.0f} ms")],
    )


if __name__ == "__main__":
    main()
