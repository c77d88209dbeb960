"""Instances that are killed at any moment, and a console that counts what reaches it.

An approver asks and decides as fast as the instance answers; now and then one of its processes gets a kill -9 and is
started again. In the end every decision that was acknowledged must have reached the console, with what was decided.
"""

import asyncio
from dataclasses import dataclass, field
from itertools import count
from json import dumps
from random import Random
from time import perf_counter
from typing import Any

from aiohttp import ClientSession, ClientTimeout, encode_basic_auth, web

from privman_core.serving import serving
from tests.killing import Figures, Processes, kill_now_and_then

TABLES = "/api/now/table/x_thyti_thycotic_p_"
HEADERS = {"Authorization": encode_basic_auth("admin", "admin")}
APPROVERS = 4
LONGEST_LIFE = 1.0
PATIENCE = 180.0
Decision = tuple[str, str]
_PAUSE = 0.03  # between two decisions, so that the console keeps up
_ANSWERS_AFTER = (*(0.0,) * 8, 0.05, 0.3)


@dataclass
class Console:
    """Takes decisions as a console does, but for one in five, which it refuses, and answers when it likes.

    Attributes:
        heard: every decision that it has said yes to, by request.
        deliveries: how many it has been sent.
    """

    random: Random
    url: str = ""
    heard: dict[str, set[Decision]] = field(default_factory=dict)
    deliveries: int = 0

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application()
        app.add_routes([web.post("/token", self.log_on), web.post("/approve", self.approve)])
        return app

    async def log_on(self, _request: web.Request) -> web.Response:
        """Give a token."""
        return web.json_response("token")

    async def approve(self, request: web.Request) -> web.Response:
        """Take a decision, or refuse it for now."""
        decision = await request.json()
        self.deliveries += 1
        await asyncio.sleep(self.random.choice(_ANSWERS_AFTER))
        if self.random.random() < 0.2:
            return web.json_response({}, status=503)
        heard = decision["Response"], decision.get("Comment", "")
        self.heard.setdefault(decision["RequestId"], set()).add(heard)
        return web.json_response({"Result": True, "Status": "ok", "Messages": []})


class Approvers:
    """People who ask and decide, each at any of the processes.

    Attributes:
        acknowledged: what the instance has said yes to, by request.
    """

    def __init__(self, processes: Processes, random: Random) -> None:
        self._processes = processes
        self._random = random
        self._turns = count(1)
        self._body: dict[str, str] = {}
        self.acknowledged: dict[str, Decision] = {}

    async def register(self, console: str) -> None:
        """Register the console and its activity type."""
        pairs = {"Authentication Type": "Get Token", "Username": "pm", "Password": "Secret-of-the-console"}
        pairs |= {"Minimum wait time": "00:00:01", "Maximum retry attempts": "1000"}
        pairs |= {"Token Url": f"{console}/token", "Endpoint Url": f"{console}/approve"}
        instance_id = await self._insert("integration_configuration", instance_metadata=dumps(pairs))
        kind = {"name": "PM", "valid_responses": "Approve,Deny", "include_comment": "true", "instance_id": instance_id}
        self._body = {"instance_id": instance_id, "activity_type_id": await self._insert("activity_type", **kind)}

    async def decide_for_ever(self) -> None:
        """Ask and decide, whatever happens to the processes."""
        while True:
            request_id = f"85d71683-7dac-4762-8120-{next(self._turns):012x}"
            sys_id = await self._insert("request", **self._body, request_id=request_id, metadata="{}")
            decision = self._random.choice(["Approve", "Deny"]), f'{request_id} — "fine", said Zoë'
            body = {"status": decision[0], "comment": decision[1]}
            status, _ = await self._call("PATCH", f"{TABLES}request/{sys_id}", body)
            if status == web.HTTPOk.status_code:
                self.acknowledged[request_id] = decision
            await asyncio.sleep(_PAUSE)

    async def recorded(self) -> set[str]:
        """Return the requests whose response says that the console has it."""
        query = "?sysparm_query=response_status_code=200&sysparm_fields=request_id&sysparm_limit=1000000"
        _, rows = await self._call("GET", f"{TABLES}response{query}")
        return {row["request_id"] for row in rows["result"]}

    async def _insert(self, table: str, **values: str) -> str:
        """Create a record, as often as it takes: a repeated request is answered with the first."""
        while True:
            status, record = await self._call("POST", f"{TABLES}{table}", values)
            if status == web.HTTPCreated.status_code:
                return str(record["result"]["sys_id"])

    async def _call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        port = self._random.choice(self._processes.ports)
        answer = await self._processes.call(port, method, path, body, headers=HEADERS)
        if answer[0] == 0:
            await asyncio.sleep(0.01)
        return answer


async def kill_often(database: str, ports: list[int], kills: int, seed: int) -> Figures:
    """Kill one of the processes that often while decisions are made, and return what became of them."""
    random, began = Random(seed), perf_counter()  # noqa: S311 - moments are no secrets
    console = Console(random)
    async with serving(console.app()) as console.url, ClientSession(timeout=ClientTimeout(total=30)) as http:
        processes = Processes(http, "mock-servicenow", database, ports)
        async with processes.all_running():
            approvers = Approvers(processes, random)
            await approvers.register(console.url)
            busy = [approvers.decide_for_ever() for _ in range(APPROVERS)]
            await kill_now_and_then(processes, kills, random, LONGEST_LIFE, busy)
            unrecorded = await _until_recorded(approvers)
    decided = approvers.acknowledged
    lost = [request for request, decision in decided.items() if console.heard.get(request) != {decision}]
    counted = {"decisions acknowledged": len(decided), "deliveries": console.deliveries}
    return Figures(kills, counted, [*lost, *(f"record of {key}" for key in unrecorded)], perf_counter() - began)


async def _until_recorded(approvers: Approvers) -> list[str]:
    """Wait until all is delivered, but not for ever, and return what is not."""
    waited = perf_counter()
    while missing := approvers.acknowledged.keys() - await approvers.recorded():
        if perf_counter() - waited > PATIENCE:
            break
        await asyncio.sleep(0.1)
    return sorted(missing)
