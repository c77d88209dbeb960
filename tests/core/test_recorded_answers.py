"""The journal records the answer that was sent, also when a handler raises."""

from collections.abc import AsyncIterator, Iterable

import pytest
from aiohttp import ClientPayloadError, ClientSession, web
from msgspec import Struct

from privman_core.exchange import Exchange
from privman_core.failed_handlers import BROKEN
from privman_core.findings import Finding
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.pages.forms import Form
from privman_core.pages.rendering import SHARED, Assets, Templates
from privman_core.pages.site import Frame, Gate, Page, Site, Visit
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

from .conftest import Party


class _Session(Struct, frozen=True):
    token: str = "token"
    id: str = ""


class _OpenGate(Gate[Visit]):
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def visit(self, request: web.Request, form: Form) -> Visit:
        return Visit(request=request, frame=self._frame, session=_Session(), form=form)

    async def turned_away(self, _visit: Visit) -> web.Response | None:
        return None

    def is_typed(self, _name: str) -> bool:
        return False


async def _missing(_visit: Visit) -> web.Response:
    raise web.HTTPNotFound


async def _broken(_visit: Visit) -> web.Response:
    raise RuntimeError


def _judge(_exchange: Exchange) -> Iterable[Finding]:
    return ()


@pytest.fixture
async def journaled_site() -> AsyncIterator[tuple[str, Journal]]:
    """Serve two forms that raise."""
    journal = Journal(VirtualClock(), Secrets(), _judge)
    frame = Frame(Templates(SHARED), "page.html", "form_token", site="Site", assets="/static")
    table = {"/missing": Page(None, _missing), "/broken": Page(None, _broken)}
    app = web.Application()
    app.add_routes(Site(table, _OpenGate(frame), Assets("/static", SHARED), journal).routes())
    async with serving(app, "127.0.0.1", 0) as url:
        yield url, journal


@pytest.mark.parametrize(("path", "status"), [("/missing", 404), ("/broken", 500)])
async def test_posted_form_is_recorded_with_its_answer(
    journaled_site: tuple[str, Journal], path: str, status: int
) -> None:
    """A page that raises is answered all the same."""
    url, journal = journaled_site
    async with ClientSession() as http, http.post(url + path, data={"form_token": "token"}) as answer:
        assert answer.status == status
    (exchange,) = journal.kept()
    assert (exchange.status, exchange.error) == (status, "")


async def test_broken_handler_is_recorded_with_its_answer(party: Party) -> None:
    """Status and body are those that the client got, in virtual time too."""
    assert await party.call("POST", "/", data="bug") == (500, BROKEN)
    (entry,) = (await party.call("GET", "/__admin/requests"))[1]["requests"]
    assert (entry["status"], entry["error"]) == (500, "")
    assert entry["response"]["body"] == BROKEN


async def test_answer_that_broke_off_is_recorded_as_such(party: Party) -> None:
    """Some of it was sent, so the journal does not say that nothing was."""
    with pytest.raises(ClientPayloadError):
        await party.call("POST", "/", data="half")
    (entry,) = (await party.call("GET", "/__admin/requests"))[1]["requests"]
    assert (entry["status"], entry["error"]) == (0, "the answer broke off: RuntimeError")
