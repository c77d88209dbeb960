"""A console under test, and a ServiceNow written from the integration document alone."""

import asyncio
import json
from base64 import b64decode
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, DummyCookieJar, web
from aiohttp.test_utils import TestServer

from console_sim.app import create_app
from console_sim.settings import Settings
from privman_core.clock import Clock
from privman_core.ids import Ids
from privman_core.virtual_clock import VirtualClock

SCOPE = "x_thyti_thycotic_p_"
REGISTRATIONS = f"{SCOPE}integration_configuration"
ACTIVITY_TYPES = f"{SCOPE}activity_type"
REQUESTS = f"{SCOPE}request"
TOKEN = "/Tms/services/api/logon/token"
APPROVE = "/Tms/services/api/v1/approval/approve"
METADATA = {"PolicyId": "{140a5e8c-1c3f-4d0a-9e0b-0d5a3e3a3f10}", "PolicyName": "Tom & Jerry's <tools>"}

Condition = Callable[["StubServiceNow", web.Request], Awaitable[web.StreamResponse]]
Call = tuple[str, str, Any]


@dataclass
class StubServiceNow:
    """Tables, Basic authentication, and conditions: functions that answer the next requests instead.

    Attributes:
        calls: method, path below ``/api/now/table/`` with its query, and body of each request.
        conditions: None lets a request through.
    """

    url: str = ""
    user: str = "integration"
    password: str = "Pä$$:word"
    tables: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    conditions: deque[Condition | None] = field(default_factory=deque)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application()
        app.add_routes([web.route("*", "/api/now/table/{table}", self.answer)])
        app.add_routes([web.route("*", "/api/now/table/{table}/{sys_id}", self.answer)])
        return app

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Record the request and answer it under the next condition."""
        body = await request.read()
        path = request.path_qs.removeprefix("/api/now/table/")
        self.calls.append((request.method, path, json.loads(body) if body else None))
        self.headers.append(dict(request.headers))
        self.asked.set()
        condition = self.conditions.popleft() if self.conditions else None
        return await (self.work(request) if condition is None else condition(self, request))

    async def work(self, request: web.Request) -> web.Response:
        """Do what the Table API does."""
        scheme, _, account = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic" or b64decode(account).decode() != f"{self.user}:{self.password}":
            return error(401, "User is not authenticated", "Required to provide Auth information")
        table = self.tables.setdefault(request.match_info["table"], {})
        if request.method == "POST":
            return self._insert(table, await request.json())
        if "sys_id" not in request.match_info:
            return web.json_response({"result": [row for row in table.values() if _fits(row, request)]})
        row = table.get(request.match_info["sys_id"])
        if row is None:
            return error(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        if request.method == "PATCH":
            row.update(await request.json())
        return web.json_response({"result": _shown(row)})

    def rows(self, table: str) -> list[dict[str, str]]:
        """Return the records of a table, oldest first."""
        return list(self.tables.get(table, {}).values())

    def metadata(self) -> dict[str, str]:
        """Return the body of the newest registration."""
        pairs: dict[str, str] = json.loads(self.rows(REGISTRATIONS)[-1]["instance_metadata"])
        return pairs

    def _insert(self, table: dict[str, dict[str, str]], values: dict[str, str]) -> web.Response:
        # The app returns the existing record for a request_id that it has, so that a retry is harmless.
        for row in table.values():
            if "request_id" in values and row["request_id"] == values["request_id"]:
                return web.json_response({"result": _shown(row)}, status=201)
        sys_id = f"{sum(map(len, self.tables.values())) + 1:032x}"
        table[sys_id] = {**values, "sys_id": sys_id}
        return web.json_response({"result": _shown(table[sys_id])}, status=201)


def _shown(row: dict[str, str]) -> dict[str, str]:
    """Return a record as the Table API shows it: durations raw."""
    durations = {"max_timeout", "duration"}
    return {key: f"1970-01-01 {value}" if key in durations else value for key, value in row.items()}


def _fits(row: dict[str, str], request: web.Request) -> bool:
    """Tell whether a record fits the terms of the query that these tests meet."""
    for term in request.query["sysparm_query"].split("^"):
        column, operator, value = term.partition("LIKE") if "LIKE" in term else term.partition("=")
        if operator == "LIKE" and value not in row[column]:
            return False
        if operator == "=" and row[column] != value:
            return False
    return True


def statuses(outcome: dict[str, Any]) -> dict[str, str]:
    """Return the status of each step that is not ok."""
    return {step["step"]: step["status"] for step in outcome["steps"] if step["status"] != "ok"}


def detail(outcome: dict[str, Any], name: str) -> str:
    """Return the detail of a step."""
    return next(str(step["detail"]) for step in outcome["steps"] if step["step"] == name)


def error(status: int, message: str, detail: str | None, **headers: str) -> web.Response:
    """Return the Table API's error envelope."""
    body = {"error": {"message": message, "detail": detail}, "status": "failure"}
    return web.json_response(
        body, status=status, headers={key.replace("_", "-"): text for key, text in headers.items()}
    )


