"""Fixtures: an instance with its pages, a browser, and users who log in."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from aiohttp import ClientResponse, ClientSession, CookieJar, encode_basic_auth, web

from mock_servicenow.app import Blueprint, create_app
from mock_servicenow.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock
from tests.documented_bodies import activity_type, registration

if TYPE_CHECKING:
    from tests.browser import Chromium, Page

SCOPE = "x_thyti_thycotic_p_"
CONFIGURATION = f"{SCOPE}integration_configuration"
ACTIVITY_TYPE = f"{SCOPE}activity_type"
REQUEST = f"{SCOPE}request"
RESPONSE = f"{SCOPE}response"
GUID = "85d71683-7dac-4762-8120-76a9a564fdc1"
SECRET = "s3cret-of-the-api-client-user"
POLICY = "R&D <script>alert(1)</script>"
ADMIN_ID = "6816f79cc0a8016401c5a33be04be441"
_TOKEN = re.compile(r'name="sysparm_ck" value="(\w+)"')


@dataclass
class Shown:
    """A page as a browser without script sees it."""

    status: int
    headers: Any
    html: str
    url: str

    @property
    def token(self) -> str:
        """The token of the page's forms; empty if it has no form."""
        found = _TOKEN.search(self.html)
        return "" if found is None else found[1]


@dataclass
class Person:
    """A user with a browser without script."""

    url: str
    http: ClientSession
    token: str = ""

    async def get(self, path: str, **arguments: Any) -> Shown:
        """Open a page."""
        return await self.call("GET", path, **arguments)

    async def post(self, path: str, values: dict[str, Any], **arguments: Any) -> Shown:
        """Post a form with the session's token."""
        return await self.call("POST", path, data={"sysparm_ck": self.token} | values, **arguments)

    async def log_in(self, user_name: str, **values: str) -> Shown:
        """Log in with the password of every test user, and keep the session."""
        self.token = (await self.get("/login.do")).token
        form = {"user_name": user_name, "user_password": "admin"} | values
        shown = await self.post("/login.do", form)
        self.token = (await self.get("/")).token
        return shown

    async def call(self, method: str, path: str, **arguments: Any) -> Shown:
        """Send any request."""
        async with self.http.request(method, self.url + path, **arguments) as answer:
            return await _shown(answer)


async def _shown(answer: ClientResponse) -> Shown:
    return Shown(answer.status, answer.headers, await answer.text(), str(answer.url))


