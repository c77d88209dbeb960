"""The whole fake in virtual time, and a stub console written from the integration document alone."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, DummyCookieJar, encode_basic_auth, web

from mock_servicenow.app import INSTANCE, Blueprint, create_app
from mock_servicenow.now_platform.storage.store import Store
from mock_servicenow.settings import Settings
from privman_core.clock import Clock
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock
from tests.documented_bodies import activity_type, registration

Auth = tuple[str, str]
NewDatabase = Callable[[str], AbstractContextManager[str]]
ADMIN = ("admin", "admin")
SCOPE = "x_thyti_thycotic_p_"
CONFIGURATION = f"{SCOPE}integration_configuration"
ACTIVITY_TYPE = f"{SCOPE}activity_type"
REQUEST = f"{SCOPE}request"
RESPONSE = f"{SCOPE}response"
GUID = "85d71683-7dac-4762-8120-76a9a564fdc1"
# Without it answers carry the real time, and no two journals are alike.
_DATED = {"Date": "Mon, 05 Jan 2026 09:00:00 GMT"}
SECRET = "s3cret-of-the-api-client-user"
CLIENT_ID = "0f1ba2b8-4b1e-4f3f-9d13-0a4c2e5d9a11"


@dataclass
class Answer:
    """Status and body of an answer; JSON is parsed."""

    status: int
    headers: Any
    body: Any

    @property
    def result(self) -> Any:
        """The ``result`` of the envelope."""
        return self.body["result"]


@dataclass
class StubConsole:
    """Gives out tokens and takes decisions; its next statuses can be set beforehand."""

    url: str = ""
    token_statuses: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    token_bodies: list[bytes] = field(default_factory=list)
    verdicts: list[Any] = field(default_factory=list)
    logons: list[dict[str, str]] = field(default_factory=list)
    decisions: list[dict[str, str]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    decided: asyncio.Event = field(default_factory=asyncio.Event)
    dead_tokens: set[str] = field(default_factory=set)
    before_answer: Callable[[], Awaitable[Any]] | None = None

    async def log_on(self, request: web.Request) -> web.Response:
        """Answer a new token, or the next status set."""
        self.logons.append(await request.json())
        status = self.token_statuses.pop(0) if self.token_statuses else 200
        body = self.token_bodies.pop(0) if self.token_bodies else json.dumps(f"token-{len(self.logons)}").encode()
        return web.Response(status=status, body=body, content_type="application/json", headers=_DATED)

    async def approve(self, request: web.Request) -> web.Response:
        """Take a decision and answer the next status set."""
        token = request.headers["Authorization"]
        self.tokens.append(token)
        self.decisions.append(await request.json())
        if self.before_answer is not None:
            await self.before_answer()
        dead = token.removeprefix("Bearer ") in self.dead_tokens
        status = 401 if dead else self.statuses.pop(0) if self.statuses else 200
        if status == HTTPStatus.OK:
            self.decided.set()
        verdict = self.verdicts.pop(0) if self.verdicts else {"Result": True, "Status": "ok", "Messages": []}
        return web.json_response(verdict, status=status, headers=_DATED)

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.router.add_post("/Tms/services/api/logon/token", self.log_on)
        app.router.add_post("/Tms/services/api/v1/approval/approve", self.approve)
        return app


@dataclass
class Instance:
    """A running instance and a client of it."""

    url: str
    clock: Clock
    http: ClientSession
    console: StubConsole

    async def call(self, method: str, path: str, auth: Auth | None = ADMIN, **arguments: Any) -> Answer:
        """Send a request as the administrator, unless told otherwise."""
        headers = ({"Authorization": encode_basic_auth(*auth)} if auth else {}) | arguments.pop("headers", {})
        async with self.http.request(method, self.url + path, headers=headers, **arguments) as answer:
            body: Any = await answer.read()
            if answer.content_type == "application/json" and body:
                body = json.loads(body)
            return Answer(answer.status, answer.headers, body)

    async def insert(self, table: str, values: dict[str, Any], auth: Auth = ADMIN) -> Answer:
        """Create a record."""
        return await self.call("POST", f"/api/now/table/{table}", auth, json=values)

    async def update(self, table: str, sys_id: str, values: dict[str, Any], auth: Auth = ADMIN) -> Answer:
        """Change a record."""
        return await self.call("PATCH", f"/api/now/table/{table}/{sys_id}", auth, json=values)

    async def read(self, table: str, sys_id: str = "", query: str = "", **parameters: str) -> Any:
        """Return one record, or those that a query matches."""
        path = f"/api/now/table/{table}/{sys_id}" if sys_id else f"/api/now/table/{table}"
        wanted = {"sysparm_query": query, **parameters} if query else parameters
        return (await self.call("GET", path, params=wanted)).result

    async def register(self, **pairs: str) -> str:
        """Register the stub console and return the Instance Id."""
        body = {"instance_metadata": json.dumps(self.metadata() | pairs)}
        answer = await self.insert(CONFIGURATION, body)
        assert answer.status == 201, answer.body
        return str(answer.result["sys_id"])

    def metadata(self) -> dict[str, str]:
        """Return the pairs that the integration document prints, with the stub's addresses."""
        return registration(self.console.url, CLIENT_ID, SECRET)

    async def add_activity_type(self, instance_id: str, **values: str) -> str:
        """Register the activity type that the integration document prints and return its id."""
        answer = await self.insert(ACTIVITY_TYPE, activity_type(instance_id) | values)
        assert answer.status == 201, answer.body
        return str(answer.result["sys_id"])

    async def set_up(self, **values: str) -> tuple[str, str]:
        """Register console and activity type and return both ids."""
        instance_id = await self.register()
        return instance_id, await self.add_activity_type(instance_id, **values)

    async def ask(self, ids: tuple[str, str], **values: str) -> Answer:
        """Send an approval request."""
        instance_id, activity_type_id = ids
        body = {
            "request_id": GUID,
            "instance_id": instance_id,
            "activity_type_id": activity_type_id,
            "metadata": json.dumps({"PolicyId": "{14094b6c-8e4b-4b69-8d4a-2a5b1b8c1e10}", "PolicyName": "R&D <all>"}),
        }
        return await self.insert(REQUEST, body | values)

    async def asked(self, ids: tuple[str, str], **values: str) -> str:
        """Send an approval request that is accepted and return its sys_id."""
        answer = await self.ask(ids, **values)
        assert answer.status == 201, answer.body
        return str(answer.result["sys_id"])

    async def add_user(self, name: str, *roles: str) -> Auth:
        """Create a user with roles and return the credentials."""
        body = {"user_name": name, "user_password": "pass-word", "active": "true"}
        params = {"sysparm_input_display_value": "true"}
        answer = await self.call("POST", "/api/now/table/sys_user", json=body, params=params)
        for role in roles:
            found = await self.read("sys_user_role", query=f"name={role}")
            await self.insert("sys_user_has_role", {"user": answer.result["sys_id"], "role": found[0]["sys_id"]})
        return name, "pass-word"

    async def findings(self, rule: str) -> list[str]:
        """Return the messages of the findings of a rule."""
        answer = await self.call("GET", "/__admin/findings", None)
        return [found["message"] for found in answer.body["findings"] if found["rule"] == rule]


