"""A forward proxy on this machine, which has its own names for the servers of a test."""

import asyncio
import re
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

_HEAD = b"\r\n\r\n"


class ForwardProxy:
    """Passes on requests in absolute form, and tunnels by CONNECT, to the servers that it knows.

    Args:
        servers: the origin of each server by the name that clients use, which nobody else can look up.
        login: what it demands, ``user:password``; empty for nothing.

    Attributes:
        heads: all that has come before bodies.
        asked: the first line of each request, as far as the name of the server.
        url: where it is served.
    """

    def __init__(self, servers: Mapping[str, str], login: str = "") -> None:
        self._servers = servers
        self._login = b64encode(login.encode()) if login else b""
        self.asked: list[str] = []
        self.heads = b""
        self.url = ""

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """Serve on a free port of the loopback; gives the address."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self.url

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._pass_on(await reader.readuntil(_HEAD), reader, writer)
        except asyncio.IncompleteReadError:
            pass  # nothing was asked
        finally:
            writer.close()

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads += head
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        address = urlsplit(target if "://" in target else f"//{target}")
        name = address.hostname or ""
        self.asked.append(f"{method} {name}")
        if self._login and b"proxy-authorization: basic " + self._login not in _lowered_names(head):
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        if name not in self._servers:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        server = urlsplit(self._servers[name])
        to_server = await asyncio.open_connection(server.hostname, server.port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = f"{address.path or '/'}{'?' if address.query else ''}{address.query}"
            to_server[1].write(_own_form(head, method, path))
        await asyncio.gather(_copy(reader, to_server[1]), _copy(to_server[0], writer))


def _lowered_names(head: bytes) -> bytes:
    return re.sub(rb"\r\n[^:]+: Basic ", lambda found: found[0].lower(), head)


def _own_form(head: bytes, method: str, path: str) -> bytes:
    """Return the head as the server takes it, with the connection closed after the answer."""
    rest = head.split(b"\r\n", 1)[1]
    lines = [line for line in rest.removesuffix(_HEAD).split(b"\r\n") if not line.lower().startswith(b"proxy-")]
    return b"\r\n".join([f"{method} {path} HTTP/1.1".encode(), *lines, b"Connection: close"]) + _HEAD


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # one of the two has gone
    finally:
        writer.close()
