"""What a tester does with exchanges of both fakes, on either's cockpit."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, CookieJar, web

from console_sim import ConsoleSim
from mock_servicenow import MockServiceNow
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.verbs import vocabulary

from .both_fakes import BothFakes, both_fakes

if TYPE_CHECKING:
    from tests.browser import Chromium

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def fakes() -> AsyncIterator[BothFakes]:
    """Serve both; a decision has been delivered."""
    clock = VirtualClock()
    async with both_fakes(clock, clock) as served:
        await served.set_up()
        await served.ask_and_approve()
        yield served


async def _last(fakes: BothFakes, url: str) -> dict[str, Any]:
    """Return the newest exchange in the journal of a party."""
    return dict((await fakes.control(url, "GET", "/requests?last=1"))["requests"][-1])


async def _delivery(fakes: BothFakes) -> str:
    """Return the address of the page of the decision's delivery, in the journal of ServiceNow."""
    kept = (await fakes.control(fakes.servicenow, "GET", "/requests"))["requests"]
    number = next(each["number"] for each in kept if each["direction"] == "out" and "approve" in each["url"])
    return f"/exchanges/servicenow/{number}"


async def test_halves_of_an_exchange_lead_to_each_other(fakes: BothFakes) -> None:
    """Also of a request that ServiceNow refuses, of which only the console knows the RequestId."""
    page = await _delivery(fakes)
    other = re.search(
        r'id="other" href="/__cockpit(/exchanges/console/\d+)">', await fakes.look(fakes.servicenow, page)
    )
    assert other is not None
    assert f'id="other" href="/__cockpit{page}"' in await fakes.look(fakes.console, other[1])
    await fakes.control(fakes.servicenow, "POST", "/faults", {"kind": "status", "status": 403, "path": "*_request"})
    request_id = await fakes.ask()
    refused = await _last(fakes, fakes.servicenow)
    html = await fakes.look(fakes.servicenow, f"/exchanges/servicenow/{refused['number']}")
    assert (refused["status"], f'href="/__cockpit/requests/{request_id}"' in html) == (403, True)


async def test_request_id_leads_to_the_page_of_the_request_which_saves_it(fakes: BothFakes) -> None:
    """The journal has that link beside the search; the page saves the exchanges of the request."""
    journal = await fakes.look(fakes.servicenow)
    page = re.search(r'href="/__cockpit(/requests/[\w-]+)" aria-label="Page of request \w{8}">page</a>', journal)
    assert page is not None
    html = await fakes.look(fakes.servicenow, page[1])
    for address in ("", "/exchanges.har"):
        link = re.search(rf'href="/__cockpit(/selection{address}\?find=request:[\w-]+)"', html)
        assert link is not None
        assert "Approve" in await fakes.look(fakes.servicenow, link[1])


async def test_selection_says_what_the_scenario_leaves_out(fakes: BothFakes) -> None:
    """Before it is downloaded."""
    async with fakes.http.post(f"{fakes.console}/endpoint", data={}):
        pass
    html = await fakes.look(fakes.console, "/selection?find=")
    assert "<li>Left out: a form that a browser posted (POST /endpoint), of which" in html


async def test_refusal_that_keeps_its_contract_is_no_success(fakes: BothFakes) -> None:
    """Its notice is not green."""
    with pytest.raises(AssertionError):
        await fakes.approve()  # a decision is final
    last = await _last(fakes, fakes.servicenow)
    html = await fakes.look(fakes.servicenow, f"/exchanges/servicenow/{last['number']}")
    assert (last["status"], "It kept its contract." in html) == (403, True)
    assert '<p class="notice" id="summary">' in html
    assert '<p class="notice good" id="summary">' in await fakes.look(fakes.servicenow, await _delivery(fakes))


async def test_sent_request_is_replayed_by_its_sender(fakes: BothFakes) -> None:
    """The console's cockpit lets ServiceNow deliver again; the token, which no browser has seen, goes along."""
    page = await _delivery(fakes)
    before = await fakes.control(fakes.servicenow, "GET", f"/cockpit{page.replace('/servicenow', '')}")
    status, html = await fakes.post(fakes.console, f"{page}/replay", {})
    sent, received = await _last(fakes, fakes.servicenow), await _last(fakes, fakes.console)
    assert (status, f"Exchange {before['row']['number']} replayed." in html) == (200, True)
    assert (sent["direction"], sent["status"], sent["url"]) == ("out", 200, before["printed"]["url"])
    assert (received["direction"], received["status"]) == ("in", 200)
    assert dict(received["request"]["headers"])["Authorization"] == "Bearer ***"


