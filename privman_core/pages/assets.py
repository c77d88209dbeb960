"""Stylesheets, scripts and pictures that come with a package."""

from collections.abc import Mapping
from importlib.resources import files

from aiohttp import web

from privman_core.pages.answers import to_asset

SHARED = "privman_core.pages"
_NAME = r"[a-z]+\.(?:css|js|svg)"
_TYPES: Mapping[str, str] = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class Assets:
    """The ``static/`` folders of some packages, served under one prefix; a file of an earlier package goes first."""

    def __init__(self, prefix: str, *packages: str) -> None:
        self._prefix = prefix
        self._packages = packages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get(f"{self._prefix}/{{name:{_NAME}}}", self.asset)]

    async def asset(self, request: web.Request) -> web.Response:
        """Answer one file; raises HTTPNotFound."""
        name = request.match_info["name"]
        for package in self._packages:
            file = files(package) / "static" / name
            if file.is_file():
                return to_asset(file.read_bytes(), _TYPES[name.rpartition(".")[2]])
        raise web.HTTPNotFound
