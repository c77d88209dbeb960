"""Fixtures: a console with its pages, an instance behind it, a browser, and users without script."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, CookieJar, web

from console_sim.app import create_app
from console_sim.settings import Settings
from mock_servicenow.app import Blueprint
from mock_servicenow.app import create_app as create_servicenow
from mock_servicenow.settings import Settings as ServiceNowSettings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

if TYPE_CHECKING:
    from tests.browser import Chromium, Page

CONFIGURATION = "/admin/configuration"
CREDENTIALS = f"{CONFIGURATION}/credentials"
SYSTEMS = f"{CONFIGURATION}/foreign-systems"
SERVERS = f"{SYSTEMS}/servicenow"
SERVER = f"{SERVERS}/server"
MESSAGING = f"{CONFIGURATION}/messaging"
WEBHOOK = f"{MESSAGING}/webhook"
ADVANCED = f"{CONFIGURATION}/advanced"
USERS = "/admin/users"
API_CLIENT = f"{USERS}/api-client"
ROLES = "/admin/roles"
TASKS = "/admin/tasks"
PROCESSES = f"{TASKS}/automation/approval-processes"
TYPES = f"{TASKS}/automation/approval-types"
ACTIONS = "/admin/actions"
POLICIES = "/application-policies"
APPROVALS = "/manage-approvals"
HISTORY = f"{APPROVALS}/history"
DECIDE = f"{APPROVALS}/decide"
ENDPOINT = "/endpoint"
POLICY = "R&D <script>document.title='taken'</script>"
_FORM = re.compile('<form(?! method="get"[^>]* role="search")')
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


@dataclass
class Shown:
    """A page as a browser without script sees it."""

    status: int
    headers: Any
    html: str
    url: str

    @property
    def text(self) -> str:
        """The text of the page, white space collapsed."""
        return _plain(self.html)

    @property
    def tabs(self) -> list[str]:
        """The labels of the page's tabs."""
        tabs = self.html.partition('<nav class="tabs"')[2].partition("</nav>")[0]
        return [unescape(label) for label in re.findall(r"<a [^>]*>(.*?)</a>", tabs)]

    def hidden(self, form: int = 0) -> dict[str, str]:
        """Return the hidden fields of a form, counted from the top."""
        return dict(self.pairs(form))

    def pairs(self, form: int = 0) -> list[tuple[str, str]]:
        """Return the hidden fields of a form, of which several may have one name; a search does not count."""
        return _HIDDEN.findall(_FORM.split(self.html)[form + 1].split("</form>")[0])

    def error(self, field: str) -> str:
        """Return the error beside a field; empty if there is none."""
        found = re.search(rf'id="{field}\.error">(.*?)</span>', self.html, re.DOTALL)
        return "" if found is None else unescape(found[1])

    @property
    def address(self) -> str:
        """The page's path and query."""
        return re.sub(r"^https?://[^/]+", "", self.url)

    @property
    def links(self) -> dict[str, str]:
        """The addresses of the page's links, by their text; of several with one text the first."""
        found = re.findall(r'<a [^>]*href="([^"]*)"[^>]*>(.*?)</a>', self.html, re.DOTALL)
        return {_plain(label): unescape(url) for url, label in reversed(found)}

    @property
    def cells(self) -> list[list[str]]:
        """The text of the cells of the page's table."""
        rows = self.html.split("<tbody")[-1].split("</tbody>")[0].split("<tr")[1:]
        return [[_plain(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)] for row in rows]

    def is_ticked(self, field: str) -> bool:
        """Return whether a check box or switch is on."""
        return re.search(rf'id="{field}"[^>]* checked', self.html) is not None

    def chosen(self, field: str) -> str:
        """Return the selected choice of a field; empty if none is."""
        found = re.search(r"<option[^>]* selected>([^<]*)", self._control(field, "select"))
        return "" if found is None else unescape(found[1])

    def choices(self, field: str) -> list[str]:
        """Return the choices of a field."""
        return [unescape(each) for each in re.findall(r">([^<]+)</option>", self._control(field, "select"))]

    def area(self, field: str) -> str:
        """Return the value of a field with several lines."""
        return unescape(self._control(field, "textarea").partition(">\n")[2])

    def _control(self, field: str, element: str) -> str:
        return self.html.partition(f'id="{field}"')[2].partition(f"</{element}>")[0]

    def value(self, field: str) -> str:
        """Return the value of a field."""
        found = re.search(rf'id="{field}"[^>]* value="([^"]*)"', self.html)
        assert found is not None, field
        return unescape(found[1])

    def detail(self, term: str) -> str:
        """Return the description of a term."""
        found = re.search(rf"<dt>{term}</dt><dd[^>]*>(.*?)</dd>", self.html, re.DOTALL)
        assert found is not None, term
        return unescape(re.sub(r"<[^>]+>", "", found[1]))