def answering(status: int, body: str = "", content_type: str = "application/json", **headers: str) -> Condition:
    """Return the condition under which a request gets this answer and nothing is done."""

    async def condition(_stub: StubServiceNow, _request: web.Request) -> web.StreamResponse:
        named = {key.replace("_", "-"): text for key, text in headers.items()}
        return web.Response(status=status, text=body, content_type=content_type, headers=named)

    return condition


async def reset(_stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
    """Drop the connection before anything is done."""
    request.protocol.force_close()
    return web.Response()


async def answer_lost(stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
    """Do what is asked, then drop the connection."""
    await stub.work(request)
    return await reset(stub, request)


async def hanging(stub: StubServiceNow, _request: web.Request) -> web.StreamResponse:
    """Never answer."""
    await stub.closing.wait()
    return web.Response()


HIBERNATING = answering(
    200, "<html><head><title>Instance Hibernating page</title></head>Your instance is hibernating</html>", "text/html"
)
BUSY = answering(503, "<html>Service Unavailable</html>", "text/html")


@dataclass
class ConsoleUnderTest:
    """A running console and what its clients do; ``call`` returns status and JSON body."""

    url: str
    clock: Clock
    session: ClientSession
    servicenow: StubServiceNow

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """Send a request and return status and JSON body, None for an empty one."""
        if body is not None:
            options["json"] = body
        async with self.session.request(method, f"{self.url}{path}", **options) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Use the control plane, which must agree."""
        status, answer = await self.call(method, f"/__admin{path}", body)
        assert status < 300, answer
        return answer

    async def set_up(self, **options: Any) -> dict[str, Any]:
        """Run the set-up against the stub."""
        order = {
            "servicenow_url": self.servicenow.url,
            "servicenow_user": self.servicenow.user,
            "servicenow_password": self.servicenow.password,
        }
        answer: dict[str, Any] = await self.admin("POST", "/setup", {**order, **options})
        return answer

    async def ask(self, **metadata: str) -> dict[str, Any]:
        """Let an endpoint user ask."""
        answer: dict[str, Any] = await self.admin("POST", "/approval-requests", {"metadata": {**METADATA, **metadata}})
        return answer

    async def request(self, request_id: str) -> dict[str, Any]:
        """Return a request as the console shows it."""
        answer: dict[str, Any] = await self.admin("GET", f"/approval-requests/{request_id}")
        return answer

    async def log_on(self) -> str:
        """Return a token, got as the app gets it, with what the newest registration says."""
        pairs = self.servicenow.metadata()
        body = {"UserName": pairs["Username"], "Password": pairs["Password"]}
        status, token = await self.call("POST", TOKEN, body)
        assert status == 200, token
        return str(token)

    async def deliver(self, decision: dict[str, Any], token: str | None = None, path: str = APPROVE) -> tuple[int, Any]:
        """Deliver a decision as the app does, with a fresh token unless one is given."""
        headers = {"Authorization": f"Bearer {token or await self.log_on()}"}
        return await self.call("POST", path, decision, headers=headers)

    def decision(self, request_id: str, response: str = "Approve", **more: Any) -> dict[str, Any]:
        """Return a decision about a request of the newest registration."""
        instance_id = self.servicenow.rows(REGISTRATIONS)[-1]["sys_id"]
        about = {"RequestId": request_id, "Response": response, "InstanceId": instance_id, "RespondedBy": "ada"}
        return {**about, **more}

    async def advance(self, seconds: float) -> None:
        """Let time jump."""
        await self.admin("POST", "/clock/advance", {"seconds": seconds})

    async def journal(self) -> list[dict[str, Any]]:
        """Return the journal."""
        exchanges: list[dict[str, Any]] = (await self.admin("GET", "/requests"))["requests"]
        return exchanges


@pytest.fixture
async def servicenow() -> AsyncIterator[StubServiceNow]:
    """A ServiceNow that the console has not met yet."""
    stub = StubServiceNow()
    server = TestServer(stub.app())
    await server.start_server(auto_decompress=False)
    stub.url = f"http://{server.host}:{server.port}"
    yield stub
    stub.closing.set()
    await server.close()


@pytest.fixture
def settings() -> Settings:
    """What the console is started with; a test module may override it."""
    return Settings()


@pytest.fixture
async def fresh(servicenow: StubServiceNow, settings: Settings) -> AsyncIterator[ConsoleUnderTest]:
    """A console that has not been set up."""
    clock = VirtualClock()
    server = TestServer(create_app(settings, clock=clock, ids=Ids("test")))
    await server.start_server(auto_decompress=False)
    async with ClientSession(cookie_jar=DummyCookieJar()) as session:
        yield ConsoleUnderTest(f"http://{server.host}:{server.port}", clock, session, servicenow)
    await clock.aclose()
    await server.close()


@pytest.fixture
async def console(fresh: ConsoleUnderTest) -> ConsoleUnderTest:
    """A console that has been set up."""
    outcome = await fresh.set_up()
    assert {step["status"] for step in outcome["steps"]} == {"ok"}, outcome
    return fresh


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of a console with a database."""
    return tmp_path / "console.db"
