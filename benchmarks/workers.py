"""One process and several behind one port, on one PostgreSQL: requests a second, and processor time a request.

As long as neither PostgreSQL nor the cores are the limit, the rate grows with the workers if a request costs as much
time of Python with many of them as with one. On two cores, which client and PostgreSQL share, only that time tells.

    apt-get install wrk postgresql; python -m benchmarks.workers [N...]
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from benchmarks.peers import RECORD, ROUNDS, SECONDS, TABLE, wrk
from benchmarks.servers import Server, mock_servicenow, serve, show
from tests.conftest import serving_postgresql

PORT = 18092
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Load:
    """One load: requests a second, and milliseconds of the processor for each of them."""

    rate: float
    python: float
    postgresql: float


def descendants(pid: int) -> Iterator[int]:
    """Yield a process and all that it has started and that still run."""
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from descendants(int(child))


def seconds(pid: int) -> float:
    """Return the processor time of a process and its descendants, those that have ended included."""
    ticks = 0
    for each in descendants(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))  # user and system time, its own and that of children which have ended
    return ticks / _TICK


def load(method: str, server: Server, postmaster: int, path: str, folder: Path) -> Load:
    """Load a server and return what it did."""
    processes: tuple[Callable[[], float], ...] = (lambda: seconds(server.pid), lambda: seconds(postmaster))
    before = [used() for used in processes]
    rate, _ = wrk(method, server.origin + path, folder)
    python, postgresql = (used() - began for used, began in zip(processes, before, strict=True))
    return Load(rate, *(1000 * each / (rate * SECONDS) for each in (python, postgresql)))


def measure(workers: int, url: str, folder: Path) -> tuple[Load, Load]:
    """Start an instance on an empty database and return its inserts and its gets."""
    postmaster = int((Path(str(sa.make_url(url).query["host"])) / "data/postmaster.pid").read_text().split()[0])
    options = ("--database", url, "--no-admin", "--workers", str(workers))
    with serve(mock_servicenow(PORT, *options), PORT) as server:
        path = f"{TABLE}/{server.connect().call('POST', TABLE, RECORD)['result']['sys_id']}"
        wrk("POST", server.origin + TABLE, folder)  # to warm it
        inserts = load("POST", server, postmaster, TABLE, folder)
        return inserts, load("GET", server, postmaster, path, folder)


def row(workers: int, runs: list[tuple[Load, Load]]) -> list[str]:
    """Return a line of the table: medians."""
    loads = zip(*runs, strict=True)
    figures = [(median(f.rate for f in each), *_times(each)) for each in loads]
    return [str(workers), *(text for rate, *times in figures for text in (f"{rate:.0f}", *times))]


def _times(loads: tuple[Load, ...]) -> list[str]:
    each = ([load.python for load in loads], [load.postgresql for load in loads])
    return [f"{median(times):.2f} ms" for times in each]


def main() -> None:
    """Measure with each number of workers in turn, several times, and print the table."""
    counts = list(map(int, sys.argv[1:])) or [1, 2]
    runs: dict[int, list[tuple[Load, Load]]] = {count: [] for count in counts}
    with serving_postgresql() as server, TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            for count in counts:
                with server.database() as url:
                    runs[count].append(measure(count, url, Path(folder)))
    columns = ["workers", "inserts/s", "Python", "PostgreSQL", "gets/s", "Python", "PostgreSQL"]
    show(f"{os.cpu_count()} cores, processor time a request", columns, [row(count, runs[count]) for count in counts])


if __name__ == "__main__":
    main()
