"""What the API says of itself: version and Swagger (integration 4)."""

from importlib import resources

import orjson
from aiohttp import web

from console_sim.api.envelope import Envelope
from console_sim.contract_checks import ContractChecks
from console_sim.own_url import own_url
from console_sim.settings import Settings


class Documents:
    """Version, the OpenAPI document and the page that shows it; none needs a token."""

    def __init__(self, settings: Settings, envelope: Envelope, contract_checks: ContractChecks) -> None:
        self._settings = settings
        self._envelope = envelope
        self._contract_checks = contract_checks

    async def version(self, _request: web.Request) -> web.Response:
        """Answer the console's version."""
        return self._envelope.ok(self._settings.version)

    async def swagger_document(self, request: web.Request) -> web.Response:
        """Answer the OpenAPI document."""
        document = self._contract_checks.openapi(own_url(self._settings, request))
        return web.Response(body=orjson.dumps(document), content_type="application/json")

    async def swagger_page(self, _request: web.Request) -> web.Response:
        """Answer the page, which loads nothing from outside."""
        page = (resources.files("console_sim.api") / "swagger.html").read_text(encoding="utf-8")
        return web.Response(text=page, content_type="text/html")
