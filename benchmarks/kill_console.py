"""Whether a console on a file loses anything when it is killed at any moment.

Endpoint users ask and ServiceNow delivers decisions as fast as the console answers; after a random time the console
gets a kill -9 and is started again on the same file. In the end every request and every decision that it has
acknowledged must be there, ServiceNow must have every request, and the registration must be the first one.

    python benchmarks/kill_console.py [KILLS] [SEED]
"""

import asyncio
import json
import socket
import sys
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from uuid import uuid4

from aiohttp import ClientConnectionError, ClientSession, ClientTimeout, web
from rich.console import Console as Terminal
from rich.table import Table

from privman_testbench.serving import serving

KILLS = 200
LONGEST_LIFE = 0.5
CLIENTS = 4
METADATA = {"PolicyName": "Elevate installers"}
TABLES = "/api/now/table/x_thyti_thycotic_p_"


@dataclass
class ServiceNow:
    """Tables in memory, and what the registration says about the console."""

    tables: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application()
        app.add_routes([web.post("/api/now/table/{table}", self.insert), web.get("/api/now/table/{table}", self.list)])
        app.add_routes([web.route("*", "/api/now/table/{table}/{sys_id}", self.one)])
        return app

    def rows(self, table: str) -> list[dict[str, str]]:
        """Return the records of a table."""
        return list(self.tables.get(f"x_thyti_thycotic_p_{table}", {}).values())

    async def insert(self, request: web.Request) -> web.Response:
        """Insert a record; a request that is known is answered with the first."""
        values = await request.json()
        table = self.tables.setdefault(request.match_info["table"], {})
        known = [row for row in table.values() if "request_id" in row and row["request_id"] == values["request_id"]]
        row = known[0] if known else {**values, "sys_id": uuid4().hex}
        table[row["sys_id"]] = row
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


@dataclass
class Acknowledged:
    """What the console has acknowledged."""

    requests: list[str] = field(default_factory=list)
    decisions: dict[str, str] = field(default_factory=dict)


class Clients:
    """Endpoint users who ask, and a ServiceNow that delivers decisions; both go on whatever happens to the console."""

    def __init__(self, http: ClientSession, url: str, servicenow: ServiceNow, random: Random) -> None:
        self._http = http
        self._url = url
        self._servicenow = servicenow
        self._random = random
        self.acknowledged = Acknowledged()

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Return status and JSON of an answer; status 0 when there was none. Raises AssertionError for a failure."""
        with suppress(ClientConnectionError, TimeoutError):
            async with self._http.request(method, self._url + path, json=body, headers=headers) as answer:
                text = await answer.text()
                if answer.status == web.HTTPInternalServerError.status_code:
                    raise AssertionError(f"{method} {path} was answered with 500: {text}")
                return answer.status, json.loads(text) if text else None
        return 0, None

    async def ask(self) -> None:
        """Ask for ever."""
        while True:
            status, request = await self.call("POST", "/__admin/approval-requests", {"metadata": METADATA})
            if status == web.HTTPCreated.status_code:
                self.acknowledged.requests.append(request["request_id"])
            await asyncio.sleep(0 if status else 0.01)

    async def decide(self) -> None:
        """Deliver decisions for ever."""
        while True:
            open_ones = [row for row in self._servicenow.rows("request") if "status" not in row]
            if open_ones:
                await self._deliver(self._random.choice(open_ones))
            await asyncio.sleep(0.005)

    async def _deliver(self, row: dict[str, str]) -> None:
        token = await self.log_on()
        decision = {
            "RequestId": row["request_id"],
            "InstanceId": row["instance_id"],
            "Response": self._random.choice(["Approve", "Deny"]),
            "RespondedBy": "ada",
        }
        path = "/Tms/services/api/v1/approval/approve"
        status, _ = await self.call("POST", path, decision, Authorization=f"Bearer {token}")
        if status == web.HTTPOk.status_code:
            row["status"] = self.acknowledged.decisions[row["request_id"]] = decision["Response"]

    async def log_on(self) -> str:
        """Return a token, got with what the registration says; empty when there is none."""
        (registration,) = self._servicenow.rows("integration_configuration")
        pairs = json.loads(registration["instance_metadata"])
        body = {"UserName": pairs["Username"], "Password": pairs["Password"]}
        return str((await self.call("POST", "/Tms/services/api/logon/token", body))[1] or "")


class Console:
    """The command on a file, always at the same port."""

    def __init__(self, file: Path, clients: Clients, port: int) -> None:
        command = Path(sys.executable).with_name("console-sim")
        self._command = (command, "serve", "--port", str(port), "--database", f"sqlite:///{file}")
        self._clients = clients
        self._process: Process | None = None

    async def start(self) -> None:
        """Start the process and wait until it serves."""
        self._process = await create_subprocess_exec(*self._command, stdout=DEVNULL)
        while (await self._clients.call("GET", "/__admin/health"))[0] == 0:
            if self._process.returncode is not None:
                raise AssertionError("the console does not start on its own file")
            await asyncio.sleep(0.01)

    async def kill(self) -> None:
        """Kill the process."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()


