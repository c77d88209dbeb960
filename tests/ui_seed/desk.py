"""Both fakes, set up and on one clock, and a tester without script."""

import asyncio
import re
from html import unescape
from typing import Any

from aiohttp import encode_basic_auth

from .both_fakes import BothFakes

TABLE = "x_thyti_thycotic_p_request"
APPROVE = "*/approval/approve"
METADATA = {"PolicyName": "Elevate installers", "UserName": "kim", "AgentName": "PC-1", "FilePath": "C:\\Setup.exe"}


class Desk:
    """Both fakes, set up and on one clock, and a tester without script."""

    def __init__(self, fakes: BothFakes) -> None:
        self.fakes = fakes
        self.waiting: list[asyncio.Task[Any]] = []

    async def console(self, method: str, path: str, body: object = None) -> Any:
        """Call the console's control plane."""
        return await self.fakes.control(self.fakes.console, method, path, body)

    async def servicenow(self, method: str, path: str, body: object = None) -> Any:
        """Call the instance's control plane."""
        return await self.fakes.control(self.fakes.servicenow, method, path, body)

    async def ask(self, policy: str = "Elevate installers") -> Any:
        """Let an endpoint ask; return the request as the console knows it."""
        return await self.console("POST", "/approval-requests", {"metadata": METADATA | {"PolicyName": policy}})

    async def record(self, method: str, path: str, values: dict[str, str], user: str = "privman.approver") -> Any:
        """Write a record of the Requests table."""
        return (await self.try_to(method, path, values, user))["result"]

    async def try_to(self, method: str, path: str, values: dict[str, str], user: str) -> Any:
        """Try to write a record of the Requests table; return the answer."""
        headers = {"Authorization": encode_basic_auth(user, "admin")}
        url = f"{self.fakes.servicenow}/api/now/table/{TABLE}{path}"
        async with self.fakes.http.request(method, url, json=values, headers=headers) as answer:
            return await answer.json()

    async def call(self, method: str, path: str, values: object = None, app: str = "x_thyti_thycotic_p_") -> Any:
        """Call the Table API as the administrator; return the result."""
        headers = {"Authorization": encode_basic_auth("admin", "admin")}
        url = f"{self.fakes.servicenow}/api/now/table/{app}{path}"
        async with self.fakes.http.request(method, url, json=values, headers=headers) as answer:
            assert answer.status < 300, await answer.text()
            return None if answer.status == 204 else (await answer.json())["result"]

    async def rows(self, table: str, other: str = "") -> Any:
        """Return the records of a table of the app, or of another one."""
        return await (self.call("GET", other, app="") if other else self.call("GET", table))

    async def approve(self, asked: Any) -> str:
        """Let an approver say yes, and the instance deliver that; return the RequestId."""
        await self.record("PATCH", f"/{asked['sys_id']}", {"status": "Approve"})
        await self.advance(0)
        return str(asked["request_id"])

    async def advance(self, seconds: float) -> None:
        """Let time pass at both parties."""
        await self.servicenow("POST", "/clock/advance", {"seconds": seconds})

    async def page(self, request_id: str, url: str = "") -> str:
        """Return the text of the page, and what its diagram says."""
        return await self.look(url or self.fakes.servicenow, f"/requests/{request_id}")

    async def look(self, url: str, path: str) -> str:
        """Return the text of a page, and what its diagram says."""
        html = await self.fakes.look(url, path)
        labels = re.findall(r'<a href="[^"]*" aria-label="([^"]*)">', html)
        main = html.partition("<main")[2]
        return unescape(" ".join([*re.sub(r"<svg.*?</svg>|<[^>]*>", " ", main, flags=re.DOTALL).split(), *labels]))

    async def exchanges(self, url: str, find: str) -> list[str]:
        """Return method and path of the exchanges that a party finds, oldest first."""
        found = (await self.fakes.control(url, "GET", f"/cockpit/exchanges?find={find}"))["rows"]
        return [f"{each['method']} {each['url'].partition('?')[0].split('/')[-1]}" for each in reversed(found)]

    async def path(self, url: str, find: str) -> str:
        """Return the path of the page of the newest exchange that a party finds."""
        found = (await self.fakes.control(url, "GET", f"/cockpit/exchanges?find={find}"))["rows"]
        party = "console" if url == self.fakes.console else "servicenow"
        return f"/exchanges/{party}/{found[0]['number']}"
