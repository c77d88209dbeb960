"""A console on a file that is killed at any moment.

Endpoint users ask and ServiceNow delivers decisions as the console answers; now and then the console gets a kill -9
and is started again on the same file. In the end every request and every decision that it has acknowledged must be
there, ServiceNow must have every request, and the registration must be the first one.
"""

import asyncio
import json
from dataclasses import dataclass, field
from functools import partial
from random import Random
from time import perf_counter
from uuid import uuid4

from aiohttp import ClientSession, ClientTimeout, web

from privman_core.serving import serving
from tests.killing import Figures, Processes, kill_now_and_then

LONGEST_LIFE = 0.5
CLIENTS = 4
PATIENCE = 180.0
_PAUSE = 0.03  # between two requests of a client, so that a long run does not measure the size of its own tables
METADATA = {"PolicyName": "Elevate installers"}
Row = dict[str, str]


@dataclass
class ServiceNow:
    """Tables in memory, and what the registration says about the console.

    Attributes:
        undecided: the records of requests without a decision, by request.
    """

    tables: dict[str, dict[str, Row]] = field(default_factory=dict)
    undecided: dict[str, Row] = field(default_factory=dict)
    _by_request: dict[str, Row] = field(default_factory=dict)

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application()
        app.add_routes([web.post("/api/now/table/{table}", self.insert), web.get("/api/now/table/{table}", self.list)])
        app.add_routes([web.route("*", "/api/now/table/{table}/{sys_id}", self.one)])
        return app

    def rows(self, table: str) -> list[Row]:
        """Return the records of a table."""
        return list(self.tables.get(f"x_thyti_thycotic_p_{table}", {}).values())

    async def insert(self, request: web.Request) -> web.Response:
        """Insert a record; a request that is known is answered with the first."""
        values = await request.json()
        table = self.tables.setdefault(request.match_info["table"], {})
        row = self._by_request.get(values.get("request_id", "")) or {**values, "sys_id": uuid4().hex}
        table[row["sys_id"]] = row
        if "request_id" in row and row["request_id"] not in self._by_request:
            self._by_request[row["request_id"]] = self.undecided[row["request_id"]] = row
        return web.json_response({"result": row}, status=201)

    async def list(self, request: web.Request) -> web.Response:
        """Answer every record, newest first: the console knows its own."""
        return web.json_response({"result": list(self.tables.get(request.match_info["table"], {}).values())[::-1]})

    async def one(self, request: web.Request) -> web.Response:
        """Answer a record, changed if asked to."""
        row = self.tables[request.match_info["table"]][request.match_info["sys_id"]]
        if request.method == "PATCH":
            row |= await request.json()
        return web.json_response({"result": row})


class Clients:
    """Endpoint users who ask, and a ServiceNow that delivers decisions; both go on whatever happens to the console.

    Attributes:
        requests: those that the console has acknowledged.
        decisions: the same, by request.
    """

    def __init__(self, processes: Processes, servicenow: ServiceNow, random: Random) -> None:
        self._call = partial(processes.call, processes.ports[0])
        self._servicenow = servicenow
        self._random = random
        self.requests: list[str] = []
        self.decisions: dict[str, str] = {}

    async def set_up(self, servicenow_url: str) -> None:
        """Run the set-up."""
        order = {"servicenow_url": servicenow_url, "servicenow_user": "ada", "servicenow_password": "secret"}
        status, outcome = await self._call("POST", "/__admin/setup", order)
        assert (status, {step["status"] for step in outcome["steps"]}) == (web.HTTPOk.status_code, {"ok"})

    async def ask_for_ever(self) -> None:
        """Ask, whatever happens to the console."""
        while True:
            status, request = await self._call("POST", "/__admin/approval-requests", {"metadata": METADATA})
            if status == web.HTTPCreated.status_code:
                self.requests.append(request["request_id"])
            await asyncio.sleep(_PAUSE)

    async def decide_for_ever(self) -> None:
        """Deliver decisions, whatever happens to the console."""
        while True:
            if self._servicenow.undecided:
                await self._deliver(self._random.choice(list(self._servicenow.undecided.values())))
            await asyncio.sleep(_PAUSE / 2)

    async def log_on(self) -> str:
        """Return a token, got with what the registration says; empty when there is none."""
        (registration,) = self._servicenow.rows("integration_configuration")
        pairs = json.loads(registration["instance_metadata"])
        body = {"UserName": pairs["Username"], "Password": pairs["Password"]}
        return str((await self._call("POST", "/Tms/services/api/logon/token", body))[1] or "")

    async def losses(self) -> list[str]:
        """Return what was acknowledged and is missing."""
        unsent = await self._unsent()
        states = await self._states()
        word = {"Approve": "Approved", "Deny": "Denied"}
        lost = [f"request {request_id}" for request_id in self.requests if request_id not in states]
        lost += [f"decision {key}" for key, response in self.decisions.items() if states.get(key) != word[response]]
        for table in ("integration_configuration", "activity_type"):
            lost += [f"one {table}"] * abs(len(self._servicenow.rows(table)) - 1)
        if not await self.log_on():
            lost.append("the credential")
        return lost + [f"sending {key}" for key in unsent]

    async def _deliver(self, row: Row) -> None:
        token = await self.log_on()
        response = self._random.choice(["Approve", "Deny"])
        decision = {"RequestId": row["request_id"], "InstanceId": row["instance_id"], "Response": response}
        path, headers = "/Tms/services/api/v1/approval/approve", {"Authorization": f"Bearer {token}"}
        status, _ = await self._call("POST", path, {**decision, "RespondedBy": "ada"}, headers)
        if status == web.HTTPOk.status_code:
            self._servicenow.undecided.pop(row["request_id"], None)
            self.decisions[row["request_id"]] = response

    async def _states(self) -> dict[str, str]:
        _, listed = await self._call("GET", "/__admin/approval-requests")
        return {request["request_id"]: request["state"] for request in listed["approval_requests"]}

    async def _unsent(self) -> list[str]:
        """Return the requests that have not reached ServiceNow after a while."""
        began = perf_counter()
        while missing := set(self.requests) - {row["request_id"] for row in self._servicenow.rows("request")}:
            if perf_counter() - began > PATIENCE:
                break
            await asyncio.sleep(0.1)
        return sorted(missing)


async def kill_often(database: str, port: int, kills: int, seed: int) -> Figures:
    """Kill the console that often while it is used, and return what became of all that it acknowledged."""
    random, servicenow, began = Random(seed), ServiceNow(), perf_counter()  # noqa: S311 - moments are no secrets
    async with serving(servicenow.app()) as url, ClientSession(timeout=ClientTimeout(total=30)) as http:
        processes = Processes(http, "console-sim", database, [port])
        async with processes.all_running():
            clients = Clients(processes, servicenow, random)
            await clients.set_up(url)
            busy = [each() for each in (clients.ask_for_ever, clients.decide_for_ever) for _ in range(CLIENTS)]
            await kill_now_and_then(processes, kills, random, LONGEST_LIFE, busy)
            lost = await clients.losses()
    counted = {"requests acknowledged": len(clients.requests), "decisions acknowledged": len(clients.decisions)}
    return Figures(kills, counted, lost, perf_counter() - began)
