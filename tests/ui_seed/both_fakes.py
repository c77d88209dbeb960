"""Both fakes with a cockpit on each, and a tester without script."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, CookieJar, encode_basic_auth

import console_sim.app
import console_sim.settings
import mock_servicenow.app
import mock_servicenow.settings
from privman_core.clock import Clock
from privman_core.ids import Ids
from privman_core.serving import serving

_TOKEN = re.compile(r'name="cockpit_token" value="(\w+)"')


@dataclass
class BothFakes:
    """Where both are served, and a client."""

    servicenow: str
    console: str
    http: ClientSession
    _tokens: dict[str, str] = field(default_factory=dict)

    async def control(self, url: str, method: str, path: str, body: object = None) -> Any:
        """Call a control plane and return its JSON."""
        async with self.http.request(method, f"{url}/__admin{path}", json=body) as answer:
            return await answer.json() if answer.content_type == "application/json" else None

    async def set_up(self) -> None:
        """Let the console register with the instance."""
        user = {"servicenow_user": "privman.integration", "servicenow_password": "admin"}
        await self.control(self.console, "POST", "/setup", {"servicenow_url": self.servicenow, **user})

    async def ask(self, user: str = "ann") -> str:
        """Let an endpoint ask for a user; return the RequestId."""
        metadata = {"metadata": {"PolicyName": "Elevate installers", "UserName": user}}
        return str((await self.control(self.console, "POST", "/approval-requests", metadata))["request_id"])

    async def ask_and_approve(self) -> str:
        """Let an endpoint ask, and an approver say yes; return the RequestId."""
        request_id = await self.ask()
        await self.approve()
        return request_id

    async def approve(self) -> None:
        """Let an approver say yes to the newest request; return when the decision has been sent."""
        await self._change("request", {"status": "Approve"}, "privman.approver")
        await self.control(self.servicenow, "POST", "/clock/advance", {"seconds": 0})

    async def change_activity_type(self, values: dict[str, str]) -> None:
        """Change the only activity type of the instance."""
        await self._change("activity_type", values, "admin")

    async def _change(self, table: str, values: dict[str, str], user: str) -> None:
        """Change the newest record of a table of the app."""
        headers = {"Authorization": encode_basic_auth(user, "admin")}
        url = f"{self.servicenow}/api/now/table/x_thyti_thycotic_p_{table}"
        async with self.http.get(url, headers=headers) as answer:
            sys_id = (await answer.json())["result"][-1]["sys_id"]
        async with self.http.patch(f"{url}/{sys_id}", json=values, headers=headers) as answer:
            assert answer.status == 200

    async def look(self, url: str, path: str = "") -> str:
        """Return a page of the cockpit."""
        async with self.http.get(f"{url}/__cockpit{path}") as answer:
            return await answer.text()

    async def post(self, url: str, path: str, values: dict[str, str], *, follows: bool = True) -> tuple[int, str]:
        """Post a form of the cockpit; return status and page, of the page that follows unless that is not wanted."""
        if url not in self._tokens:
            found = _TOKEN.search(await self.look(url, "/journal/clear"))
            assert found is not None
            self._tokens[url] = found[1]
        form = {"cockpit_token": self._tokens[url], **values}
        async with self.http.post(f"{url}/__cockpit{path}", data=form, allow_redirects=follows) as answer:
            return answer.status, await answer.text()

    async def times(self) -> tuple[str, str]:
        """Return the time of day at the instance and at the console."""
        found = [(await self.control(url, "GET", "/clock"))["now"] for url in (self.servicenow, self.console)]
        return found[0][11:19], found[1][11:19]


@asynccontextmanager
async def both_fakes(servicenow: Clock, console: Clock) -> AsyncIterator[BothFakes]:
    """Serve an instance and a console that know nothing of each other yet, with these clocks."""
    async with AsyncExitStack() as stack:
        for clock in {id(clock): clock for clock in (servicenow, console)}.values():
            stack.push_async_callback(clock.aclose)
        instance = mock_servicenow.app.create_app(mock_servicenow.settings.Settings(), clock=servicenow, ids=Ids(1))
        simulator = console_sim.app.create_app(console_sim.settings.Settings(), clock=console, ids=Ids(2))
        servicenow_url = await stack.enter_async_context(serving(instance, "127.0.0.1", 0))
        console_url = await stack.enter_async_context(serving(simulator, "127.0.0.1", 0))
        http = await stack.enter_async_context(ClientSession(cookie_jar=CookieJar(unsafe=True)))
        yield BothFakes(servicenow_url, console_url, http)
