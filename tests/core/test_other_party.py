"""A cockpit that shows both parties: how it finds the other one, and what it says if there is none to show."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import ClientSession, CookieJar, encode_basic_auth, web

from console_sim import ConsoleSim
from console_sim.settings import Settings as ConsoleSettings
from mock_servicenow import MockServiceNow
from mock_servicenow.settings import Settings
from privman_core.cockpit.parties import MOST_TRIED
from privman_core.exchange_marks import MARK
from privman_core.neighbours import MOST_SENDERS

from .cockpit_browser import FORM_TOKEN
from .conftest import TOKEN


async def _page(url: str, path: str = "", token: str = "") -> str:
    async with ClientSession() as http, http.get(f"{url}/__cockpit{path}", headers={"X-Admin-Token": token}) as answer:
        return await answer.text()


def _text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@asynccontextmanager
async def _served(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """Serve these answers at this machine."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def stranger() -> AsyncIterator[str]:
    """Serve something at this machine that is none of the simulators."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=json.dumps(["hello"]), status=200 if "cockpit" in request.path else 404)

    async with _served(answer) as url:
        yield url


async def test_parties_on_this_machine_find_each_other() -> None:
    """Once the console is set up, either cockpit shows both journals, each exchange once."""
    async with MockServiceNow(seed=1) as servicenow:
        assert "Only ServiceNow is shown. No other party is known yet." in await _page(servicenow.url)
        async with ConsoleSim(servicenow=servicenow, seed=1) as console:
            for url in (servicenow.url, console.url):
                html = await _page(url, "?find=method:POST+table:integration_configuration")
                assert ("alone" in html, html.count('title="Search method:POST"')) == (False, 1)
                assert "Console → ServiceNow" in _text(html)


async def test_other_party_stays_known(stranger: str) -> None:
    """Without its registration, too, or with a newer one that leads to another program; until it no longer answers."""
    async with MockServiceNow(seed=1) as servicenow:
        async with ConsoleSim(servicenow=servicenow, seed=1) as console:
            url = console.url
            await _register(servicenow, stranger)
            assert "Only" not in await _page(servicenow.url)
            await _forget_registrations(servicenow)
            assert "Only" not in await _page(servicenow.url)
        html = await _page(servicenow.url)
        assert f"Only ServiceNow is shown. Console, {url}, does not answer: no connection" in html


async def test_party_that_sends_requests_is_found() -> None:
    """Though nothing names it any more when the first page is opened."""
    async with MockServiceNow(seed=1) as servicenow, ConsoleSim(servicenow=servicenow, seed=1) as console:
        await _call(console.url, "/approval-requests", {"metadata": {"PolicyName": "Elevate installers"}})
        await _forget_registrations(servicenow)
        assert "Only" not in await _page(servicenow.url)


async def test_party_whose_cockpit_looks_is_found() -> None:
    """So one that has started again, and lost its configuration, knows the other one."""
    async with ConsoleSim(seed=1) as console, MockServiceNow(Settings(console_url=console.url), seed=1) as servicenow:
        assert "Only" not in await _page(servicenow.url)
        assert "Only" not in await _page(console.url)


@pytest.mark.parametrize(
    ("sender", "headers"),
    [
        ("http://192.0.2.1:80", {}),
        ("{url}/path", {}),
        ("http://[", {}),
        ("{url}", {"X-Forwarded-For": "192.0.2.1"}),
    ],
)
async def test_sender_that_may_be_elsewhere_is_not_asked(sender: str, headers: dict[str, str]) -> None:
    """Neither at another address nor if its request came by way of a proxy."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    async with MockServiceNow(seed=1) as servicenow, _served(answer) as url, ClientSession() as http:
        mark = {MARK: f"1.1 {sender.format(url=url)}"}
        async with http.get(f"{servicenow.url}/api/now/table/incident", headers=mark | headers) as refused:
            assert refused.status == 401
        assert "No other party is known yet." in await _page(servicenow.url)
    assert asked == []


