import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import requests
from aiohttp import ClientSession, CookieJar, TCPConnector
from pysnc import ServiceNowClient

from mock_servicenow.app import Blueprint, create_app
from mock_servicenow.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.tls import issue_certificate
from privman_core.virtual_clock import VirtualClock

from .conftest import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass
class Secured:
    """A user with a browser at an instance that is served over TLS."""

    person: Person
    authority: Path


@pytest_asyncio.fixture(loop_scope="session")
async def secured(blueprint: Blueprint, settings: Settings, tmp_path: Path) -> AsyncIterator[Secured]:
    """Serve an instance over TLS."""
    authority, clock = tmp_path / "ca.pem", VirtualClock()
    tls = issue_certificate("127.0.0.1", authority)
    app = create_app(settings, clock=clock, ids=Ids(1), blueprint=blueprint)
    connector = TCPConnector(ssl=ssl.create_default_context(cafile=authority))
    async with (
        serving(app, "127.0.0.1", 0, tls) as url,
        ClientSession(connector=connector, cookie_jar=CookieJar(unsafe=True)) as http,
    ):
        yield Secured(Person(url, http), authority)
    await clock.aclose()


async def test_cookies_are_secure(secured: Secured) -> None:
    """Over HTTPS, the session's cookie is never sent over HTTP."""
    assert "Secure" in (await secured.person.get("/login.do")).headers["Set-Cookie"]


async def test_pysnc_links_open(secured: Secured) -> None:
    """get_link and get_link_list lead to form and list; the form leads back to the list that the link names."""
    person = secured.person

    def printed() -> list[str]:
        with requests.Session() as session:
            session.auth, session.verify = ("admin", "admin"), str(secured.authority)
            session.trust_env = False  # the machine's CA bundle would take precedence
            client = ServiceNowClient(person.url, session)
            made, incident = client.GlideRecord("incident"), client.GlideRecord("incident")
            new = made.get_link()
            made.initialize()
            made.short_description = "The printer burns"
            incident.add_query("sys_id", made.insert())
            incident.query()
            assert incident.next()
            return [incident.get_link(), incident.get_link(no_stack=True), incident.get_link_list() or "", new]

    links = [link.removeprefix(person.url) for link in await asyncio.to_thread(printed)]
    await person.log_in("admin")
    form, bare, listed, new = [await person.get(link) for link in links]
    assert [each.status for each in (form, bare, listed, new)] == [200] * 4
    assert 'href="/incident_list.do?sysparm_query=active=true">' in form.html
    assert 'href="/incident_list.do">' in bare.html
    assert ("The printer burns" in form.html, "1 to 1 of 1" in listed.html) == (True, True)
    assert "<h1>Incident - New record</h1>" in new.html


async def test_exchange_is_sent_again_over_tls(secured: Secured) -> None:
    """The instance calls itself at its own address, whatever names its certificate has."""
    await secured.person.call("GET", "/api/now/table/incident")
    shown = await secured.person.call("POST", "/__admin/cockpit/exchanges/1/replay")
    assert (shown.status, shown.html) == (200, '{"number":2}')
    shown = await secured.person.get("/__admin/requests?last=1")
    assert '"status":401' in shown.html