async def test_edited_delivery_is_answered_by_the_console(fakes: BothFakes) -> None:
    """The console refuses another decision, as it does any."""
    page = await _delivery(fakes)
    html = await fakes.look(fakes.servicenow, f"{page}/edit")
    values = {
        name: unescape(text)
        for name, text in re.findall(r'<textarea id="(\w+)"[^>]*>\n(.*?)</textarea>', html, re.DOTALL)
    }
    path = re.search(r'name="path" value="([^"]*)"', html)
    assert path is not None
    values |= {"method": "POST", "path": path[1], "body": values["body"].replace("Approve", "Deny")}
    status, _ = await fakes.post(fakes.servicenow, f"{page}/edit", values)
    assert (status, (await _last(fakes, fakes.console))["status"]) == (200, 409)


@pytest.mark.parametrize("console", ["http://127.0.0.1:9", ""], ids=["down", "a stranger"])
async def test_replay_goes_to_the_console_whatever_is_configured_since(fakes: BothFakes, console: str) -> None:
    """The console still answers at the address that the request was sent to; the new one is only asked who it is."""
    heard: list[str] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.Response()

    app, page = web.Application(), await _delivery(fakes)
    app.add_routes([web.route("*", "/{path:.*}", hear)])
    async with serving(app, "127.0.0.1", 0) as stranger:
        address = f"{console or stranger}/Tms/services/api/v1/approval/approve"
        await fakes.control(fakes.console, "POST", "/foreign-system", {"post_uri": address})
        status, html = await fakes.post(fakes.servicenow, f"{page}/replay", {})
        assert (status, "replayed." in html) == (200, True)
        assert set(heard) <= {"/__admin/cockpit"}


async def test_replay_needs_the_other_party() -> None:
    """It says that the console is down, in place of an exchange; nothing is sent."""
    async with MockServiceNow(seed=1) as servicenow, ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        async with ConsoleSim(servicenow=servicenow, seed=1) as console:
            fakes = BothFakes(servicenow.url, console.url, http)
            await fakes.ask_and_approve()
        page, before = await _delivery(fakes), await _last(fakes, servicenow.url)
        status, html = await fakes.post(servicenow.url, f"{page}/replay", {})
        assert (status, "Not replayed" in html, fakes.console in html) == (409, True, True)
        assert await _last(fakes, servicenow.url) == before


async def test_request_to_anybody_else_is_not_replayed(fakes: BothFakes) -> None:
    """A webhook that was made by hand posts anywhere; the cockpit does not."""
    heard: list[str] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/hook", hear)])
    async with serving(app, "127.0.0.1", 0) as stranger:
        hook = {"name": "Elsewhere", "endpoint_url": f"{stranger}/hook", "event": "System Approval Request Event"}
        await fakes.control(fakes.console, "POST", "/webhooks", hook)
        await fakes.control(fakes.console, "POST", "/approval-requests", {"metadata": {"FilePath": "C:\\two.exe"}})
        kept = (await fakes.control(fakes.console, "GET", "/requests"))["requests"]
        number = next(each["number"] for each in kept if each["url"] == f"{stranger}/hook")
        status, html = await fakes.post(fakes.console, f"/exchanges/console/{number}/replay", {})
        assert (status, f"It was sent to {stranger}, and the other party is" in html) == (409, True)
        assert heard == ["/hook"]


async def test_another_name_of_this_machine_is_another_address(fakes: BothFakes) -> None:
    """Another program may listen there, and would get the credentials."""
    page, other = await _delivery(fakes), fakes.console.replace("127.0.0.1", "localhost")
    address = f"{other}/Tms/services/api/v1/approval/approve"
    await fakes.control(fakes.console, "POST", "/foreign-system", {"post_uri": address})
    before = await _last(fakes, fakes.servicenow)
    status, html = await fakes.post(fakes.servicenow, f"{page}/replay", {})
    assert (status, f"It was sent to {fakes.console}, and the other party is {other}." in html) == (409, True)
    assert await _last(fakes, fakes.servicenow) == before


