"""Measures how many full round trips a second both parties make on one core.

A round trip: an endpoint user asks, the console sends the request, an approver decides, the decision is delivered with
the cached token, and the response is recorded: five exchanges. For comparison, the same run measures a bare aiohttp
application.

    taskset -c 0 python benchmarks/round_trip.py
"""

import asyncio
from time import perf_counter

from aiohttp import ClientSession, web
from rich.console import Console
from rich.table import Table

from privman_core.serving import serving
from privman_scenarios.playing.console_verbs import METADATA
from privman_scenarios.playing.world import World
from privman_scenarios.playing.world_builder import WorldBuilder

TRIPS = 400
EXCHANGES_A_TRIP = 5
ROUNDS = 5
GOAL = 150
ANSWERED = {"comment": "Fine", "duration": "02:00:00"}


async def answer(request: web.Request) -> web.Response:
    """Answer a body with a body."""
    return web.json_response(await request.json(), status=201)


async def bare(requests: int) -> float:
    """Return how many requests a second a bare application answers."""
    app = web.Application()
    app.router.add_post("/", answer)
    async with serving(app) as url, ClientSession() as session:
        began = perf_counter()
        for _ in range(requests):
            async with session.post(url, json=METADATA) as response:
                await response.json()
        return requests / (perf_counter() - began)


async def round_trip(world: World) -> None:
    """Ask and decide, and see that the console has the decision."""
    asked = (await world.console.ask(METADATA)).json
    auth = await world.servicenow.credentials("scenario.approver")
    await world.servicenow.update("request", asked["sys_id"], {"status": "Approve", **ANSWERED}, auth)
    await world.settle()


async def round_trips(trips: int) -> float:
    """Return how many round trips a second both parties make."""
    async with WorldBuilder(0).open() as world:
        await world.set_up({})
        await round_trip(world)
        began = perf_counter()
        for _ in range(trips):
            await round_trip(world)
        seconds = perf_counter() - began
        delivered = await world.servicenow.find("response", response_status_code="200")
        if len(delivered) != trips + 1:
            raise AssertionError(f"{len(delivered)} of {trips + 1} decisions were delivered")
        return trips / seconds


async def main() -> None:
    """Measure and print the table."""
    rates = [(await bare(TRIPS * EXCHANGES_A_TRIP), await round_trips(TRIPS)) for _ in range(ROUNDS)]
    bare_rate, trip_rate = max(rate for rate, _ in rates), max(rate for _, rate in rates)
    table = Table("", "a second", "exchanges a second", "of bare", title=f"Round trips (goal: {GOAL} a second)")
    table.add_row("bare aiohttp POST", "", f"{bare_rate:.0f}", "1.00")
    exchanges = trip_rate * EXCHANGES_A_TRIP
    table.add_row("full round trip", f"{trip_rate:.0f}", f"{exchanges:.0f}", f"{exchanges / bare_rate:.2f}")
    Console().print(table)


if __name__ == "__main__":
    asyncio.run(main())
