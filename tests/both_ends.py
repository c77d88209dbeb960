"""Both fakes, set up, with one clock: what their cockpits show of each other."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession, encode_basic_auth

import console_sim.app
import console_sim.settings
import mock_servicenow.app
import mock_servicenow.settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

REQUESTS = "/api/now/table/x_thyti_thycotic_p_request"


@dataclass
class BothEnds:
    """Both fakes, and a client of them."""

    servicenow: str
    console: str
    http: ClientSession

    async def call(self, method: str, url: str, json: object = None, user: str = "") -> Any:
        """Send a request and return the JSON of the answer, or its text."""
        headers = {"Authorization": encode_basic_auth(user, "admin")} if user else {}
        async with self.http.request(method, url, json=json, headers=headers) as answer:
            return await (answer.json() if answer.content_type == "application/json" else answer.text())

    async def ask(self, **metadata: str) -> str:
        """Let an endpoint user ask for approval; return the RequestId."""
        body = {"metadata": {"PolicyName": "Elevate installers", **metadata}}
        return str((await self.call("POST", f"{self.console}/__admin/approval-requests", body))["request_id"])

    async def decide(self, request_id: str, response: str, **values: str) -> None:
        """Let an approver decide, and wait until the decision has been delivered or refused."""
        found = await self.call("GET", f"{self.servicenow}{REQUESTS}?request_id={request_id}", user="admin")
        url = f"{self.servicenow}{REQUESTS}/{found['result'][0]['sys_id']}"
        await self.call("PATCH", url, {"status": response, **values}, "privman.approver")
        await self.advance(0)

    async def advance(self, seconds: float) -> None:
        """Let time jump."""
        await self.call("POST", f"{self.servicenow}/__admin/clock/advance", {"seconds": seconds})


@asynccontextmanager
async def both_ends() -> AsyncIterator[BothEnds]:
    """Serve both, and set the console up."""
    async with AsyncExitStack() as stack:
        clock = VirtualClock()
        stack.push_async_callback(clock.aclose)
        console = console_sim.app.create_app(console_sim.settings.Settings(), clock=clock, ids=Ids(1))
        instance = mock_servicenow.app.create_app(mock_servicenow.settings.Settings(), clock=clock, ids=Ids(2))
        console_url = await stack.enter_async_context(serving(console, "127.0.0.1", 0))
        servicenow_url = await stack.enter_async_context(serving(instance, "127.0.0.1", 0))
        ends = BothEnds(servicenow_url, console_url, await stack.enter_async_context(ClientSession()))
        login = {"servicenow_user": "privman.integration", "servicenow_password": "admin"}
        await ends.call("POST", f"{console_url}/__admin/setup", {"servicenow_url": servicenow_url, **login})
        yield ends
