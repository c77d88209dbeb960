"""Kills an instance or a console at random moments, and counts what is lost.

The instance is killed on a file, and as two processes on PostgreSQL; the console that it delivers to refuses one
decision in five for now, and takes its time. The console is killed on a file.

    apt-get install postgresql; python -m benchmarks.kill mock|console [KILLS] [SEED]
"""

import asyncio
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.servers import show
from tests.conftest import serving_postgresql
from tests.console_sim.killing import kill_often as kill_console
from tests.killing import Figures
from tests.mock_servicenow.killing import kill_often as kill_instance

KILLS = 200
PORTS = [18101, 18102]


async def on_a_file(which: str, kills: int, seed: int) -> Figures:
    """Kill the one process of an instance, or of a console, on a file."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder, 'kept.db')}"
        if which == "console":
            return await kill_console(url, PORTS[0], kills, seed)
        return await kill_instance(url, PORTS[:1], kills, seed)


async def on_postgresql(kills: int, seed: int) -> Figures:
    """Kill either of two processes of an instance on one database."""
    with serving_postgresql() as server, server.database() as url:
        return await kill_instance(url, PORTS, kills, seed)


async def main() -> None:
    """Kill and print the figures."""
    parser = ArgumentParser(prog="benchmarks.kill", description=__doc__)
    parser.add_argument("which", choices=["mock", "console"])
    parser.add_argument("kills", nargs="?", type=int, default=KILLS)
    parser.add_argument("seed", nargs="?", type=int, default=0)
    asked = parser.parse_args()
    measured = {"a file": await on_a_file(asked.which, asked.kills, asked.seed)}
    if asked.which == "mock":
        measured["PostgreSQL"] = await on_postgresql(asked.kills, asked.seed)
    columns = ("", "kills", *measured["a file"].counted, "lost or wrong", "seconds")
    show(f"Seed {asked.seed}", columns, [(name, *_row(figures)) for name, figures in measured.items()])
    if lost := [each for figures in measured.values() for each in figures.lost]:
        raise SystemExit(f"{len(lost)} lost: {lost[:5]}")


def _row(figures: Figures) -> list[str]:
    counted = (figures.kills, *figures.counted.values(), len(figures.lost))
    return [*(f"{number:,}" for number in counted), f"{figures.seconds:.0f}"]


if __name__ == "__main__":
    asyncio.run(main())
