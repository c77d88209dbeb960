"""The stream that keeps an open page of the cockpit live."""

from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, ClientTimeout, web

from privman_core.cockpit.live_events import MOST_STREAMS, LiveEvents
from privman_core.cockpit.parties import Parties
from privman_core.cockpit.party_facts import Marks
from privman_core.cockpit.shown_party import PartyError
from privman_core.serving import serving

from .conftest import TOKEN, Party


async def _event(stream: ClientResponse) -> str:
    """Return the data of the next event."""
    while True:
        line = (await stream.content.readline()).decode()
        assert line, "the stream has ended"
        if line.startswith("data: "):
            return line.removeprefix("data: ").strip()


async def test_stream_tells_of_every_change(party: Party) -> None:
    """Of the journal, the faults and virtual time; what only passes real time comes with a beat."""
    async with ClientSession() as http, http.get(f"{party.url}/__cockpit/events") as stream:
        assert (stream.status, stream.content_type) == (200, "text/event-stream")
        before = party.clock.now()
        await party.call("GET", "/x")
        assert await _event(stream) == "changed"
        await party.call("POST", "/__admin/faults", json={"kind": "status"})
        assert await _event(stream) == "changed"
        assert (party.clock.now(), party.clock.next_due) == (before, None)
        await party.clock.advance(1)
        assert await _event(stream) == "changed"
        await party.call("DELETE", "/__admin/requests")
        assert await _event(stream) == "changed"
        assert [each.url for each in party.journal.kept()] == []


class Unchanging:
    """A party to which nothing happens, beside another one."""

    name, url = "Echo", ""

    def __init__(self, other: Any) -> None:
        self._other = other
        self.own: Any = self

    async def find(self) -> Parties:
        """Return both."""
        return Parties([self.own, self._other], [])

    async def marks(self) -> Marks:
        """Return the same as ever."""
        return Marks(0, 0, "")


class Silent:
    """A party that never answers."""

    name = "Other"

    async def marks(self) -> Marks:
        """Raise PartyError."""
        raise PartyError("no answer")


class Changing(Silent):
    """A party that has another exchange whenever somebody looks."""

    looks = 0

    async def marks(self) -> Marks:
        """Return other marks than before."""
        self.looks += 1
        return Marks(self.looks, 0, "")


@pytest.mark.parametrize(("other", "event"), [(Silent(), "beat"), (Changing(), "changed")])
async def test_stream_looks_at_the_other_party(other: Silent, event: str) -> None:
    """If it never answers, a beat shows what only the passing of real time has changed, and finds closed pages."""
    app, events = web.Application(), LiveEvents(Unchanging(other), lambda _request: True, look_seconds=0)
    app.router.add_get("/events", events.stream)
    app.on_shutdown.append(events.close)
    async with serving(app) as url, ClientSession() as http, http.get(f"{url}/events") as stream:
        assert await _event(stream) == event


async def test_streams_are_bounded(party: Party) -> None:
    """One more than there may be takes the place of the oldest, so that nobody keeps others out."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(ClientSession())
        streams = [
            await stack.enter_async_context(http.get(f"{party.url}/__cockpit/events")) for _ in range(MOST_STREAMS)
        ]
        newest = await stack.enter_async_context(http.get(f"{party.url}/__cockpit/events"))
        assert (await streams[0].read()).startswith(b"retry: ")
        await party.call("GET", "/x")
        assert [await _event(stream) for stream in (streams[1], newest)] == ["changed"] * 2


async def test_stream_is_for_those_who_may_see_the_cockpit(guarded_party: Party) -> None:
    """Others get 403."""
    assert (await guarded_party.call("GET", "/__cockpit/events"))[0] == 403
    headers = {"X-Admin-Token": TOKEN}
    async with ClientSession() as http, http.get(f"{guarded_party.url}/__cockpit/events", headers=headers) as stream:
        assert stream.status == 200


async def test_stream_that_begins_after_the_end_ends_at_once() -> None:
    """A browser may connect again while the server stops."""
    app, events = web.Application(), LiveEvents(Unchanging(Silent()), lambda _request: True)
    app.router.add_get("/events", events.stream)
    async with serving(app) as url, ClientSession(timeout=ClientTimeout(10)) as http:
        await events.close(app)
        async with http.get(f"{url}/events") as stream:
            assert (await stream.read()).startswith(b"retry: ")


async def test_stream_ends_with_the_server(party: Party) -> None:
    """A server that stops ends its streams properly."""
    other = Party()
    async with ClientSession() as http:
        async with serving(other.app()) as url:
            stream = await http.get(f"{url}/__cockpit/events")
            assert stream.status == 200
        assert (await stream.read()).startswith(b"retry: ")
    await other.caller.aclose()
    await other.clock.aclose()
    assert party.handled == 0
