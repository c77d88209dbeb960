"""Measures how much of a pull is our work, and how much that of the instance: the processor time of each.

The mock stands in for the instance, on a file, in a process of its own. A real instance takes longer, and so does the
network; what others do on the machine does not count.

    python -m benchmarks.pull --rows 100000
"""

import time
from argparse import ArgumentParser
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.servers import HOST, mock_servicenow, serve, show
from mock_servicenow.blueprint import Blueprint
from mock_servicenow.cli import main
from mock_servicenow.now_platform.storage.store import Store
from mock_servicenow.settings import Settings
from privman_core.clock import RealClock
from privman_core.ids import Ids

PORT = 18083
BATCH = 20_000
GOAL = 0.3
USERS = 1_000


def incident(number: int, user: str) -> dict[str, str]:
    """Return a row with about as many values as one of a real instance."""
    return {
        "number": f"INC1{number:07d}",
        "short_description": f"Printer {number} does not answer",
        "description": "It has not answered since this morning. " * 5,
        "caller_id": user,
        "opened_by": user,
        "assigned_to": user,
        "category": "hardware",
        "priority": str(number % 5 + 1),
        "state": str(number % 3 + 1),
        "opened_at": "2026-01-05 09:00:00",
        "close_notes": "",
    }


def fill(file: Path, rows: int) -> None:
    """Make a database with that many incidents of `USERS` users."""
    blueprint = Blueprint.of(Settings())
    store, clock = Store(blueprint.database(f"sqlite:///{file}")), RealClock()
    instance = blueprint.instance(store, clock, Ids(1))
    blueprint.build(instance)
    users = [f"{number:032x}" for number in range(USERS)]
    with instance.transaction(instance.system) as session:
        named = ({"sys_id": each, "user_name": f"first.last{each[-4:]}", "name": "First Last"} for each in users)
        session.store_rows("sys_user", named)
    for start in range(0, rows, BATCH):
        with instance.transaction(instance.system) as session:
            some = (incident(number, users[number % USERS]) for number in range(start, min(rows, start + BATCH)))
            session.store_rows("incident", ({"sys_id": session.ids.sys_id(), **row} for row in some))
    store.close()


def run() -> None:
    """Print the share."""
    parser = ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    with TemporaryDirectory() as folder:
        file, out = Path(folder) / "instance.db", Path(folder) / "pulled"
        fill(file, rows)
        with serve(mock_servicenow(PORT, "--database", f"sqlite:///{file}"), PORT) as server:
            options = [
                "--from",
                f"http://{HOST}:{PORT}",
                "--tables",
                "incident",
                "--rows",
                str(rows),
                "--out",
                str(out),
            ]
            began, used, served = time.perf_counter(), time.process_time(), server.processor
            with redirect_stdout(StringIO()):
                code = main(["pull", *options])
            took, ours = time.perf_counter() - began, time.process_time() - used
            theirs = (server.processor - served) / 1000
        size = sum(each.stat().st_size for each in out.iterdir()) / 2**20
    share = ours / (ours + theirs)
    figures = f"{rows / took:,.0f}", f"{took:.1f}", f"{ours:.1f}", f"{theirs:.1f}", f"{share:.0%}", f"{size:.0f}"
    title = f"Pull of {rows:,} rows (exit {code}); aim: a share of at most {GOAL:.0%}"
    show(title, ("rows/s", "seconds", "ours", "the instance's", "our share", "MiB written"), [figures])


if __name__ == "__main__":
    run()
