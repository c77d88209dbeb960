"""The stream that keeps an open page of the cockpit live."""

from contextlib import AsyncExitStack

from aiohttp import ClientResponse, ClientSession

from privman_core.cockpit.live_events import MOST_STREAMS
from privman_core.serving import serving

from .conftest import TOKEN, Party


async def _event(stream: ClientResponse) -> str:
    """Return the data of the next event."""
    while True:
        line = (await stream.content.readline()).decode()
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


async def test_streams_are_bounded(party: Party) -> None:
    """One more than there may be is refused; one that ends makes room."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(ClientSession())
        streams = [
            await stack.enter_async_context(http.get(f"{party.url}/__cockpit/events")) for _ in range(MOST_STREAMS)
        ]
        async with http.get(f"{party.url}/__cockpit/events") as refused:
            assert (refused.status, "24 pages are open" in await refused.text()) == (503, True)
        streams[0].close()
        status = 503
        while status == 503:
            async with http.get(f"{party.url}/__cockpit/events") as admitted:
                status = admitted.status
        assert status == 200


async def test_stream_is_for_those_who_may_see_the_cockpit(guarded_party: Party) -> None:
    """Others get 403."""
    assert (await guarded_party.call("GET", "/__cockpit/events"))[0] == 403
    headers = {"X-Admin-Token": TOKEN}
    async with ClientSession() as http, http.get(f"{guarded_party.url}/__cockpit/events", headers=headers) as stream:
        assert stream.status == 200


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
