"""Runs Locust, with its command line, and writes its statistics once more when a run has ended.

Locust writes them every second, so its files lack the last requests, which its final table has. Importing Locust
replaces Python's sockets and threads by gevent's, so import nothing of this module in a process that does anything
else.
"""

import csv
from pathlib import Path

from locust import events
from locust.env import Environment
from locust.main import main
from locust.runners import WorkerRunner
from locust.stats import PERCENTILES_TO_REPORT, StatsCSV


def _write_at_the_end(environment: Environment, **_: object) -> None:
    prefix = environment.parsed_options.csv_prefix if environment.parsed_options else None
    if prefix and not isinstance(environment.runner, WorkerRunner):
        environment.events.quit.add_listener(lambda **_: _write(StatsCSV(environment, PERCENTILES_TO_REPORT), prefix))


def _write(statistics: StatsCSV, prefix: str) -> None:
    kinds = {
        "stats": statistics.requests_csv,
        "failures": statistics.failures_csv,
        "exceptions": statistics.exceptions_csv,
    }
    for kind, write in kinds.items():
        with Path(f"{prefix}_{kind}.csv").open("w", newline="", encoding="utf-8") as file:
            write(csv.writer(file))


if __name__ == "__main__":
    events.init.add_listener(_write_at_the_end)
    main()
