"""Connections to systems that may answer anything: none of them occupies the process."""

import asyncio
from functools import partial

from aiohttp import ClientPayloadError, TCPConnector
from aiohttp.client_proto import ResponseHandler

from privman_core.trust import Trust

# Bytes; asyncio reads 256 KiB otherwise, and to take these apart holds everybody where they are many parts.
_READ = 4 * 1024
_MOST_HEADS = 8
"""Heads that may arrive at once in answer to one request: an answer of status 100 to 199 is followed by another."""


class BoundedConnector(TCPConnector):
    """Opens connections that read little at a time and give up an answer that does not come to its end.

    Args:
        trusted: the certificates of servers to accept.
    """

    def __init__(self, trusted: Trust) -> None:
        super().__init__(limit=0, ssl=trusted)
        self._factory = partial(_bounded, asyncio.get_running_loop())


class _Bounded(ResponseHandler):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.max_size = _READ  # type: ignore[attr-defined]
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if len(self) > _MOST_HEADS and self.transport is not None:
            self.transport.abort()
            self.set_exception(ClientPayloadError(f"more than {_MOST_HEADS} heads came at once"))


def _bounded(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return _Bounded(loop)
