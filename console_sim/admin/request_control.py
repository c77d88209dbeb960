"""Approval requests on the control plane."""

import asyncio
from collections.abc import AsyncGenerator

import orjson
from aiohttp import web

from console_sim.approval_request import ApprovalRequest
from console_sim.bodies import Body
from console_sim.console import Console
from privman_core.control import PREFIX, read_object, to_json
from privman_core.listing import answer_in_parts
from privman_core.masking import Secrets

_AT_ONCE = 100


class RequestControl:
    """What endpoint users ask for, and what is decided in the console itself."""

    def __init__(self, console: Console, secrets: Secrets) -> None:
        self._console = console
        self._secrets = secrets

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        one = f"{PREFIX}/approval-requests/{{request_id}}"
        return [
            web.post(f"{PREFIX}/approval-requests", self.ask),
            web.get(f"{PREFIX}/approval-requests", self.list),
            web.get(one, self.read),
            web.post(f"{one}/decide", self.decide),
        ]

    async def ask(self, request: web.Request) -> web.Response:
        """Let an endpoint user ask; answer after the first attempt to send it to ServiceNow."""
        body = Body(await read_object(request), ("metadata",))
        return to_json(self._print(await self._console.approvals.ask(body.mapping("metadata"))), 201)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Answer every request, oldest first, and others in between."""
        return await answer_in_parts(request, self._parts())

    async def _parts(self) -> AsyncGenerator[bytes]:
        yield b'{"approval_requests":['
        for number, request in enumerate(self._console.store.approval_requests):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
            yield (b"," if number else b"") + orjson.dumps(self._print(request))
        yield b"]}"

    async def read(self, request: web.Request) -> web.Response:
        """Answer one request."""
        return to_json(self._print(self._console.approvals.find(request.match_info["request_id"])))

    async def decide(self, request: web.Request) -> web.Response:
        """Decide in the console itself; answer after the first attempt to record it in ServiceNow."""
        decision = self._console.decisions.read_own(await read_object(request))
        decided = await self._console.approvals.decide_here(request.match_info["request_id"], decision)
        return to_json(self._print(decided))

    def _print(self, request: ApprovalRequest) -> dict[str, object]:
        # ServiceNow's own words may repeat what they were sent.
        last_error = self._secrets.mask(request.last_error)
        return {**request.to_json(self._console.clock.now()), "last_error": last_error}
