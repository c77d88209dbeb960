"""The documents of the API: Swagger and its page at the documented addresses, OpenAPI 3.1 in the control plane."""

from importlib import resources

import orjson
from aiohttp import web

from console_sim.settings import Settings, own_url
from privman_contracts.contract_checks import ContractChecks
from privman_core.control import to_json
from privman_core.control_index import PREFIX, with_control_plane


class ApiDocuments:
    """Describes the API; no call needs a token."""

    def __init__(self, settings: Settings, checks: ContractChecks) -> None:
        self._settings = settings
        self._checks = checks

    def control_routes(self) -> list[web.RouteDef]:
        """Return the route of the document that the product does not have."""
        return [web.get(f"{PREFIX}/openapi.json", self.openapi)]

    async def swagger_document(self, request: web.Request) -> web.Response:
        """Answer the document as the product has it."""
        document = self._checks.api_document(own_url(self._settings, request))
        return web.Response(body=orjson.dumps(document), content_type="application/json")

    async def swagger_page(self, _request: web.Request) -> web.Response:
        """Answer a page that shows that document and loads nothing from elsewhere."""
        page = (resources.files("console_sim") / "swagger.html").read_text(encoding="utf-8")
        return web.Response(text=page, content_type="text/html")

    async def openapi(self, request: web.Request) -> web.Response:
        """Answer the OpenAPI 3.1 document of the console's API and of the control plane."""
        return to_json(with_control_plane(self._checks.openapi(own_url(self._settings, request)), request.app))
