"""Whether an instance loses a decision when it is killed at any moment: on a file, and two processes on PostgreSQL.

The console that it delivers to refuses one decision in five for now, and takes its time. `kill_console` does the same
to the console.

    apt-get install postgresql; python -m benchmarks.kill [KILLS] [SEED]
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.servers import show
from tests.conftest import serving_postgresql
from tests.mock_servicenow.killing import Figures, kill_often

KILLS = 200
PORTS = [18101, 18102]
COLUMNS = ("", "kills", "decisions acknowledged", "deliveries", "lost or wrong", "not recorded", "seconds")


async def on_a_file(kills: int, seed: int) -> Figures:
    """Kill the one process of an instance on a file."""
    with TemporaryDirectory() as folder:
        return await kill_often(f"sqlite:///{Path(folder, 'instance.db')}", PORTS[:1], kills, seed)


async def on_postgresql(kills: int, seed: int) -> Figures:
    """Kill either of two processes on one database."""
    with serving_postgresql() as server, server.database() as url:
        return await kill_often(url, PORTS, kills, seed)


async def main() -> None:
    """Kill and print the figures."""
    numbers = [int(argument) for argument in sys.argv[1:]]
    kills, seed = (numbers + [KILLS, 0][len(numbers) :])[:2]
    measured = {"a file": await on_a_file(kills, seed), "PostgreSQL": await on_postgresql(kills, seed)}
    show(f"Seed {seed}", COLUMNS, [(name, *figures) for name, figures in measured.items()])
    if lost := [request for figures in measured.values() for request in (*figures.lost, *figures.unrecorded)]:
        raise SystemExit(f"{len(lost)} lost: {lost[:5]}")


if __name__ == "__main__":
    asyncio.run(main())
