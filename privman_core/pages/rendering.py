"""Answers for browsers: pages made from templates, the files that they load, and the headers that keep them safe."""

import asyncio
import re
from collections.abc import Mapping
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
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
"""Headers of every answer for a browser."""
# "//host" and "/\\host" would lead elsewhere.
_OWN_PATH = re.compile(r"/(?![/\\])[^\s\\]*")
_FILE = r"[a-z]+\.(?:css|js|svg)"
_TYPES: Mapping[str, str] = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_REFERENCE = re.compile(r'{% (?:extends|from|import|include) "([^"]+)"')


def to_page(html: str, status: int = 200) -> web.Response:
    """Return a page that no cache keeps."""
    headers = {**HEADERS, "Cache-Control": "no-store"}
    return web.Response(status=status, text=html, content_type="text/html", headers=headers)


def to_file(name: str, body: bytes, content_type: str) -> web.Response:
    """Return a file that the browser saves under a name."""
    headers = {**HEADERS, "Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=body, content_type=content_type, headers=headers)


def see(location: str) -> web.Response:
    """Return a redirect that the browser follows with a GET."""
    return web.Response(status=303, headers={**HEADERS, "Cache-Control": "no-store", "Location": location})


def own_path(text: str, otherwise: str) -> str:
    """Return the text if it is an address of the same site, else ``otherwise``."""
    return text if _OWN_PATH.fullmatch(text) else otherwise


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
                headers = {**HEADERS, "Cache-Control": "max-age=300"}
                kind = _TYPES[name.rpartition(".")[2]]
                return web.Response(body=file.read_bytes(), content_type=kind, charset="utf-8", headers=headers)
        raise web.HTTPNotFound


class Templates:
    """The ``templates/`` folders of some packages; every value is escaped.

    Loading Jinja and compiling the templates takes 100 to 200 ms. Both happen in a thread when the first page is shown:
    starting a server costs nothing, other requests do not wait, and the page waits only for its own templates.

    Args:
        packages: import names; templates of an earlier package take precedence.
    """

    def __init__(self, *packages: str) -> None:
        self._packages = packages
        self._library: _Library | None = None

    async def render(self, name: str, base: str, values: Mapping[str, object]) -> str:
        """Return a page; raises jinja2.UndefinedError if the template uses a value that is missing.

        Args:
            name: its template.
            base: the template that it extends by ``{% extends base %}``.
            values: for the template.
        """
        if self._library is None:
            self._library = await asyncio.to_thread(_library, self._packages)
        if not self._library.has(name):
            await asyncio.to_thread(self._library.compile, base, name)
            asyncio.get_running_loop().run_in_executor(None, self._library.compile_rest)
        return self._library.render(name, {**values, "base": base})


class _Library:
    """Compiled templates; safe in any thread."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - slows down a start

        self._environment = Environment(
            autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False
        )
        self._loader = ChoiceLoader([PackageLoader(package) for package in packages])
        self._environment.loader = self._loader
        self._compiled: set[str] = set()

    def has(self, name: str) -> bool:
        """Return whether a template and all that it refers to are compiled."""
        return name in self._compiled

    def compile(self, *names: str) -> None:
        """Compile templates, and those that they refer to by name."""
        for name in names:
            source, _, _ = self._loader.get_source(self._environment, name)
            self.compile(*_REFERENCE.findall(source))
            self._environment.get_template(name)
            self._compiled.add(name)

    def compile_rest(self) -> None:
        """Compile every template that is not compiled yet."""
        self.compile(*set(self._environment.list_templates()) - self._compiled)

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """Return a page."""
        return self._environment.get_template(name).render(values)


_library = cache(_Library)  # a test run has hundreds of servers in one process
