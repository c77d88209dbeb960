"""Every page of both products and of the cockpit, with long words and long lists, as a gallery to review.

Also with open dialogs, refused forms and refusals.
"""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import yaml
from aiohttp import ClientSession, web
from aiohttp.test_utils import make_mocked_request

from tests.browser import Page

from .conftest import Products
from .gallery import Gallery
from .instance import log_in
from .page_states import COCKPIT, CONSOLE, SERVICENOW, take_dialogs, take_states

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
MANY = 10_000
COCKPIT_PATH = "/__cockpit"
_ENOUGH = 2
"""Pictures of pages that one row of the site's table makes, such as those of all policies."""
_TABLES = 4
"""Tables of the instance whose lists and forms are taken."""
_AT_ONCE = 50
_LISTED = "() => [...document.querySelectorAll('a[href]:not([download])')].map(each => each.href)"


@pytest.fixture
def servicenow_data(tmp_path: Path) -> tuple[Path, ...]:
    """Return a file of many incidents with long words."""
    rows = [{"short_description": f"{LONG_WORD} {number}"} for number in range(MANY)]
    file = tmp_path / "incidents.yaml"
    file.write_text(yaml.safe_dump({"incident": rows}), encoding="utf-8")
    return (file,)


class _Walker:
    """Follows the links of a product from its first page, and takes a picture of each page."""

    def __init__(self, gallery: Gallery, story: str, app: web.Application, page: Page, enough: int = _ENOUGH) -> None:
        self._gallery = gallery
        self._story = story
        self._app = app
        self._page = page
        self._enough = enough
        self._opened: set[str] = set()

    async def walk(self, first: list[str], below: str = "/", *, beside: str = "") -> None:
        """Take the pages at these paths, and those that links lead to.

        Args:
            first: the paths.
            below: only pages whose path begins so.
            beside: no page whose path begins so; empty to leave out none.
        """
        taken: Counter[str] = Counter()
        waiting, seen = list(first), set(first)
        while waiting:
            path = waiting.pop(0)
            taken[await self._row(path)] += 1
            if taken[await self._row(path)] > self._enough:
                continue
            await self._page.goto(path)
            await self._gallery.take(self._page, self._story, f"{await self._page.title()} ({path})")
            for link in await self._page.evaluate(_LISTED):
                target = self._path(link)
                if (
                    target.startswith(below or "/")
                    and not (beside and target.startswith(beside))
                    and target not in seen
                ):
                    seen.add(target)
                    waiting.append(target)
            await take_dialogs(self._gallery, self._page, self._story, self._opened)

    def _path(self, link: str) -> str:
        """Return the path of a link to another page of the same site; empty for any other link, and for a file."""
        here, there = urlsplit(self._page.url), urlsplit(urljoin(self._page.url, link))
        is_page = not there.path.endswith((".har", ".yaml"))
        same = is_page and (here.scheme, here.netloc) == (there.scheme, there.netloc)
        return there._replace(scheme="", netloc="", fragment="").geturl() if same else ""

    async def _row(self, path: str) -> str:
        route = (await self._app.router.resolve(make_mocked_request("GET", path))).route
        return route.resource.canonical if route.resource else path


async def _call(http: ClientSession, url: str, body: object) -> Any:
    async with http.post(url, json=body) as answer:
        assert answer.ok, await answer.text()
        return await answer.json()


async def _fill(products: Products) -> None:
    """Set the console up, and ask often, with long words."""
    setup = {"servicenow_user": "privman.integration", "servicenow_password": "admin"}
    async with ClientSession() as http:
        await _call(http, f"{products.console_url}/__admin/setup", {"servicenow_url": products.servicenow_url, **setup})
        for number in range(0, 200, _AT_ONCE):
            asked = (
                {"PolicyName": f"{LONG_WORD} {each}", "UserReason": f"Because {LONG_WORD}", "FilePath": LONG_WORD}
                for each in range(number, number + _AT_ONCE)
            )
            url = f"{products.console_url}/__admin/approval-requests"
            await asyncio.gather(*(_call(http, url, {"metadata": metadata}) for metadata in asked))


async def test_every_page_in_a_gallery(products: Products, gallery: Gallery) -> None:
    """At each width, in light and dark mode, no page is wider than its screen."""
    await _fill(products)
    await asyncio.gather(_take_servicenow(products, gallery), _take_console(products, gallery))
    gallery.write()
    assert "\n".join(gallery.misfits) == ""


async def _take_servicenow(products: Products, gallery: Gallery) -> None:
    app, page = products.servicenow_app, products.servicenow
    await log_in(page, "admin")
    tables = [f"/x_thyti_thycotic_p_{each}_list.do" for each in ("request", "response", "activity_type")]
    first = ["/", *tables, "/incident_list.do", "/nowhere"]
    await _Walker(gallery, "ServiceNow", app, page, _TABLES).walk(first, beside=COCKPIT_PATH)
    await take_states(gallery, page, "ServiceNow: refusals", SERVICENOW)


async def _take_console(products: Products, gallery: Gallery) -> None:
    app, page = products.console_app, products.console
    await _Walker(gallery, "Console", app, page).walk(["/", "/nowhere"], beside=COCKPIT_PATH)
    await take_states(gallery, page, "Console: refusals", CONSOLE)
    # Either product serves the same cockpit.
    await _Walker(gallery, "Cockpit", app, page).walk([COCKPIT_PATH], COCKPIT_PATH)
    await take_states(gallery, page, "Cockpit: refusals", COCKPIT)