def _plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@dataclass
class Person:
    """A user with a browser without script."""

    url: str
    http: ClientSession

    async def get(self, path: str, **arguments: Any) -> Shown:
        """Open a page."""
        return await self.call("GET", path, **arguments)

    async def post(self, path: str, values: dict[str, str], **arguments: Any) -> Shown:
        """Post these values only."""
        return await self.call("POST", path, data=values, **arguments)

    async def open(self, page: str, link: str) -> Shown:
        """Open a page and follow a link."""
        shown = await self.get(page)
        target = shown.links[link]
        return await self.get(target if target.startswith("/") else shown.address.partition("?")[0] + target)

    async def fill(
        self, page: Shown, values: dict[str, str], *, form: int = 0, action: str = "", **arguments: Any
    ) -> Shown:
        """Fill in a form of a page that is open, and send it."""
        return await self.post(action or page.address, page.hidden(form) | values, **arguments)

    async def submit(self, page: str, values: dict[str, str], *, form: int = 0, action: str = "") -> Shown:
        """Open a page, fill in one of its forms and send it."""
        hidden = (await self.get(page)).hidden(form)
        return await self.post(action or page, hidden | values)

    async def call(self, method: str, path: str, **arguments: Any) -> Shown:
        """Send any request."""
        async with self.http.request(method, self.url + path, **arguments) as answer:
            return Shown(answer.status, answer.headers, await answer.text(), str(answer.url))


@dataclass
class Site:
    """A running console, and an instance to connect it to."""

    url: str
    app: web.Application
    clock: VirtualClock
    person: Person
    servicenow: str

    async def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Use the control plane."""
        arguments = {} if body is None else {"json": body}
        async with self.person.http.request(method, f"{self.url}/__admin{path}", **arguments) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.content_type == "application/json" else None

    async def set_up(self, **values: Any) -> None:
        """Run the documented set-up."""
        order = {
            "servicenow_url": self.servicenow,
            "servicenow_user": "privman.integration",
            "servicenow_password": "admin",
        }
        await self.admin("POST", "/setup", order | values)

    async def ask(self, **metadata: str) -> str:
        """Create an approval request and return its id."""
        body = {"metadata": {"PolicyName": POLICY, **metadata}}
        return str((await self.admin("POST", "/approval-requests", body))["request_id"])

    async def records(self, table: str) -> Any:
        """Return the instance's records of a table of the app."""
        url = f"{self.servicenow}/api/now/table/x_thyti_thycotic_p_{table}"
        headers = {"Authorization": "Basic YWRtaW46YWRtaW4="}
        async with self.person.http.get(url, headers=headers) as answer:
            return (await answer.json())["result"]


@pytest.fixture(scope="session")
def blueprint() -> Blueprint:
    """The instance's initial state, worked out once."""
    return Blueprint.draw(ServiceNowSettings())


@pytest.fixture
def settings() -> Settings:
    """The console's settings; tests may override them."""
    return Settings()


@pytest_asyncio.fixture(loop_scope="session")
async def servicenow(blueprint: Blueprint) -> AsyncIterator[str]:
    """Serve an instance."""
    clock = VirtualClock()
    app = create_servicenow(ServiceNowSettings(), clock=clock, ids=Ids(1), blueprint=blueprint)
    async with serving(app, "127.0.0.1", 0) as url:
        yield url
        await clock.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def site(servicenow: str, settings: Settings) -> AsyncIterator[Site]:
    """Serve a console that has not been set up."""
    async with AsyncExitStack() as stack:
        clock = VirtualClock()
        app = create_app(settings, clock=clock, ids=Ids(2))
        url = await stack.enter_async_context(serving(app, "127.0.0.1", 0))
        stack.push_async_callback(clock.aclose)
        http = await stack.enter_async_context(ClientSession(cookie_jar=CookieJar(unsafe=True)))
        yield Site(url, app, clock, Person(url, http), servicenow)


@pytest_asyncio.fixture(loop_scope="session")
async def page(chromium: "Chromium", site: Site) -> AsyncIterator["Page"]:
    """Open a page in a new browser."""
    async with chromium.page(site.url) as opened:
        yield opened