async def test_few_senders_are_asked() -> None:
    """The last ones that sent something; each once."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.host)
        return web.Response(status=404)

    async with AsyncExitStack() as stack:
        servicenow = await stack.enter_async_context(MockServiceNow(seed=1))
        http = await stack.enter_async_context(ClientSession())
        urls = [await stack.enter_async_context(_served(answer)) for _ in range(MOST_SENDERS + 1)]
        for url in [*urls, *urls[-2:]]:
            await http.get(f"{servicenow.url}/api/now/table/incident", headers={MARK: f"1.1 {url}"})
        await _page(servicenow.url)
    expected = [*urls[-1:-3:-1], *urls[-3:0:-1]]
    assert (f"http://{asked[0]}", sorted(f"http://{host}" for host in asked)) == (expected[0], sorted(expected))


async def test_several_addresses_are_asked_at_once() -> None:
    """So that silent ones let a page wait no longer than one does."""
    arrived, all_asked = list[str](), asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        arrived.append(request.host)
        if len(arrived) == MOST_TRIED:
            all_asked.set()
        if len(arrived) > 1:
            await all_asked.wait()
        return web.Response(status=404)

    async with AsyncExitStack() as stack:
        servicenow = await stack.enter_async_context(MockServiceNow(seed=1))
        for _ in range(MOST_TRIED):
            await _register(servicenow, await stack.enter_async_context(_served(answer)))
        html = await _page(servicenow.url)
        all_asked.set()
    assert (html.count("is none of the simulators"), len(arrived)) == (3, MOST_TRIED)


async def test_every_invalid_field_of_the_other_partys_fault_has_its_error() -> None:
    """As if it were the own party's."""
    async with (
        MockServiceNow(seed=1) as servicenow,
        ConsoleSim(servicenow=servicenow, seed=1),
        ClientSession(cookie_jar=CookieJar(unsafe=True)) as http,
    ):
        found = FORM_TOKEN.search(await _page(servicenow.url, "/faults"))
        assert found is not None
        form = {"cockpit_token": found[1], "party": "Console", "kind": "status", "skip": "abc", "status": "999"}
        async with http.post(f"{servicenow.url}/__cockpit/faults", data=form) as answer:
            html = await answer.text()
    assert re.findall(r'id="([\w-]+)"[^>]*aria-invalid="true"', html) == ["skip", "status"]


async def test_exchanges_are_in_order_while_time_stands_still() -> None:
    """Calls of the two parties in turn are listed in turn, so that they are not folded."""
    async with MockServiceNow(seed=1) as servicenow, ConsoleSim(servicenow=servicenow, seed=1) as console:
        for _ in range(3):
            for url in (
                f"{servicenow.url}/api/now/table/incident",
                f"{console.url}/Tms/services/api/v1/version/Current",
            ):
                async with ClientSession() as http, http.get(url):
                    """Leave it in the journal."""
        html = await _page(console.url)
    assert re.findall(r'<tr id="x-(\w+)-', html)[:6] == ["console", "servicenow"] * 3


async def _register(servicenow: MockServiceNow, address: str) -> None:
    pairs = json.dumps({"Endpoint Url": f"{address}/Tms/services/api/v1/approval/approve"})
    url = f"{servicenow.url}/api/now/table/x_thyti_thycotic_p_integration_configuration"
    login = {"Authorization": encode_basic_auth(*servicenow.auth)}
    async with ClientSession() as http, http.post(url, json={"instance_metadata": pairs}, headers=login) as answer:
        assert answer.status == 201


async def _forget_registrations(servicenow: MockServiceNow) -> None:
    url = f"{servicenow.url}/api/now/table/x_thyti_thycotic_p_integration_configuration"
    async with ClientSession(headers={"Authorization": encode_basic_auth(*servicenow.auth)}) as http:
        async with http.get(url) as answer:
            found = (await answer.json())["result"]
        for each in found:
            async with http.delete(f"{url}/{each['sys_id']}") as answer:
                assert answer.status == 204


