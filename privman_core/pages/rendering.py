"""Answers for browsers: pages made from templates, the files that they load, and the headers that keep them safe."""

import asyncio
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files

from aiohttp import web

SHARED = "privman_core.pages"
"""The package whose templates and static files serve every party."""
# Nothing from elsewhere, nothing inline, no page inside another.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_FILE = r"[a-z]+\.(?:css|js|svg)"
_TYPES: Mapping[str, str] = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

_Render = Callable[[str, Mapping[str, object]], str]


def to_page(html: str, status: int = 200) -> web.Response:
    """Return a page that no cache keeps."""
    headers = {**_HEADERS, "Cache-Control": "no-store"}
    return web.Response(status=status, text=html, content_type="text/html", headers=headers)


def see(location: str) -> web.Response:
    """Return a redirect that the browser follows with a GET."""
    return web.Response(status=303, headers={**_HEADERS, "Cache-Control": "no-store", "Location": location})


class Assets:
    """The ``static/`` folders of some packages under one URL prefix; files of an earlier package take precedence."""

    def __init__(self, prefix: str, *packages: str) -> None:
        self.prefix = prefix
        self._packages = packages

    def route(self) -> web.RouteDef:
        """Return the route of every file."""
        return web.get(f"{self.prefix}/{{name:{_FILE}}}", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        for package in self._packages:
            file = files(package) / "static" / name
            if file.is_file():
                headers = {**_HEADERS, "Cache-Control": "max-age=300"}
                kind = _TYPES[name.rpartition(".")[2]]
                return web.Response(body=file.read_bytes(), content_type=kind, charset="utf-8", headers=headers)
        raise web.HTTPNotFound


class Templates:
    """The ``templates/`` folders of some packages; every value is escaped.

    Loading Jinja and compiling the templates takes up to half a second, so it happens in a thread when the first page
    is shown: starting a server costs nothing, and no other request waits for it.

    Args:
        packages: import names; templates of an earlier package take precedence.
    """

    def __init__(self, *packages: str) -> None:
        self._packages = packages
        self._render: _Render | None = None

    async def render(self, name: str, values: Mapping[str, object]) -> str:
        """Return a page; raises jinja2.UndefinedError if the template uses a value that is missing."""
        if self._render is None:
            self._render = await asyncio.to_thread(_load, self._packages)
        return self._render(name, values)


@cache  # a test run has hundreds of servers in one process
def _load(packages: tuple[str, ...]) -> _Render:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - slows down a start

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates = {name: environment.get_template(name) for name in environment.list_templates()}
    return lambda name, values: templates[name].render(values)
