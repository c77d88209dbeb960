"""Webhooks that were made by hand post each new request to any endpoint."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import TestServer

from console_sim.settings import Settings
from privman_contracts.contracts import Contracts

from .conftest import REQUESTS, ConsoleUnderTest, StubServiceNow
from .on_file import console_on


@dataclass
class Receiver:
    """Any endpoint, which answers each message with ``status``."""

    url: str = ""
    status: int = 200
    messages: list[tuple[str, Any]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """Keep the message."""
        self.messages.append((request.headers.get("Authorization", ""), await request.json()))
        return web.Response(status=self.status)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """An endpoint that runs."""
    receiver = Receiver()
    app = web.Application()
    app.add_routes([web.post("/hook", receiver.answer)])
    async with TestServer(app) as server:
        receiver.url = str(server.make_url("/hook"))
        yield receiver


async def test_the_event_decides_what_a_webhook_posts(console: ConsoleUnderTest, receiver: Receiver) -> None:
    """With the generic event the set-up's webhook posts the message in place of the request, while it has it (I)."""
    name = (await console.admin("GET", "/webhooks"))["webhooks"][0]["name"]
    table = (await console.admin("GET", "/webhooks"))["webhooks"][0]["endpoint_url"]
    generic = {"webhook": name, "event": "System Approval Request Event", "endpoint_url": receiver.url}
    await console.admin("POST", "/webhook", generic)
    asked = await console.ask()
    told = "not sent: the event of its webhook is System Approval Request Event, not Approval Request Event"
    assert (asked["sent"], asked["last_error"]) == (False, told)
    assert [message["RequestId"] for _, message in receiver.messages] == [asked["request_id"]]
    assert console.servicenow.rows(REQUESTS) == []
    usual = {"webhook": name, "event": "Approval Request Event", "endpoint_url": table}
    await console.admin("POST", "/webhook", usual)
    assert (await console.request(asked["request_id"]))["sent"]


async def test_each_new_request_is_posted_once(console: ConsoleUnderTest, receiver: Receiver) -> None:
    """The message names event and request, and has the metadata; one who asks again is not told again."""
    await console.admin("POST", "/credentials", {"name": "chat", "account_name": "bot", "password": "word"})
    hook = {"name": "Chat", "endpoint_url": receiver.url, "credential": "chat"}
    assert (await console.admin("POST", "/webhooks", hook))["event"] == "System Approval Request Event"
    report = {"UserName": "Ada", "AgentName": "pc", "FilePath": "C:\\a.exe", "PolicyName": "Elevate installers"}
    asked = [await console.admin("POST", "/approval-requests", {"metadata": report}) for _ in range(2)]
    ((authorization, message),) = receiver.messages
    assert authorization == encode_basic_auth("bot", "word")
    assert message["Event"] == "System Approval Request Event"
    assert (message["RequestId"], message["RequestedAt"]) == (asked[0]["request_id"], "2026-01-05T09:00:00Z")
    assert {key: message["Metadata"][key] for key in report} == report
    assert Contracts.load().check_body("system-approval-request", json.dumps(message).encode()) == ()


async def test_a_manual_request_is_posted_too(fresh: ConsoleUnderTest, receiver: Receiver) -> None:
    """It needs no ServiceNow; the event can be the other one."""
    hook = {"name": "Chat", "endpoint_url": receiver.url, "event": "Approval Request Event"}
    await fresh.admin("POST", "/webhooks", hook)
    await fresh.ask()
    assert [message["Event"] for _, message in receiver.messages] == ["Approval Request Event"]


async def test_the_asker_learns_what_an_endpoint_decides_before_it_answers(fresh: ConsoleUnderTest) -> None:
    """The answer shows the request as it is then, after a start of the application, too."""

    async def decide(request: web.Request) -> web.Response:
        asked = (await request.json())["RequestId"]
        await fresh.admin("POST", f"/approval-requests/{asked}/decide", {"response": "Approve"})
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/hook", decide)])
    async with TestServer(app) as server:
        await fresh.admin("POST", "/webhooks", {"name": "Bot", "endpoint_url": str(server.make_url("/hook"))})
        assert (await fresh.ask())["state"] == "Approved"
        assert (await fresh.admin("POST", "/run", {"metadata": {}}))["state"] == "Approved"


