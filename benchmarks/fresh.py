"""Measures a fresh instance with the out-of-the-box data: built from a blueprint, served, and called once.

For comparison, the same run serves a bare aiohttp application and calls it once.

    python -m benchmarks.fresh
"""

import asyncio
from statistics import median
from time import perf_counter

from aiohttp import ClientSession, web

from benchmarks.servers import AUTHORIZATION, show
from mock_servicenow.app import create_app
from mock_servicenow.blueprint import Blueprint
from mock_servicenow.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

ROUNDS = 60
GOAL_MS = 30
HEADERS = {"Authorization": AUTHORIZATION}


async def answer(_request: web.Request) -> web.Response:
    """Answer a body."""
    return web.json_response({"result": []})


async def served(app: web.Application, path: str) -> None:
    """Serve an application until it has answered once."""
    async with (
        serving(app, "127.0.0.1", 0) as url,
        ClientSession(headers=HEADERS) as session,
        session.get(url + path) as response,
    ):
        response.raise_for_status()
        await response.read()


async def bare() -> float:
    """Return the milliseconds of a bare application."""
    began = perf_counter()
    app = web.Application()
    app.router.add_get("/", answer)
    await served(app, "/")
    return (perf_counter() - began) * 1000


async def fresh(blueprint: Blueprint) -> float:
    """Return the milliseconds of an instance."""
    began = perf_counter()
    clock = VirtualClock()
    app = create_app(Settings(), clock=clock, ids=Ids(1), blueprint=blueprint)
    await served(app, "/api/now/table/sys_user?sysparm_limit=1")
    await clock.aclose()
    return (perf_counter() - began) * 1000


async def main() -> None:
    """Measure and print the table."""
    blueprint = Blueprint.draw(Settings())
    began = perf_counter()
    await fresh(blueprint)
    first = (perf_counter() - began) * 1000
    instances, bares = [], []
    for _ in range(ROUNDS):
        instances.append(await fresh(blueprint))
        bares.append(await bare())
    measured = (("instance", instances), ("bare aiohttp application", bares))
    rows = [[name, f"{median(times):.1f} ms", f"{max(times):.1f} ms"] for name, times in measured]
    show(f"A fresh instance (goal: {GOAL_MS} ms; the very first: {first:.0f} ms)", ("", "median", "worst"), rows)


if __name__ == "__main__":
    asyncio.run(main())
