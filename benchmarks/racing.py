"""Races decisions in two processes on one PostgreSQL database, and counts requests with other than one winner.

Each request is decided by an approver in each process at the same moment. Afterwards each must have the status that was
acknowledged, and one response with it.

    apt-get install postgresql; python -m benchmarks.racing
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from time import perf_counter
from typing import Any

from aiohttp import ClientSession, web

from benchmarks.servers import AUTHORIZATION, mock_servicenow, serve, show
from privman_core.serving import serving
from tests.conftest import serving_postgresql

DECISIONS = 10_000
AT_ONCE = 8
PORT = 18091
TABLE = "/api/now/table/x_thyti_thycotic_p_"
WORDS = ("Approve", "Deny")
HEADERS = {"Authorization": AUTHORIZATION}
TAKEN, REFUSED = 200, 403


class Race:
    """Requests that two processes decide at the same moment.

    Attributes:
        taken: the status that was acknowledged for each request.
        outcomes: how often a request had so many decisions taken and refused.
    """

    def __init__(self, http: ClientSession, origins: list[str]) -> None:
        self._http = http
        self._origins = origins
        self._body: dict[str, str] = {}
        self.taken: dict[str, str] = {}
        self.outcomes: Counter[tuple[int, ...]] = Counter()

    async def set_up(self, console: str) -> None:
        """Register a console."""
        pairs = f'{{"Endpoint Url": "{console}/approve", "Token Url": "{console}/token", "Minimum wait time": "0"}}'
        instance_id = await self._create("integration_configuration", instance_metadata=pairs)
        kind = {"name": "PM", "valid_responses": ",".join(WORDS), "instance_id": instance_id}
        self._body = {"instance_id": instance_id, "activity_type_id": await self._create("activity_type", **kind)}

    async def run(self, turns: Iterator[int]) -> None:
        """Race for one request after the other."""
        for turn in turns:
            request_id = f"85d71683-7dac-4762-8120-{turn:012x}"
            sys_id = await self._create("request", **self._body, request_id=request_id, metadata="{}")
            words = WORDS if turn % 2 else WORDS[::-1]
            statuses = await asyncio.gather(*map(self._decide, self._origins, [sys_id] * len(words), words))
            self.outcomes[tuple(sorted(statuses))] += 1
            self.taken[sys_id] = words[statuses.index(TAKEN)] if TAKEN in statuses else ""

    async def lost(self) -> int:
        """Return how many requests lack the acknowledged status, or have other than one response with it."""
        requests: dict[str, str] = {row["sys_id"]: row["status"] for row in await self._read("request")}
        responses = [(row["request"]["value"], row["response"]) for row in await self._read("response")]
        once = {sys_id for sys_id, times in Counter(sys_id for sys_id, _ in responses).items() if times == 1}
        kept = {sys_id for sys_id, word in responses if sys_id in once and requests[sys_id] == word}
        return sum(sys_id not in kept or requests[sys_id] != word for sys_id, word in self.taken.items())

    async def _create(self, table: str, **values: str) -> str:
        async with self._http.post(f"{self._origins[0]}{TABLE}{table}", json=values, headers=HEADERS) as answer:
            answer.raise_for_status()
            return str((await answer.json())["result"]["sys_id"])

    async def _decide(self, origin: str, sys_id: str, word: str) -> int:
        url = f"{origin}{TABLE}request/{sys_id}"
        async with self._http.patch(url, json={"status": word}, headers=HEADERS) as answer:
            await answer.read()
            return answer.status

    async def _read(self, table: str) -> list[dict[str, Any]]:
        async with self._http.get(f"{self._origins[1]}{TABLE}{table}", headers=HEADERS) as answer:
            rows: list[dict[str, Any]] = (await answer.json())["result"]
            return rows


def console() -> web.Application:
    """Return a console that accepts every decision."""

    async def token(_request: web.Request) -> web.Response:
        return web.json_response("token")

    async def approve(_request: web.Request) -> web.Response:
        return web.json_response({"Result": True, "Status": "ok", "Messages": []})

    app = web.Application()
    app.add_routes([web.post("/token", token), web.post("/approve", approve)])
    return app


async def main(decisions: int) -> None:
    """Let the decisions race and print the table."""
    with ExitStack() as stack:
        url = stack.enter_context(stack.enter_context(serving_postgresql()).database(""))
        ports = range(PORT, PORT + len(WORDS))
        servers = [stack.enter_context(serve(mock_servicenow(port, "--database", url), port)) for port in ports]
        async with ClientSession() as http, serving(console(), "127.0.0.1", 0) as delivered:
            race = Race(http, [server.origin for server in servers])
            await race.set_up(delivered)
            began, turns = perf_counter(), iter(range(decisions // len(WORDS)))
            await asyncio.gather(*(race.run(turns) for _ in range(AT_ONCE)))
            seconds = perf_counter() - began
            lost = await race.lost()
    fair = race.outcomes[TAKEN, REFUSED]
    columns = ("decisions", "a second", "one taken, one refused", "otherwise", "lost updates")
    figures = (decisions, round(decisions / seconds), fair, race.outcomes.total() - fair, lost)
    show("Racing decisions, two processes on PostgreSQL", columns, [[f"{figure:,}" for figure in figures]])


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else DECISIONS))
