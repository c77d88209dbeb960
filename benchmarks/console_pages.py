"""Measures the response time of the pages of a console with 1,000,000 approval requests.

python benchmarks/console_pages.py
"""

import asyncio
from datetime import timedelta
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import orjson
from aiohttp import ClientSession, web
from rich.console import Console as Terminal
from rich.table import Table

from console_sim.approval_request import ApprovalRequest
from console_sim.console import Console, build_console
from console_sim.settings import Settings
from console_sim.ui.console_pages import build_pages
from privman_contracts import WireNames
from privman_core.ids import Ids
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.outbound import HttpCaller
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

ROWS = 1_000_000
WAITING = 1_000
ROUNDS = 5
GOAL_MS = 25
PAGES = {
    "Home": "/",
    "Manage Approvals": "/manage-approvals",
    "Approval history, newest": "/manage-approvals/history",
    "Approval history, middle": "/manage-approvals/history?page=20000",
    "Approval history, oldest": "/manage-approvals/history?page=40000",
    "Server Tasks": "/admin/tasks",
}


def fill(console: Console) -> None:
    """Store requests without sending them; the newest ones wait for a decision, the others have timed out."""
    now = console.clock.now()
    with console.store.transaction():
        for number in range(ROWS):
            request_id = f"{number:08x}-0000-4000-8000-000000000000"
            metadata = orjson.dumps({"PolicyId": f"{{{request_id}}}", "PolicyName": f"Policy {number % 500}"}).decode()
            end = now + timedelta(days=1) if number >= ROWS - WAITING else now
            console.store.approval_requests.put(ApprovalRequest(request_id, metadata, now, end))
    console.approvals.load_pending()


async def measure(app: web.Application) -> dict[str, list[float]]:
    """Return the milliseconds that a browser without script waits for each page."""
    times: dict[str, list[float]] = {name: [] for name in PAGES}
    async with serving(app, "127.0.0.1", 0) as url, ClientSession() as http:
        for name, path in PAGES.items():
            for _ in range(ROUNDS + 1):
                began = perf_counter()
                async with http.get(url + path, raise_for_status=True) as answer:
                    await answer.read()
                times[name].append((perf_counter() - began) * 1000)
    return times


async def main() -> None:
    """Measure a console with a database, since memory keeps fewer requests."""
    with TemporaryDirectory() as folder:
        await run(Settings(database=f"sqlite:///{folder}/console.db"))


async def run(settings: Settings) -> None:
    """Measure a console with those settings and print the table."""
    secrets, clock, ids = Secrets(), VirtualClock(), Ids(1)
    journal = Journal(clock, secrets, lambda _exchange: ())
    caller = HttpCaller(clock, journal, "benchmark")
    console = build_console(settings, WireNames.load(None), clock=clock, ids=ids, secrets=secrets, caller=caller)
    fill(console)
    app = web.Application()
    app.add_routes(build_pages(settings, console, secrets=secrets, ids=ids.fork("pages"), journal=journal).routes())
    times = await measure(app)
    await clock.aclose()
    table = Table("page", "first", "median", "worst", title=f"Pages of {ROWS:,} requests (goal: {GOAL_MS} ms)")
    for name, (first, *rest) in times.items():
        style = "red" if median(rest) > GOAL_MS else ""
        table.add_row(name, f"{first:.1f} ms", f"{median(rest):.1f} ms", f"{max(rest):.1f} ms", style=style)
    Terminal().print(table)


if __name__ == "__main__":
    asyncio.run(main())