@pytest.fixture(scope="session")
def blueprint() -> Blueprint:
    """The instance's first state, worked out once."""
    return Blueprint.draw(Settings())


@asynccontextmanager
async def running(
    settings: Settings,
    blueprint: Blueprint | None = None,
    console_tls: ssl.SSLContext | None = None,
    *,
    seed: int | None = 1,
    clock: Clock | None = None,
) -> AsyncIterator[Instance]:
    """Serve an instance and the stub console."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(ClientSession(cookie_jar=DummyCookieJar()))
        console = StubConsole()
        console.url = await stack.enter_async_context(serving(console.app(), "127.0.0.1", 0, console_tls))
        clock = clock or VirtualClock()
        app = create_app(settings, clock=clock, ids=Ids(seed), blueprint=blueprint)
        url = await stack.enter_async_context(serving(app, "127.0.0.1", 0))
        stack.push_async_callback(clock.aclose)
        yield Instance(url, clock, http, console)


@pytest.fixture(scope="session")
def prepared(blueprint: Blueprint, new_database: NewDatabase) -> Iterator[str]:
    """Give the URL of a database in the instance's first state."""
    with new_database("") as url:
        store = Store(blueprint.database(url))
        blueprint.build(blueprint.instance(store, VirtualClock(), Ids(1)))
        store.close()
        yield url


@pytest.fixture
async def instance(blueprint: Blueprint, new_database: NewDatabase, prepared: str) -> AsyncIterator[Instance]:
    """Serve an instance and a stub console."""
    with new_database(prepared) as url:
        async with running(Settings(database=url), blueprint) as served:
            yield served


@pytest.fixture(scope="session")
def first_state(blueprint: Blueprint, postgresql: Any) -> Iterator[str]:
    """Give the URL of a database of PostgreSQL in the instance's first state, to be copied: filling one takes long."""
    with postgresql.database() as url:
        made = create_app(Settings(database=url), clock=VirtualClock(), ids=Ids(1), blueprint=blueprint)
        made[INSTANCE].store.close()
        yield url


@pytest.fixture(params=["file", "postgresql"])
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Give the URL of a database that outlives an instance: a file that is not there yet, or one in its first state."""
    if request.param == "file":
        yield f"sqlite:///{tmp_path / 'instance.db'}"
        return
    with request.getfixturevalue("postgresql").database(request.getfixturevalue("first_state")) as url:
        yield url


@pytest.fixture
def database(postgresql: Any) -> Iterator[str]:
    """Give the URL of an empty PostgreSQL database."""
    with postgresql.database() as url:
        yield url
