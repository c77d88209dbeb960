"""A reset while something waits for ServiceNow's answer: nothing from before it is there afterwards."""

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from console_sim.ui.console_gate import COOKIE

from .conftest import BUSY, ConsoleUnderTest, StubServiceNow, statuses
from .on_file import console_on
from .slow_calls import REPORT, SLOW_CALLS, posting

TOLD = "the console was reset meanwhile, so nothing of this is kept; do it again"


class Silence:
    """A ServiceNow that does what it is asked only when it is let."""

    def __init__(self, servicenow: StubServiceNow, most: int = 9) -> None:
        self._servicenow = servicenow
        self._most = most
        self._go_on = asyncio.Event()

    async def begins(self, waiting: asyncio.Future[Any]) -> None:
        """Be silent from the next request on, and return when that is there; what waits for it has no answer."""
        self._servicenow.asked.clear()
        self._servicenow.conditions.extend([self._slow] * self._most)
        asked = asyncio.ensure_future(self._servicenow.asked.wait())
        await asyncio.wait({asked, waiting}, return_when=asyncio.FIRST_COMPLETED)
        assert not waiting.done(), waiting.result()

    def ends(self) -> None:
        """Answer what was asked, and what will be."""
        self._servicenow.conditions.clear()
        self._go_on.set()

    async def _slow(self, stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
        await self._go_on.wait()
        return await stub.work(request)


async def prepared(console: ConsoleUnderTest, *, retried: bool) -> str:
    """Set the console up and return a request that waits, perhaps for being sent again."""
    await console.set_up()
    if retried:
        console.servicenow.conditions.append(BUSY)
    return str((await console.ask(UserName="Ada"))["request_id"])


async def state(console: ConsoleUnderTest) -> list[Any]:
    """Return what a console shows that has nothing: lists of the control plane, and pages."""
    paths = ("/approval-requests", "/foreign-systems", "/webhooks", "/api-users", "/policies", "/approval-processes")
    shown = [await console.admin("GET", path) for path in paths]
    for page in ("/", "/manage-approvals/history", "/admin/tasks", "/__cockpit/deliveries", "/__cockpit/approvals"):
        async with console.session.get(f"{console.url}{page}") as answer:
            html = await answer.text()
            shown.append(html[html.index("<main") : html.index("</main>")])
    return [*shown, await console.journal()]


@pytest.mark.long
@pytest.mark.parametrize("name", SLOW_CALLS)
async def test_nothing_comes_back(file: Path, servicenow: StubServiceNow, name: str) -> None:
    """Whoever waits is told of the reset; the console is as a new one, and so is its file."""
    async with console_on(file.with_name("new.db"), servicenow) as console:
        empty = await state(console)
    async with console_on(file, servicenow) as console:
        silence, request_id = Silence(servicenow), await prepared(console, retried=name == "restart")
        waiting = asyncio.ensure_future(SLOW_CALLS[name](console, [request_id]))
        await silence.begins(waiting)
        await console.admin("POST", "/reset")
        answered = await waiting
        silence.ends()
        assert answered == (409, {"error": TOLD})
        assert await state(console) == empty
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT kind, key FROM document").fetchall() == []


@pytest.mark.long
@pytest.mark.parametrize("name", SLOW_CALLS)
async def test_the_next_life_is_its_own(console: ConsoleUnderTest, name: str) -> None:
    """With one seed the next request has the same id and time; what became of its namesake is nothing to it."""
    silence, request_id = Silence(console.servicenow), await prepared(console, retried=name == "restart")
    waiting = asyncio.ensure_future(SLOW_CALLS[name](console, [request_id]))
    await silence.begins(waiting)
    await console.admin("POST", "/reset")
    silence.ends()
    console.servicenow.conditions.clear()
    again = await prepared(console, retried=True)
    assert (await waiting)[0] == 409
    assert again == request_id
    request = await console.request(again)
    assert (request["sent"], request["attempts"], request["state"]) == (False, 1, "Pending")
    await console.advance(60)
    assert (await console.request(again))["sent"]


async def test_a_retry_that_is_under_way_ends(console: ConsoleUnderTest) -> None:
    """An attempt that no caller waits for writes nothing either, and is not repeated."""
    silence = Silence(console.servicenow)
    await prepared(console, retried=True)
    advancing = asyncio.ensure_future(console.advance(60))
    await silence.begins(advancing)
    await console.admin("POST", "/reset")
    silence.ends()
    await advancing
    calls = len(console.servicenow.calls)
    await console.advance(86_400)
    assert len(console.servicenow.calls) == calls
    assert await console.admin("GET", "/approval-requests") == {"approval_requests": []}


async def test_what_a_new_process_resumes_ends(file: Path, servicenow: StubServiceNow) -> None:
    """What the process before left undone is not done after a reset, and nobody is told of it."""
    async with console_on(file, servicenow) as console:
        await prepared(console, retried=True)
    silence = Silence(servicenow)
    beginning = asyncio.ensure_future(silence.begins(asyncio.get_running_loop().create_future()))
    await asyncio.sleep(0)
    async with console_on(file, servicenow) as console:
        await beginning
        await console.admin("POST", "/reset")
        silence.ends()
        calls = len(servicenow.calls)
        await console.advance(86_400)
        assert len(servicenow.calls) == calls
        assert await console.admin("GET", "/findings") == {"findings": []}
        assert await console.journal() == []


async def test_whoever_waits_for_an_attempt_of_others_is_told_too(console: ConsoleUnderTest) -> None:
    """Two saves of one foreign system take turns; the reset ends both."""
    silence = Silence(console.servicenow)
    save = posting("/foreign-system", post_uri="https://pm.example/approve")
    saving = [asyncio.ensure_future(save(console, [])) for _ in range(2)]
    await silence.begins(saving[0])
    await console.admin("GET", "/foreign-system")  # so that the second is there, too
    await console.admin("POST", "/reset")
    silence.ends()
    assert await asyncio.gather(*saving) == [(409, {"error": TOLD})] * 2


async def test_webhook_of_any_endpoint(console: ConsoleUnderTest) -> None:
    """A request of which another endpoint is being told is gone like any other."""
    url = f"{console.servicenow.url}/api/now/table/elsewhere"
    await console.admin("POST", "/webhooks", {"name": "Elsewhere", "endpoint_url": url})
    silence = Silence(console.servicenow)
    asking = asyncio.ensure_future(console.call("POST", "/__admin/approval-requests", {"metadata": REPORT}))
    await silence.begins(asking)
    while "elsewhere" not in [path for _, path, _ in console.servicenow.calls]:
        await asyncio.sleep(0)
    await console.admin("POST", "/reset")
    silence.ends()
    assert await asking == (409, {"error": TOLD})


@pytest.mark.long
@pytest.mark.parametrize("count", [5, 20, 60])
async def test_a_reset_frees_all_connections(console: ConsoleUnderTest, count: int) -> None:
    """However many requests were being sent or waited for a connection, the next set-up and request are served."""
    silence = Silence(console.servicenow, count)
    asking = [posting("/approval-requests", metadata={**REPORT, "FilePath": f"/{number}"}) for number in range(count)]
    asks = [asyncio.ensure_future(ask(console, [])) for ask in asking]
    await silence.begins(asks[0])
    await console.admin("POST", "/reset")
    silence.ends()
    await asyncio.wait(asks)
    async with asyncio.timeout(30):
        assert statuses(await console.set_up()) == {}
        assert (await console.ask())["sent"]


async def test_a_reset_frees_all_posts(console: ConsoleUnderTest) -> None:
    """However many webhooks made by hand were being served, so are later ones; no earlier task is left."""
    silence, elsewhere = Silence(console.servicenow, 200), f"{console.servicenow.url}/api/now/table/elsewhere"
    await console.admin("POST", "/policies", {"name": "Manual"})
    for number in range(110):
        await console.admin("POST", "/webhooks", {"name": f"Hook {number}", "endpoint_url": elsewhere})
    asking = asyncio.ensure_future(
        posting("/approval-requests", metadata={**REPORT, "PolicyName": "Manual"})(console, [])
    )
    await silence.begins(asking)
    await console.admin("POST", "/reset")
    silence.ends()
    await asyncio.wait([asking])
    await console.admin("POST", "/policies", {"name": "Manual"})
    await console.admin("POST", "/webhooks", {"name": "Later", "endpoint_url": elsewhere})
    console.servicenow.calls.clear()
    async with asyncio.timeout(30):
        await console.ask(PolicyName="Manual")
    assert [path for _, path, _ in console.servicenow.calls] == ["elsewhere"]
    async with console.session.get(f"{console.url}/admin/tasks") as page:
        assert "Hook " not in await page.text()


async def test_pages_tell_of_the_reset(console: ConsoleUnderTest) -> None:
    """A person whose form waits reads it, with the status of a conflict."""
    silence, url = Silence(console.servicenow), f"{console.url}/endpoint"
    async with console.session.get(url) as form:
        hidden = re.findall('type="hidden" name="([^"]+)" value="([^"]+)"', await form.text())
        cookie = form.cookies[COOKIE].value
    filled = {**dict(hidden), **REPORT, "PolicyName": "Elevate installers", "PolicyId": "", "UserReason": "tests"}
    sending = asyncio.ensure_future(console.session.post(url, data=filled, headers={"Cookie": f"{COOKIE}={cookie}"}))
    await silence.begins(sending)
    await console.admin("POST", "/reset")
    silence.ends()
    async with await sending as page:
        assert (page.status, TOLD[1:] in await page.text()) == (409, True)


@pytest.mark.parametrize("on_file", [False, True])
async def test_a_snapshot_keeps_what_waits(
    on_file: bool,  # noqa: FBT001 - where the console keeps its state
    console: ConsoleUnderTest,
    tmp_path: Path,
) -> None:
    """A restored console shows what it showed, still masks its logins, and sends what waited, as after a restart."""
    if not on_file:
        await _restored(console)
        return
    async with console_on(tmp_path / "console.db", console.servicenow) as filed:
        await _restored(filed)


async def _restored(console: ConsoleUnderTest) -> None:
    request_id = await prepared(console, retried=True)
    await console.admin("POST", "/snapshots", {"name": "waiting"})
    for _ in range(2):
        await console.admin("POST", "/reset")
        console.servicenow.calls.clear()
        await console.admin("POST", "/snapshots/waiting/restore")
        assert [
            each["request_id"] for each in (await console.admin("GET", "/approval-requests"))["approval_requests"]
        ] == [request_id]
        await console.clock.advance(0)
        assert request_id in str(console.servicenow.calls)
        assert console.servicenow.password not in str(await console.admin("GET", "/requests"))