@pytest.mark.parametrize("printed", ["{}", f'{{"x": {"[" * 20_000 + "]" * 20_000}}}'])
async def test_answer_of_another_shape_is_a_refusal(printed: str) -> None:
    """What is no exchange is no reason to fail; nor is one that is nested too deeply."""
    row = {"number": 1, "at": "2026-01-05T09:00:00Z", "direction": "in", "method": "GET", "url": "/"}
    row |= {
        "other_party": "x",
        "contract": "",
        "status": 200,
        "error": "",
        "fault": "",
        "verdict": "none",
        "findings": 0,
    }

    async def answer(request: web.Request) -> web.Response:
        hello = {"name": "ServiceNow", "version": "1", "now": "2026-01-05T09:00:00Z"}
        exchange = f'{{"row": {json.dumps(row)}, "printed": {printed}}}'
        return web.Response(text=exchange if "exchanges" in request.path else json.dumps(hello))

    async with _served(answer) as url, ConsoleSim(ConsoleSettings(servicenow_url=url), seed=1) as console:
        for page in ("exchanges/servicenow/1", "compare?x=servicenow-1&x=servicenow-1"):
            assert "answers what this version cannot read" in _text(await _page(console.url, f"/{page}"))


async def test_exchange_has_both_numbers_though_one_row_fits() -> None:
    """Each with the initials of its journal; the other party's row is found by the mark of the exchange."""
    async with MockServiceNow(seed=1) as servicenow, ConsoleSim(servicenow=servicenow, seed=1) as console:
        await _call(servicenow.url, "/faults", {"kind": "status", "status": 503, "method": "POST"})
        await _call(console.url, "/approval-requests", {"metadata": {"PolicyName": "Elevate installers"}})
        for path in ("?find=fault:*", "/sequence?find=fault:*"):
            pages = [_text(await _page(url, path)) for url in (servicenow.url, console.url)]
            [numbers] = {tuple(re.findall(r" C (\d+) in the journal of Console → SN (\d+) in", each)) for each in pages}
            assert len(numbers) == 1
        for marks in ("1", [1]):
            assert await _call(console.url, "/cockpit/marked", {"marks": marks}) == 400


async def _call(url: str, path: str, body: object) -> int:
    async with ClientSession() as http, http.post(f"{url}/__admin{path}", json=body) as answer:
        return answer.status


async def test_a_token_is_needed_where_the_other_party_has_one() -> None:
    """It is not guessed: the page says how to give it, and shows the other party once it is given."""
    async with MockServiceNow(Settings(admin_token=TOKEN), seed=1) as servicenow:
        async with ConsoleSim(servicenow=servicenow, seed=1) as console:
            html = await _page(console.url)
            assert f"The other party, {servicenow.url}, refuses the token of this cockpit, or its lack of one." in html
            assert "--servicenow-url" in html
        settings = ConsoleSettings(servicenow_url=servicenow.url, servicenow_admin_token=TOKEN)
        async with ConsoleSim(settings, servicenow=servicenow, seed=1) as console:
            assert " is shown." not in await _page(console.url)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://127.0.0.1:9", "no connection to 127.0.0.1:9"),
        ("{stranger}", "is none of the simulators"),
        ("{console}", "is Console itself"),
    ],
)
async def test_what_cannot_be_shown_is_said(stranger: str, address: str, reason: str) -> None:
    """An address that is down, another program's, or the party's own."""
    async with ConsoleSim(seed=1) as console:
        url = address.format(stranger=stranger, console=console.url)
        async with ConsoleSim(ConsoleSettings(servicenow_url=url), seed=1, port=0) as other:
            html = await _page(other.url)
    assert ("Only Console is shown." in html, reason in html) == (True, True)


async def test_an_address_elsewhere_is_not_asked() -> None:
    """Somebody else may have written the configuration, so only the option leads to another machine."""
    async with MockServiceNow(seed=1) as servicenow:
        await _register(servicenow, "http://192.0.2.1")
        assert "The other party, http://192.0.2.1, is on another machine." in await _page(servicenow.url)


async def test_who_imitates_the_other_party_is_not_called_so() -> None:
    """What somebody else posts in the console's place is not in the console's journal, and is said to be theirs."""
    async with MockServiceNow(seed=1) as servicenow, ConsoleSim(servicenow=servicenow, seed=1) as console:
        login = {"Authorization": encode_basic_auth(*servicenow.auth), "User-Agent": "PrivilegeManager/12"}
        url = f"{servicenow.url}/api/now/table/x_thyti_thycotic_p_request"
        async with ClientSession() as http, http.post(url, json={"request_id": "1"}, headers=login) as answer:
            assert answer.status == 403
        html = _text(await _page(console.url, "?find=table:request"))
        assert ("API client (as Console) → ServiceNow" in html, "Console → ServiceNow" in html) == (True, False)
