"""Webhooks that were made by hand post each new request to any endpoint (integration 7)."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import TestServer

from privman_contracts.contracts import Contracts

from .conftest import ConsoleUnderTest


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
