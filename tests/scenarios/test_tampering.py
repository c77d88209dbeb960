"""What a mutant does to a message on its way, seen from both ends of it."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, web

from privman_core.serving import serving
from privman_scenarios.analysis.message_changes import MessageSide, changes
from privman_scenarios.analysis.message_filter import MessageFilter
from privman_scenarios.analysis.mutants import Mutant, Proxy, Tampering

BODY: dict[str, Any] = {"name": "<Ünï>", "items": [{"n": 1}, {"n": 2}], "text": '{"n":1}', "note": "no JSON"}
Lines = list[tuple[str, str]]


class Echo:
    """A party that answers what it is asked, and remembers it.

    Attributes:
        heard: method and address of each request.
    """

    def __init__(self) -> None:
        self.heard: Lines = []

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.echo)
        return app

    async def echo(self, request: web.Request) -> web.Response:
        """Answer the body that came, or nothing at all to DELETE."""
        self.heard.append((request.method, request.path_qs))
        if request.method == "DELETE":
            request.protocol.force_close()
        return web.Response(body=await request.read(), headers={"X-Kept": request.headers.get("X-Kept", "")})


@asynccontextmanager
async def behind(mutant: Mutant, echo: Echo) -> AsyncIterator[tuple[ClientSession, str]]:
    """Serve an echo behind a proxy with the mutant; gives a client and the proxy's address."""
    async with ClientSession() as session, AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(serving(echo.app()))
        proxy = Proxy(session, upstream, Tampering(mutant))
        yield session, await stack.enter_async_context(serving(proxy.app()))


async def post(change: Mapping[str, Any], side: MessageSide = "answer", **touched: Any) -> tuple[int, Any, Lines, str]:
    """Post the body through a mutant and return status, body, what was heard, and a header of the answer."""
    echo = Echo()
    mutant = Mutant("some", "", MessageFilter("console", side, "/some*", **touched), "", change)
    async with behind(mutant, echo) as (session, url):
        answer = await session.post(f"{url}/Some%20path?a=%2B", json=BODY, headers={"X-Kept": "kept"})
        text = await answer.text()
        body = json.loads(text) if text[:1] in "{[" else text
        return answer.status, body, echo.heard, answer.headers.get("X-Kept", "")


WHOLE = [("POST", "/Some%20path?a=%2B")]


async def test_what_is_not_touched_passes_as_it_is() -> None:
    """Address, header and body arrive, and the answer comes back, byte for byte."""
    assert await post({"status": 500}, method="PUT") == (200, BODY, WHOLE, "kept")


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({"double": ["items"]}, BODY | {"items": BODY["items"] * 2}),
        ({"json": None}, "null"),
        ({"list": ["note"]}, BODY | {"note": ["no JSON"]}),
        ({"page": "<html>"}, "<html>"),
        ({"page": "<html>", "set": {"note": "a page has none"}}, "<html>"),
        ({"parse": ["text"]}, BODY | {"text": {"n": 1}}),
        ({"remove": ["items.n", "nothing"]}, BODY | {"items": [{}, {}]}),
        ({"set": {"text.n": 2}}, BODY | {"text": '{"n":2}'}),
        ({"set": {"note.n": 2, "nothing.n": 2, "items.n.n": 2}}, BODY),
        ({"texts": {"name": "ascii"}}, BODY | {"name": "<?n?>"}),
        ({"texts": {"name": "braces"}}, BODY | {"name": "{<Ünï>}"}),
        ({"texts": {"name": "escaped"}}, BODY | {"name": "&lt;Ünï&gt;"}),
        ({"texts": {"note": "upper"}}, BODY | {"note": "NO JSON"}),
        ({"texts": {"note": "lower"}}, BODY | {"note": "no json"}),
        ({"texts": {"note": "longer"}}, BODY | {"note": "no JSON/longer"}),
        ({"texts": {"note": "raw"}}, BODY | {"note": "1970-01-01 no JSON"}),
        ({"texts": {"note": "cut", "nothing": "cut"}}, BODY),
        ({"translate": {"items.n": {1: 2}}}, BODY | {"items": [{"n": 2}, {"n": 2}]}),
        ({"whole-list": True}, [BODY]),
        ({"again-with": {"note": "again"}}, BODY | {"note": "again"}),
    ],
)
async def test_changes_of_a_body(change: dict[str, Any], body: object) -> None:
    """A change strikes what it names, inside of lists and of JSON text, and nothing else."""
    assert await post(change) == (200, body, WHOLE * (2 if "again-with" in change else 1), "kept")


