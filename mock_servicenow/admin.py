"""The mock's own calls under ``/__admin``."""

from collections.abc import AsyncGenerator, Callable

import orjson
from aiohttp import web

from mock_servicenow.privilege_manager.scoped_app import PrivilegeManagerApp
from privman_contracts.contract_checks import ContractChecks
from privman_core.control import refuse_fields, to_json
from privman_core.control_index import PREFIX, with_control_plane
from privman_core.state_changes import StateChanges
from privman_core.streaming import answer_in_parts


class MockAdmin:
    """Deliveries with their attempts, the app's restart, and the OpenAPI document of its tables.

    Args:
        own_url: the instance's public address; empty for the one that each request names.
    """

    def __init__(
        self,
        app: PrivilegeManagerApp,
        checks: ContractChecks,
        mask: Callable[[str], str],
        changes: StateChanges,
        own_url: str,
    ) -> None:
        self._app = app
        self._checks = checks
        self._mask = mask
        self._changes = changes
        self._own_url = own_url

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(f"{PREFIX}/deliveries", self.deliveries),
            web.get(f"{PREFIX}/openapi.json", self.openapi),
            web.post(f"{PREFIX}/restart", self.restart),
        ]

    async def deliveries(self, request: web.Request) -> web.StreamResponse:
        """Answer every delivery with its attempts, and serve others meanwhile."""
        return await answer_in_parts(request, self._deliveries())

    async def _deliveries(self) -> AsyncGenerator[bytes]:
        separator = b""
        yield b'{"deliveries":['
        async for delivery in self._app.deliverer.all():
            # The error of a delivery may quote the registration.
            yield separator + orjson.dumps({**delivery, "error": self._mask(str(delivery["error"]))})
            separator = b","
        yield b"]}"

    async def openapi(self, request: web.Request) -> web.Response:
        """Answer the OpenAPI 3.1 document of the app's tables and of the control plane."""
        document = self._checks.openapi(self._own_url or str(request.url.origin()))
        return to_json(with_control_plane(document, request.app))

    async def restart(self, request: web.Request) -> web.Response:
        """Restart the app's background work, as a new process would: only the database is left."""
        await refuse_fields(request)
        await self._changes.make(self._restart)
        return web.Response(status=204)

    async def _restart(self) -> None:
        self._app.stop()
        await self._app.start()
