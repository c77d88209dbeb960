"""Measures how much slower a console on a file answers endpoints with as many long policies as it takes.

python -m benchmarks.many_policies
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from aiohttp import ClientSession
from rich.console import Console as Terminal
from rich.table import Table

from console_sim.app import create_app
from console_sim.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

ROUNDS, AT_ONCE = 9, 60
GOAL = 1.5
POLICIES = "/Tms/services/api/v1/policies"
FILTER = "df207907-9f9a-4777-afea-ff786d5399f2"
DESCRIPTION = 1_500  # characters, so that a thousand policies with their filters just fit
Measure = Callable[["Client"], Awaitable[float]]


class Client:
    """A client of the API and of the control plane of one console."""

    def __init__(self, http: ClientSession, url: str) -> None:
        self._http = http
        self._url = url
        self._headers: dict[str, str] = {}
        self._numbers = count()

    async def log_on(self) -> None:
        """Create an API user and get a token."""
        await self.post("/__admin/api-settings", {"api_enabled": True})
        await self.post("/__admin/api-users", {"role": "Administrators", "credential": "key"})
        token = (await self.post("/__admin/tokens", {}))["token"]
        self._headers = {"Authorization": f"Bearer {token}"}

    async def post(self, path: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON holds anything
        """Post JSON and return the answer's JSON."""
        async with self._http.post(self._url + path, json=body, headers=self._headers) as answer:
            return await answer.json()

    async def add_policies(self) -> int:
        """Make policies until there is no room, and return how many there are."""
        filters = {"Filters": [{"Id": FILTER, "FilterRole": role} for role in (1, 2, 3)]}
        for number in count():
            new = {"Name": f"{number:0250}", "Description": "x" * DESCRIPTION, "OS": "win"}
            made = await self.post(f"{POLICIES}/new", new)
            if made["Result"] is None:
                return number
            await self.post(f"{POLICIES}/{made['Result']}/add-filters", filters)
        raise AssertionError

    async def ask(self) -> float:
        """Let an endpoint ask and return the milliseconds that it waits."""
        metadata = {"UserName": "Ada", "AgentName": "pc", "FilePath": f"/bin/{next(self._numbers)}", "PolicyName": "P"}
        began = perf_counter()
        await self.post("/__admin/approval-requests", {"metadata": metadata})
        return (perf_counter() - began) * 1000

    async def list_policies(self) -> float:
        """Read every policy and return the milliseconds that it takes."""
        began = perf_counter()
        async with self._http.get(f"{self._url}{POLICIES}/GetAll", headers=self._headers) as answer:
            await answer.read()
        return (perf_counter() - began) * 1000


async def ask_alone(client: Client) -> float:
    """Return what one endpoint waits."""
    return median([await client.ask() for _ in range(20)])


async def ask_together(client: Client) -> float:
    """Return what the slowest of many endpoints waits."""
    return max(await asyncio.gather(*(client.ask() for _ in range(AT_ONCE))))


async def ask_beside_a_list(client: Client) -> float:
    """Return what an endpoint waits while every policy is listed."""
    _, waited = await asyncio.gather(client.list_policies(), client.ask())
    return waited


async def list_policies(client: Client) -> float:
    """Return how long the list of every policy takes."""
    return await client.list_policies()


INDEPENDENT = ("one endpoint asks", f"{AT_ONCE} ask at once")
MEASURES: dict[str, Measure] = {
    **dict(zip(INDEPENDENT, (ask_alone, ask_together), strict=True)),
    "one asks beside GetAll": ask_beside_a_list,
    "GetAll": list_policies,
}


async def measured(folder: str, *, many: bool) -> tuple[int, dict[str, float]]:
    """Return the number of added policies, and the median milliseconds of each measure."""
    clock = VirtualClock()
    app = create_app(Settings(database=f"sqlite:///{folder}/{many}.db"), clock=clock, ids=Ids(1))
    async with serving(app) as url, ClientSession() as http:
        client = Client(http, url)
        await client.log_on()
        number = await client.add_policies() if many else 0
        times = {name: median([await measure(client) for _ in range(ROUNDS)]) for name, measure in MEASURES.items()}
        await clock.aclose()
    return number, times


async def main() -> None:
    """Measure both consoles and print the table."""
    with TemporaryDirectory() as folder:
        _, few = await measured(folder, many=False)
        number, many = await measured(folder, many=True)
    table = Table("", "product's own", f"and {number:,} more", "ratio", title=f"With many policies (goal: {GOAL})")
    for name, before in few.items():
        ratio = many[name] / before
        style = "red" if ratio > GOAL and name in INDEPENDENT else ""
        table.add_row(name, f"{before:.1f} ms", f"{many[name]:.1f} ms", f"{ratio:.1f}", style=style)
    Terminal().print(table)


if __name__ == "__main__":
    asyncio.run(main())
