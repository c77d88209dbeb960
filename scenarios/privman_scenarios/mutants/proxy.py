"""What stands in front of a party and may change what passes through, both ways."""

from collections.abc import Callable, Iterable

from aiohttp import ClientError, ClientSession, web
from yarl import URL

from privman_core.outbound import read_bounded
from privman_scenarios.mutants.message import Message

Tamper = Callable[[Message], Message]
_PER_HOP = frozenset({"content-length", "content-encoding", "transfer-encoding", "connection"})


class Proxy:
    """A reverse proxy in front of one party.

    The caller's Host header goes on, so that addresses in answers lead through the proxy again; a request that gets no
    answer gets none here either.
    """

    def __init__(self, session: ClientSession, upstream: str, tamper: Tamper) -> None:
        self._session = session
        self._upstream = upstream
        self._tamper = tamper

    def app(self) -> web.Application:
        """Return the application to serve."""
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self.forward)
        return app

    async def forward(self, request: web.Request) -> web.Response:
        """Send the request on and give the answer back, each as the tampering makes it."""
        headers = _kept(request.headers.items())
        path = request.rel_url.raw_path
        sent = self._tamper(Message("request", request.method, path, headers, await request.read()))
        query = request.rel_url.raw_query_string if sent.path == path else ""
        came = sent if sent.side == "answer" else await self._answered(sent, query)
        return _answer(request, came)

    async def _answered(self, sent: Message, query: str) -> Message:
        came = self._tamper(await self._send(sent, query))
        for _ in range(came.again):
            came = await self._send(sent, query)
        return came

    async def _send(self, sent: Message, query: str) -> Message:
        url = URL.build(path=sent.path, query_string=query, encoded=True)
        try:
            async with self._session.request(
                sent.method,
                URL(self._upstream).join(url),
                headers=sent.headers,
                data=sent.body or None,
                allow_redirects=False,
            ) as answer:
                body = await read_bounded(answer)
                return Message("answer", sent.method, sent.path, _kept(answer.headers.items()), body, answer.status)
        except ClientError:
            return Message("answer", sent.method, sent.path)


def _answer(request: web.Request, came: Message) -> web.Response:
    if not came.status:
        request.protocol.force_close()
        return web.Response()
    return web.Response(status=came.status, body=came.body, headers=came.headers)


def _kept(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in headers if name.lower() not in _PER_HOP)
