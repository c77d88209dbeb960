"""Addresses that no page and no API has, typed into a browser."""

import re
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

_HTML = "text/html"


class UnknownAddresses(web.DynamicResource):
    """Matches a GET for any address if the client accepts HTML; register it last.

    Args:
        handler: answers with a page.
        apis: matches the beginning of the addresses that keep their own answers.
    """

    def __init__(self, handler: Handler, apis: re.Pattern[str]) -> None:
        super().__init__("/{unknown:.*}")
        self._apis = apis
        self.add_route("*", handler)

    async def resolve(self, request: web.Request) -> Any:  # noqa: ANN401 - aiohttp does not export the type
        """Match the request unless it is a program's."""
        looks = request.method in ("GET", "HEAD") and _HTML in request.headers.get("Accept", "")
        if not looks or self._apis.match(request.path):
            return None, set()
        return await super().resolve(request)
