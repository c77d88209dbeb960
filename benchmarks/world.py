"""Measures a world: start both parties, set them up, register, and stop them.

For comparison, the same run starts and stops two bare aiohttp applications that answer as many requests.

    python benchmarks/world.py
"""

import asyncio
from contextlib import AsyncExitStack
from statistics import median
from time import perf_counter

from aiohttp import ClientSession, web
from rich.console import Console
from rich.table import Table

from privman_core.serving import serving
from privman_scenarios.playing.world_builder import WorldBuilder

ROUNDS = 60
WARM_UP = 5
GOAL_MS = 40


async def answer(request: web.Request) -> web.Response:
    """Answer a body with a body."""
    return web.json_response(await request.json(), status=201)


async def bare(requests: int) -> float:
    """Return the milliseconds of two bare applications with as many requests."""
    began = perf_counter()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(ClientSession())
        urls = []
        for _ in range(2):
            app = web.Application()
            app.router.add_post("/", answer)
            urls.append(await stack.enter_async_context(serving(app)))
        for number in range(requests):
            async with session.post(urls[number % 2], json={"a": 1}) as response:
                await response.read()
    return (perf_counter() - began) * 1000


async def world(worlds: WorldBuilder) -> tuple[float, int]:
    """Return the milliseconds of a world, and how many exchanges its set-up makes."""
    began = perf_counter()
    async with worlds.open() as world:
        await world.set_up({})
        up = perf_counter()
        exchanges = len(await world.servicenow.control.journal())
        looked = perf_counter() - up
    return (perf_counter() - began - looked) * 1000, exchanges


async def main() -> None:
    """Measure and print the table."""
    builder = WorldBuilder(0)  # one a test session, as the fixtures have it
    exchanges = [(await world(builder))[1] for _ in range(WARM_UP)][-1]
    worlds, bares = [], []
    for _ in range(ROUNDS):
        worlds.append((await world(builder))[0])
        bares.append(await bare(exchanges + 1))
    table = Table("", "median", "worst", "times bare", title=f"A world of {exchanges} exchanges (goal: {GOAL_MS} ms)")
    for name, times in (("world", worlds), ("two bare aiohttp applications", bares)):
        ratio = median(times) / median(bares)
        table.add_row(name, f"{median(times):.1f} ms", f"{max(times):.1f} ms", f"{ratio:.1f}")
    Console().print(table)


if __name__ == "__main__":
    asyncio.run(main())