async def kill_often(kills: int, seed: int, file: Path) -> Table:
    """Kill the console that often, see that nothing is lost, and return the figures."""
    random, servicenow, began = Random(seed), ServiceNow(), perf_counter()  # noqa: S311 - moments are no secrets
    timeout = ClientTimeout(total=30)
    async with serving(servicenow.app()) as url, ClientSession(timeout=timeout) as http:
        port = _free_port()
        clients = Clients(http, f"http://127.0.0.1:{port}", servicenow, random)
        console = Console(file, clients, port)
        await console.start()
        order = {"servicenow_url": url, "servicenow_user": "ada", "servicenow_password": "secret"}
        await clients.call("POST", "/__admin/setup", order)
        busy = [asyncio.create_task(clients.ask()) for _ in range(CLIENTS)]
        busy += [asyncio.create_task(clients.decide()) for _ in range(CLIENTS)]
        for _ in range(kills):
            await asyncio.sleep(random.uniform(0, LONGEST_LIFE))
            await console.kill()
            await console.start()
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        lost = await losses(clients, servicenow)
        await console.kill()
    table = Table("kills", "requests acknowledged", "decisions acknowledged", "lost", "seconds", title=f"Seed {seed}")
    known = clients.acknowledged
    table.add_row(
        *(str(kills), f"{len(known.requests):,}", f"{len(known.decisions):,}", str(len(lost))),
        f"{perf_counter() - began:.0f}",
    )
    if lost:
        raise AssertionError(f"{len(lost)} lost: {lost[:5]}")
    return table


async def losses(clients: Clients, servicenow: ServiceNow) -> list[str]:
    """Return what was acknowledged and is not there."""
    known = clients.acknowledged
    _, listed = await clients.call("GET", "/__admin/approval-requests")
    states = {request["request_id"]: request["state"] for request in listed["approval_requests"]}
    word = {"Approve": "Approved", "Deny": "Denied"}
    lost = [f"request {request_id}" for request_id in known.requests if request_id not in states]
    lost += [f"decision {key}" for key, response in known.decisions.items() if states.get(key) != word[response]]
    for table in ("integration_configuration", "activity_type"):
        lost += [f"one {table}"] * abs(len(servicenow.rows(table)) - 1)
    if not await clients.log_on():
        lost.append("the credential")
    return lost + [f"sending {key}" for key in await _unsent(set(known.requests), servicenow)]


async def _unsent(requests: set[str], servicenow: ServiceNow) -> set[str]:
    """Return the requests that have not reached ServiceNow after some seconds."""
    missing = requests
    for _ in range(100):
        missing = requests - {row["request_id"] for row in servicenow.rows("request")}
        if not missing:
            break
        await asyncio.sleep(0.1)
    return missing


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def main() -> None:
    """Kill and print the figures."""
    numbers = [int(argument) for argument in sys.argv[1:]]
    kills, seed = (numbers + [KILLS, 0][len(numbers) :])[:2]
    with TemporaryDirectory() as folder:
        Terminal().print(await kill_often(kills, seed, Path(folder, "console.db")))


if __name__ == "__main__":
    asyncio.run(main())