async def test_a_slow_servicenow_delays_no_webhook(console: ConsoleUnderTest, silent: "Silent") -> None:
    """Each endpoint gets the requests in the order of asking, whichever ServiceNow answers first."""
    await hook(console, silent, "prompt")

    async def slow(stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
        await silent.released.wait()
        return await stub.work(request)

    console.servicenow.conditions.append(slow)
    first = asyncio.ensure_future(console.ask())
    async with asyncio.timeout(20):
        await silent.prompted.wait()
        second = await console.ask()
    silent.released.set()
    assert silent.of("/prompt") == [(await first)["request_id"], second["request_id"]]


async def test_disabled_it_posts_nothing(console: ConsoleUnderTest, receiver: Receiver) -> None:
    """Enabled off stops it."""
    await console.admin("POST", "/webhooks", {"name": "Chat", "endpoint_url": receiver.url, "enabled": False})
    await console.ask()
    assert receiver.messages == []


@pytest.mark.parametrize("broken", ["status", "address"])
async def test_an_endpoint_that_fails_stops_nothing(console: ConsoleUnderTest, receiver: Receiver, broken: str) -> None:
    """ServiceNow gets the request, the failure is a line of the server tasks, and nothing is tried again."""
    receiver.status = 503
    url = receiver.url if broken == "status" else "http://127.0.0.1:1/hook"
    await console.admin("POST", "/webhooks", {"name": "Chat", "endpoint_url": url})
    request = await console.ask()
    assert (request["sent"], request["last_error"]) == (True, "")
    await console.advance(3_600)
    assert len(receiver.messages) == (1 if broken == "status" else 0)
    async with console.session.get(f"{console.url}/admin/tasks") as answer:
        page = await answer.text()
    assert (f"{url} answers 503" if broken == "status" else "no connection") in page


@dataclass
class Silent:
    """Endpoints that answer only once they are released, but ``/prompt`` at once.

    Attributes:
        posts: path and ``RequestId`` of each message.
        waits: set when a message waits for its answer.
        prompted: set when ``/prompt`` has a message.
    """

    url: str = ""
    posts: list[tuple[str, str]] = field(default_factory=list)
    waits: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    prompted: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application(client_max_size=10 * 1024 * 1024)
        app.add_routes([web.post("/{name}", self.answer)])
        return app

    async def answer(self, request: web.Request) -> web.Response:
        """Keep what it is about, and wait."""
        self.posts.append((request.path, (await request.json())["RequestId"]))
        if request.path == "/prompt":
            self.prompted.set()
        else:
            self.waits.set()
            await self.released.wait()
        return web.Response()

    def of(self, path: str) -> list[str]:
        """Return the requests of which that endpoint was told."""
        return [request_id for told, request_id in self.posts if told == path]


@pytest.fixture
async def silent() -> AsyncIterator[Silent]:
    """Silent endpoints that run."""
    silent = Silent()
    async with TestServer(silent.app()) as server:
        silent.url = str(server.make_url("")).rstrip("/")
        yield silent
        silent.released.set()


async def hook(console: ConsoleUnderTest, silent: Silent, *names: str) -> None:
    """Make a webhook of each name."""
    for name in names:
        await console.admin("POST", "/webhooks", {"name": name, "endpoint_url": f"{silent.url}/{name}"})


async def tasks(console: ConsoleUnderTest) -> str:
    """Return the page of server tasks."""
    async with console.session.get(f"{console.url}/admin/tasks") as answer:
        return await answer.text()


async def ids(console: ConsoleUnderTest, number: int) -> list[str]:
    """Return the ids of the requests as soon as there are so many."""
    while len(asked := (await console.admin("GET", "/approval-requests"))["approval_requests"]) < number:
        pass
    return [each["request_id"] for each in asked]


@pytest.mark.long
async def test_whoever_asks_waits_five_seconds_for_all_webhooks(fresh: ConsoleUnderTest, silent: Silent) -> None:
    """What takes longer goes on in the background; the other endpoint was told before the answer, every time."""
    await hook(fresh, silent, "silent", "prompt")
    async with asyncio.timeout(20):
        asked = await fresh.ask()
        assert silent.of("/prompt") == [asked["request_id"]]
        again = await fresh.ask()
    assert silent.of("/prompt") == [asked["request_id"], again["request_id"]]
    assert silent.of("/silent") == [asked["request_id"]]
    silent.released.set()
    last = await fresh.ask()
    assert silent.of("/silent") == [asked["request_id"], again["request_id"], last["request_id"]]


@pytest.mark.long
async def test_many_silent_webhooks_hold_up_no_other_one(fresh: ConsoleUnderTest, silent: Silent) -> None:
    """At most 32 posts are under way; if others wait, each gives up its turn after five seconds."""
    async with AsyncExitStack() as servers:
        for number in range(10):
            other = Silent(waits=silent.waits, released=silent.released)
            server = await servers.enter_async_context(TestServer(other.app()))
            other.url = str(server.make_url("")).rstrip("/")
            await hook(fresh, other, *(f"{number}-{each}" for each in range(4)))
        await hook(fresh, silent, "prompt")
        asking = asyncio.ensure_future(fresh.ask())
        await silent.waits.wait()
        assert sum(each["direction"] == "out" for each in await fresh.journal()) == 32
        async with asyncio.timeout(20):
            await asking
            await silent.prompted.wait()
        silent.released.set()
    assert "given up after five seconds, because other posts were waiting" in await tasks(fresh)


@pytest.mark.long
async def test_waiting_posts_are_bounded(fresh: ConsoleUnderTest, silent: Silent) -> None:
    """While a hundred posts wait for a webhook, a further one fails at once."""
    await hook(fresh, silent, "silent")
    async with asyncio.timeout(30):
        await asyncio.gather(*(fresh.ask() for _ in range(102)))
    assert (await tasks(fresh)).count("not sent: 100 posts to this webhook are waiting") == 1
    assert len(silent.posts) == 1


@pytest.mark.long
@pytest.mark.parametrize("settings", [Settings(answer_seconds=600)], ids=["patient"])
async def test_a_post_that_waits_holds_no_request(fresh: ConsoleUnderTest, silent: Silent) -> None:
    """One that the console has dropped for lack of memory is not posted.

    The first post waits until that is so, however long the machine takes.
    """
    await hook(fresh, silent, "silent")
    asking = [asyncio.ensure_future(fresh.ask())]
    await silent.waits.wait()
    asking.append(asyncio.ensure_future(fresh.ask()))
    dropped = (await ids(fresh, 2))[1]
    await fresh.admin("POST", f"/approval-requests/{dropped}/decide", {"response": "Approve"})
    await fresh.admin("POST", "/webhook", {"webhook": "silent", "enabled": False})
    for _ in range(40):
        large = (await fresh.ask(FilePath="x" * 900_000))["request_id"]
        await fresh.admin("POST", f"/approval-requests/{large}/decide", {"response": "Approve"})
    await fresh.admin("POST", "/webhook", {"webhook": "silent", "enabled": True})
    silent.released.set()
    await asyncio.gather(*asking)
    assert dropped not in silent.of("/silent")
    assert "not sent: the console has dropped the request meanwhile" in await tasks(fresh)


async def test_a_disabled_webhook_gets_nothing_that_waited(fresh: ConsoleUnderTest, silent: Silent) -> None:
    """Only what was under way when Enabled was taken off."""
    await hook(fresh, silent, "silent")
    first = asyncio.ensure_future(fresh.ask())
    await silent.waits.wait()
    second = asyncio.ensure_future(fresh.ask())
    await ids(fresh, 2)
    await fresh.admin("POST", "/webhook", {"webhook": "silent", "enabled": False})
    silent.released.set()
    await asyncio.gather(first, second)
    assert len(silent.posts) == 1


@pytest.mark.long
async def test_posts_end_with_the_console(file: Path, servicenow: StubServiceNow, silent: Silent) -> None:
    """What goes on in the background, or waits, leaves nothing behind."""
    async with console_on(file, servicenow) as console:
        await hook(console, silent, "silent")
        before = asyncio.all_tasks()
        await asyncio.gather(console.ask(), console.ask())
    left = {str(task.get_coro()) for task in asyncio.all_tasks() - before}
    assert not [each for each in left if "Messenger" in each or "ServerTask" in each]
    silent.released.set()
    assert len(silent.posts) == 1


async def test_what_the_asker_does_not_wait_for_is_not_posted_again(console: ConsoleUnderTest) -> None:
    """A hanging endpoint holds up no other one, and one whose asker leaves is not tried later."""
    reached = {"/hang": asyncio.Event(), "/other": asyncio.Event()}
    posts: list[str] = []

    async def hook(request: web.Request) -> web.Response:
        posts.append(request.path)
        reached[request.path].set()
        if request.path == "/hang":
            await asyncio.Event().wait()
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/{name}", hook)])
    async with TestServer(app) as server:
        for name in ("hang", "other"):
            url = str(server.make_url(f"/{name}"))
            await console.admin("POST", "/webhooks", {"name": name, "endpoint_url": url})
        asking = asyncio.create_task(console.ask())
        await asyncio.gather(*(event.wait() for event in reached.values()))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await console.advance(3_600)
    assert sorted(posts) == ["/hang", "/other"]


async def test_webhooks_that_exchange_their_names_get_each_request_once(fresh: ConsoleUnderTest) -> None:
    """Even if one of them waits for another post meanwhile."""
    posts: list[tuple[str, str]] = []
    turns = {"/a": asyncio.Semaphore(0), "/b": asyncio.Semaphore(0)}

    async def answer(request: web.Request) -> web.Response:
        posts.append((request.path, (await request.json())["RequestId"]))
        await turns[request.path].acquire()
        return web.Response()

    async def posted(number: int) -> None:
        async with asyncio.timeout(10):
            while len(posts) < number:
                await fresh.journal()

    app = web.Application()
    app.add_routes([web.post("/{name}", answer)])
    async with TestServer(app) as server:
        for name in ("a", "b"):
            url = str(server.make_url(f"/{name}"))
            await fresh.admin("POST", "/webhooks", {"name": name, "endpoint_url": url})
        asking = [asyncio.ensure_future(fresh.ask())]
        await posted(2)
        asking.append(asyncio.ensure_future(fresh.ask()))
        await ids(fresh, 2)
        turns["/a"].release()
        await posted(3)
        for before, after in (("a", "c"), ("b", "a"), ("c", "b")):
            await fresh.admin("POST", "/webhook", {"webhook": before, "name": after})
        turns["/b"].release()
        await posted(4)
        turns["/a"].release()
        turns["/b"].release()
        first, second = [each["request_id"] for each in await asyncio.gather(*asking)]
    assert sorted(posts) == sorted((path, each) for path in turns for each in (first, second))
