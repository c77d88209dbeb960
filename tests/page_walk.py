"""Every page of a running server, found in its router: whatever is routed and is not an API is a page."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from html import unescape
from urllib.parse import urljoin, urlsplit

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

APIS = ("/__admin", "/__cockpit/events", "/api/", "/oauth_", "/{application}/", "/{unknown}")
NOBODYS = "a66f2ed9-089d-4712-bd45-d00b945e0e8b"
"""A RequestId that no approval request has."""
EXAMPLES = {"table": "incident", "number": "1", "name": "base.css", "request_id": NOBODYS}
EXPIRED = "This form has expired. Nothing was changed."
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_BREACH = re.compile(r'\sstyle=|\son\w+=|(?:<link[^>]*href|src|action)="(?:https?:)?//|<script(?! src="/)')
_SCRIPT = re.compile(r'<script src="([^"]+)"')
_IMPORT = re.compile(r"""\b(?:from|import)[ (]*["']([^"']+)""")
MOST_SCRIPT = 30_000
"""Bytes that a page may load."""
_TOKEN = re.compile(
    r'<input type="hidden" name="(?:sysparm_ck|__RequestVerificationToken|cockpit_token)" value="\w{64}">'
)


def _paths(app: web.Application, method: str) -> list[str]:
    resources = [each for each in app.router.resources() if not each.canonical.startswith(APIS)]
    is_console = any(each.canonical == "/endpoint" for each in app.router.resources())
    examples = {**EXAMPLES, "party": "console" if is_console else "servicenow"}
    return [each.canonical.format_map(examples) for each in resources if method in {route.method for route in each}]


def shown_pages(app: web.Application) -> list[str]:
    """Return the path of every page that can be looked at."""
    return _paths(app, "GET")


def posted_pages(app: web.Application) -> list[str]:
    """Return the path of every page that takes a form."""
    return _paths(app, "POST")


def of_product(paths: list[str]) -> list[str]:
    """Return the paths of the product's own pages, without files and the cockpit."""
    return [path for path in paths if not path.startswith(("/__cockpit", "/ui/"))]


def of_cockpit(paths: list[str]) -> list[str]:
    """Return the paths of the cockpit's pages, without files and the stream of events."""
    pages = [path for path in paths if path.startswith("/__cockpit") and "." not in path.rpartition("/")[2]]
    return [path for path in pages if not path.endswith("/events")]


def breaches(headers: Mapping[str, str], html: str) -> list[str]:
    """Return what a page does against the policy, or lacks of it: nothing is inline or from another host."""
    expected = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }
    missing = [name for name, value in expected.items() if headers.get(name) != value]
    return [*missing, *_BREACH.findall(html)]


async def script_sizes(path: str, get: Callable[[str], Awaitable[tuple[str, str]]]) -> dict[str, int]:
    """Return each script that a page loads, imported modules too, and its length in bytes.

    Args:
        path: of the page.
        get: returns the URL of a file, after redirects, and its text.
    """
    url, html = await get(path)
    waiting = [urljoin(url, each) for each in _SCRIPT.findall(html)]
    sizes: dict[str, int] = {}
    while waiting:
        script = urlsplit(waiting.pop()).path
        if script not in sizes:
            _, text = await get(script)
            sizes[script] = len(text.encode())
            waiting += [urljoin(script, each) for each in _IMPORT.findall(text)]
    return sizes


def forms_without_token(html: str) -> list[str]:
    """Return the forms of a page that would be refused for want of a token."""
    forms = [form.partition("</form>")[0] for form in html.split('<form method="post"')[1:]]
    return [form for form in forms if not _TOKEN.search(form)]


_LINK = re.compile(r'<a [^>]*href="([^"#]+)')
# Pages of one row that are looked at: every table has a list.
_ENOUGH = 5


def rows(app: web.Application) -> dict[str, str]:
    """Return each page that can be looked at, as it is routed, with the reason why no link leads there."""
    handlers = {
        route.resource.canonical: route.handler
        for route in app.router.routes()
        if route.method == "GET" and route.resource and isinstance(route.handler, partial)
    }
    return {path: handler.args[0].unlinked for path, handler in handlers.items()}


async def linked(app: web.Application, get: Callable[[str], Awaitable[tuple[str, str]]]) -> set[str]:
    """Follow links from the first page, and return each row of `rows` that they lead to.

    Args:
        app: has the router.
        get: returns the URL of a page, after redirects, and its HTML.
    """
    found: Counter[str] = Counter()
    waiting, seen = ["/"], {"/"}
    while waiting:
        path = waiting.pop(0)
        route = (await app.router.resolve(make_mocked_request("GET", path))).route
        assert route.resource is not None, f"a link leads nowhere: {path}"
        found[route.resource.canonical] += 1
        if found[route.resource.canonical] > _ENOUGH:
            continue
        url, html = await get(path)
        for link in map(unescape, _LINK.findall(html)):
            to = urlsplit(urljoin(url, link))
            target = to._replace(scheme="", netloc="", fragment="").geturl()
            if to.netloc == urlsplit(url).netloc and target not in seen:
                seen.add(target)
                waiting.append(target)
    return set(found)