@dataclass
class Site:
    """A running instance, and a console that accepts its deliveries."""

    url: str
    app: web.Application
    clock: VirtualClock
    http: ClientSession
    stack: AsyncExitStack
    console: str = ""
    statuses: list[int] = field(default_factory=list)

    async def person(self, user_name: str = "admin") -> Person:
        """Return a user who has logged in; a visitor if the name is empty."""
        http = await self.stack.enter_async_context(ClientSession(cookie_jar=CookieJar(unsafe=True)))
        person = Person(self.url, http)
        if user_name:
            await person.log_in(user_name)
        return person

    async def call(self, method: str, path: str, **arguments: Any) -> Any:
        """Call the API as the administrator, or the control plane."""
        headers = {} if path.startswith("/__admin") else {"Authorization": encode_basic_auth("admin", "admin")}
        async with self.http.request(method, self.url + path, headers=headers, **arguments) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.content_type == "application/json" else None

    async def insert(self, table: str, values: dict[str, str]) -> str:
        """Create a record over the API and return its sys_id."""
        result = (await self.call("POST", f"/api/now/table/{table}", json=values))["result"]
        return str(result["sys_id"])

    async def incidents(self, number: int) -> None:
        """Create incidents whose short description begins with ``mine``."""
        for count in range(number):
            await self.insert("incident", {"short_description": f"mine {count:02d}", "category": "network"})

    async def read(self, table: str, sys_id: str) -> Any:
        """Return a record as the API has it."""
        return (await self.call("GET", f"/api/now/table/{table}/{sys_id}"))["result"]

    async def pairs(self, instance_id: str) -> Any:
        """Return the name-value pairs of a registration as the API has them."""
        return json.loads((await self.read(CONFIGURATION, instance_id))["instance_metadata"])

    async def change(self, table: str, sys_id: str, values: dict[str, str]) -> None:
        """Change a record over the API."""
        await self.call("PATCH", f"/api/now/table/{table}/{sys_id}", json=values)

    async def register(self) -> str:
        """Register a console and return the Instance Id."""
        pairs = registration(self.console, "0f1ba2b8-4b1e-4f3f-9d13-0a4c2e5d9a11", SECRET)
        return await self.insert(CONFIGURATION, {"instance_metadata": json.dumps(pairs)})

    async def activity_type(self, instance_id: str, **values: str) -> str:
        """Create the activity type of the integration document."""
        return await self.insert(ACTIVITY_TYPE, activity_type(instance_id) | values)

    async def ask(self, request_id: str = GUID, **values: str) -> str:
        """Create a registration, an activity type and a request; return the request's sys_id."""
        instance_id = await self.register()
        activity_type_id = await self.activity_type(instance_id, **values)
        metadata = json.dumps({"PolicyName": POLICY, "UserReason": "I need it"})
        ids = {"instance_id": instance_id, "activity_type_id": activity_type_id}
        return await self.insert(REQUEST, {"request_id": request_id, "metadata": metadata} | ids)

    async def add_user(self, name: str, *roles: str, **values: str) -> None:
        """Create a user with roles."""
        params = {"sysparm_input_display_value": "true"}
        body = {"user_name": name, "user_password": "admin", "active": "true"} | values
        made = await self.call("POST", "/api/now/table/sys_user", json=body, params=params)
        for role in roles:
            await self.insert("sys_user_has_role", {"user": made["result"]["sys_id"], "role": role})

    async def take(self, request: web.Request) -> web.Response:
        """Answer as a console does; ``statuses`` sets the next ones."""
        if request.path.endswith("token"):
            return web.json_response("a-token")
        return web.json_response({}, status=self.statuses.pop(0) if self.statuses else 200)


TOY = """
- name: u_toy
  label: Toy
  acls:
    - {operation: read, column: u_hidden, roles: [admin]}
    - {operation: write, column: u_locked, roles: [admin]}
    - {operation: read, roles: [], condition: u_name!=secret toy}
    - {operation: read, roles: [admin]}
  columns:
    u_name: {display: true, mandatory: true}
    u_bought: {type: glide_date}
    u_key: {type: password2, mandatory: true}
    u_hidden: {}
    u_locked: {}
    u_extra: {type: name_values, length: 4000}
"""


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with a table that has further kinds of columns."""
    file = tmp_path_factory.mktemp("tables") / "toy.yaml"
    file.write_text(TOY)
    return Settings(tables=(file,))


@pytest.fixture(scope="session")
def blueprint(settings: Settings) -> Blueprint:
    """The instance's initial state, worked out once."""
    return Blueprint.draw(settings)


@pytest_asyncio.fixture(loop_scope="session")
async def site(settings: Settings, blueprint: Blueprint) -> AsyncIterator[Site]:
    """Serve an instance with its pages."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(ClientSession())
        clock = VirtualClock()
        app = create_app(settings, clock=clock, ids=Ids(1), blueprint=blueprint)
        url = await stack.enter_async_context(serving(app, "127.0.0.1", 0))
        stack.push_async_callback(clock.aclose)
        served = Site(url, app, clock, http, stack)
        console = web.Application()
        console.router.add_post("/{path:.*}", served.take)
        served.console = await stack.enter_async_context(serving(console, "127.0.0.1", 0))
        yield served


@pytest_asyncio.fixture(loop_scope="session")
async def page(chromium: "Chromium", site: Site) -> AsyncIterator["Page"]:
    """Open a page in a new browser."""
    async with chromium.page(site.url) as opened:
        yield opened


async def log_in(page: "Page", user_name: str, goto: str = "/") -> None:
    """Open a page and log in on the way."""
    await page.goto(goto)
    await page.get_by_label("User name").fill(user_name)
    await page.get_by_label("Password").fill("admin")
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_url(f"**{goto}")