async def test_changes_of_what_stands_around_a_body() -> None:
    """Status, headers, method and path can be changed too, and a request answered, or repeated, by itself."""
    assert await post({"status": 201}) == (201, BODY, WHOLE, "kept")
    assert await post({"headers": {"x-kept": None}}) == (200, BODY, WHOLE, "")
    assert (await post({"method": "PUT", "path": "/other"}, "request"))[2] == [("PUT", "/other")]
    assert await post({"answer": {"status": 403, "json": "no"}}, "request") == (403, '"no"', [], "")
    assert (await post({"again": 2}))[2] == WHOLE * 3


def test_each_change_is_tried() -> None:
    """Each change by its name stands in one of the tests above."""
    marks = test_changes_of_a_body.pytestmark
    tried = {name for change, _ in marks[0].args[1] for name in change}
    assert set(changes()) - tried == {"again", "answer", "headers", "method", "path", "status"}


@pytest.mark.parametrize(
    ("touched", "statuses"),
    [
        ({"skip": 1}, [200, 500, 500]),
        ({"times": 2}, [500, 500, 200]),
        ({"where": {"n": 2}}, [200, 500, 200]),
        ({"where": {"n": {"not": 2}}}, [500, 200, 500]),
        ({"where": {"nothing": {"not": 2}}}, [200, 200, 200]),
        ({"after": {"n": 2}}, [200, 200, 500]),
        ({"after": {"n": 2}, "where": {"n": 2}}, [200, 200, 200]),
        ({"status": 200}, [500, 500, 500]),
        ({"status": 201}, [200, 200, 200]),
    ],
)
async def test_which_messages_are_touched(touched: dict[str, Any], statuses: list[int]) -> None:
    """Those that fit by status and body, from one of them on, and so many of them."""
    mutant = Mutant("some", "", MessageFilter("console", "answer", "/*", **touched), "", {"status": 500})
    async with behind(mutant, Echo()) as (session, url):
        assert [(await session.post(url, json={"n": n})).status for n in (1, 2, 3)] == statuses


@pytest.mark.parametrize(
    ("touched", "statuses"),
    [
        ({"per": "n", "skip": 1}, [200, 200, 500, 500]),
        ({"per": "n", "times": 1}, [500, 500, 200, 200]),
        ({"per": "n", "after": {"n": 2}}, [200, 200, 200, 500]),
    ],
)
@pytest.mark.parametrize("side", ["request", "answer"])
async def test_messages_are_counted_apart(side: MessageSide, touched: dict[str, Any], statuses: list[int]) -> None:
    """Each value that the request has at the path has a count of its own, of requests and of answers."""
    change = {"answer": {"status": 500, "json": None}} if side == "request" else {"status": 500}
    mutant = Mutant("some", "", MessageFilter("console", side, "/*", **touched), "", change)
    async with behind(mutant, Echo()) as (session, url):
        assert [(await session.post(url, json={"n": n})).status for n in (1, 2, 1, 2)] == statuses


async def test_an_answer_shows_what_an_earlier_request_held() -> None:
    """What should have stayed hidden is put into the answers that follow."""
    mutant = Mutant("some", "", MessageFilter("console", "answer", "/*", method="PUT"), "", reveal={"shown": "secret"})
    async with behind(mutant, Echo()) as (session, url):
        assert await (await session.put(url, json={"n": 1})).json(content_type=None) == {"n": 1}
        await session.post(url, json={"secret": "s3cret"})
        assert await (await session.put(url, json={"n": 1})).json(content_type=None) == {"n": 1, "shown": "s3cret"}


async def test_no_answer_stays_none() -> None:
    """Where the party hangs up so does the proxy, and a mutant may answer in its place."""
    for change, outcome in (({"status": 400}, 400), ({"json": 1}, None)):
        mutant = Mutant("some", "", MessageFilter("console", "answer", "/*", status=0), "", change)
        async with behind(mutant, Echo()) as (session, url):
            assert await status_of(session, url) == outcome


async def status_of(session: ClientSession, url: str) -> int | None:
    """Return the status of the answer to a DELETE, None where there is none."""
    try:
        async with session.delete(url) as answer:
            return answer.status
    except ClientError:
        return None