async def test_sent_request_does_not_pass_for_a_persons(fakes: BothFakes) -> None:
    """Its User-Agent is the product's, also if the form has another one: the console trusts tools on its machine."""
    page = await _delivery(fakes)
    values = {"method": "GET", "path": "/admin/users", "headers": "User-Agent: curl/8", "body": ""}
    status, html = await fakes.post(fakes.servicenow, f"{page}/edit", values)
    assert (status, "User-Agent says who sends a request" in html) == (400, True)
    again = {"method": "POST", "path": "/Tms/services/api/v1/approval/approve", "headers": "X-A: b", "body": "{}"}
    status, _ = await fakes.post(fakes.servicenow, f"{page}/edit", again)
    received = await _last(fakes, fakes.console)
    assert (status, dict(received["request"]["headers"])["User-Agent"][:11]) == (200, "ServiceNow/")


async def test_page_that_is_not_journaled_has_no_exchange(fakes: BothFakes) -> None:
    """The form says what the answer was."""
    kept = (await fakes.control(fakes.servicenow, "GET", "/requests"))["requests"]
    number = next(each["number"] for each in kept if each["direction"] == "in")
    values = {"method": "GET", "path": "/login.do", "headers": "", "body": ""}
    status, html = await fakes.post(fakes.servicenow, f"/exchanges/servicenow/{number}/edit", values)
    assert (status, "The answer was 200, but the journal records no page that is only looked at." in html) == (
        400,
        True,
    )


@pytest.mark.long
async def test_tester_acts_on_an_exchange(fakes: BothFakes, chromium: "Chromium", tmp_path: Path) -> None:
    """With the keyboard: replay, compare with the original, edit with a mistake; save; arm the failure; copy."""
    from tests.browser import complaints, expect, misfits  # noqa: PLC0415 - skips where there is no browser

    await fakes.control(fakes.console, "POST", "/faults", {"kind": "status", "status": 503, "path": "*/approve"})
    page_of = await _delivery(fakes)
    options = {"permissions": ["clipboard-read", "clipboard-write"]}
    async with chromium.page(fakes.servicenow, **options) as page:
        await page.goto(f"/__cockpit{page_of}")
        assert await complaints(page) == []
        await page.locator("#replay").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("replayed.")).to_be_visible()
        await page.locator("#original").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("cell", name="503")).to_be_visible()
        await page.locator("#everything").press("Enter")
        await expect(page.get_by_text("same").first).to_be_visible()
        await page.go_back()
        await page.go_back()
        await page.locator("#arm summary").press("Enter")
        await page.get_by_role("button", name="Continue to the faults").press("Enter")
        await expect(page.locator("#status")).to_have_value("503")
        await expect(page.locator("#path")).to_have_value("/Tms/services/api/v1/approval/approve")
        await page.go_back()
        await page.locator("#copy summary").press("Enter")
        await page.locator('[data-copy="copy.curl"]').press("Enter")
        await expect(page.locator('[data-copy="copy.curl"]')).to_have_text("Copied")
        assert (await page.evaluate("navigator.clipboard.readText()")).startswith("curl --globoff")
        await page.locator("#edit").press("Enter")
        await page.get_by_label("Path and query").fill("/__admin/reset")
        await page.get_by_role("button", name="Replay", exact=True).press("Enter")
        await expect(page.locator("#path")).to_have_attribute("aria-invalid", "true")
        assert await complaints(page) == []
        await page.get_by_label("Path and query").fill("/Tms/services/api/v1/approval/approve")
        await page.get_by_role("button", name="Replay", exact=True).press("Enter")
        await expect(page.get_by_text("replayed.")).to_be_visible()
        await page.locator("#save").press("Enter")
        async with page.expect_download() as downloading:
            await page.locator("#yaml").press("Enter")
        await (await downloading.value).save_as(tmp_path / "saved.yaml")
        Loader(vocabulary()).parse((tmp_path / "saved.yaml").read_text(encoding="utf-8"), "saved.yaml")
        paths = [page_of, f"{page_of}/edit", "/compare", "/selection", "/selection?find=method:PATCH",
                 "/compare?x=servicenow-1&x=console-1"]  # fmt: skip
        assert await misfits(page, [f"/__cockpit{path}" for path in paths]) == []


@pytest.mark.long
async def test_everything_works_without_script(fakes: BothFakes, chromium: "Chromium") -> None:
    """The texts are on the page; only the buttons that copy are not."""
    async with chromium.page(fakes.servicenow, java_script_enabled=False) as page:
        await page.goto(f"/__cockpit{await _delivery(fakes)}")
        await page.locator("#copy summary").click()
        assert "curl --globoff" in await page.locator('[id="copy.curl"]').inner_text()
        assert await page.locator("[data-copy]:visible").count() == 0
        await page.locator("#replay").click()
        assert "replayed." in await page.content()
