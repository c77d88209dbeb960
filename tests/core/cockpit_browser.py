"""A browser without script at the cockpit of the echo."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession

if TYPE_CHECKING:
    from .conftest import Party

FORM_TOKEN = re.compile(r'name="cockpit_token" value="(\w+)"')


@dataclass
class Browser:
    """A browser without script at a party's cockpit."""

    party: "Party"
    http: ClientSession

    async def get(self, path: str = "", **arguments: Any) -> tuple[int, str]:
        """Return status and page."""
        async with self.http.get(f"{self.party.url}/__cockpit{path}", **arguments) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, values: dict[str, str], **arguments: Any) -> tuple[int, str]:
        """Post a form with its token; return status and page."""
        entering = {name: each for name, each in arguments.get("headers", {}).items() if name == "X-Admin-Token"}
        found = FORM_TOKEN.search((await self.get("/journal/clear", headers=entering))[1])
        assert found is not None
        data = {"cockpit_token": found[1]} | values
        async with self.http.post(f"{self.party.url}/__cockpit{path}", data=data, **arguments) as answer:
            return answer.status, await answer.text()
