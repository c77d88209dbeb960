"""Attacks: what one caller sends."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import suppress
from functools import cache

from benchmarks.servers import AUTHORIZATION, HOST

PORT = 18090
LONGEST = 20
MIB = 1024 * 1024
TEN_MIB = 10 * MIB - 1000
JSON, XML, FORM = "application/json", "application/xml", "application/x-www-form-urlencoded"
Attack = Callable[[], Coroutine[None, None, object]]


async def send(  # noqa: PLR0913 - what a request may have
    path: str,
    content_type: str = JSON,
    chunks: Iterable[bytes] = (),
    *,
    length: int | None = None,
    known: bool = True,
    headers: Iterable[str] = (),
    method: str = "POST",
) -> bytes:
    """Send a request, in chunks unless its length is given, and return the end of the answer."""
    reader, writer = await asyncio.open_connection(HOST, PORT)
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    login = [f"Authorization: {AUTHORIZATION}"] * known
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Type: {content_type}", framing, *login, *headers]
    try:
        writer.write("\r\n".join([*head, "\r\n"]).encode())
        async for chunk in framed(chunks, chunked=length is None):
            writer.write(chunk)
            await writer.drain()
        end = b""
        while piece := await reader.read(MIB):
            end = piece
    except ConnectionError:
        return b""  # the server has had enough
    else:
        return end
    finally:
        writer.close()


async def framed(chunks: Iterable[bytes], *, chunked: bool) -> AsyncIterator[bytes]:
    """Yield the chunks as they are sent."""
    for chunk in chunks:
        yield b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk
    if chunked:
        yield b"0\r\n\r\n"


def one(path: str, content_type: str, body: bytes, *, known: bool = True, method: str = "") -> Attack:
    """Return the attack of one request, a GET if it has no body."""
    verb, headers = method or ("POST" if body else "GET"), ["Connection: close"]
    return lambda: send(path, content_type, [body], length=len(body), known=known, headers=headers, method=verb)


def get(path: str, *, known: bool = True) -> Attack:
    """Return the attack of one request without a body."""
    return one(path, JSON, b"", known=known)


def many(times: int, attack: Attack) -> Attack:
    """Return the attack of many requests at the same time."""

    async def attack_all() -> None:
        await asyncio.gather(*(attack() for _ in range(times)))

    return attack_all


def again(times: int, attack: Attack) -> Attack:
    """Return the attack of many requests one after the other."""

    async def attack_again() -> None:
        for _ in range(times):
            await attack()

    return attack_again


def distinct(times: int, path: Callable[[int], str], *, known: bool = True) -> Attack:
    """Return the attack of many requests one after the other, each with an address of its own."""

    async def attack_distinctly() -> None:
        for number in range(times):
            await one(path(number), JSON, b"", known=known)()

    return attack_distinctly


def then(first: Attack, *others: Attack) -> Attack:
    """Return the attack of several, one after the other."""

    async def attack_in_turn() -> None:
        for attack in (first, *others):
            await attack()

    return attack_in_turn


def endless(path: str, *, known: bool) -> Attack:
    """Return the attack of a chunked body that goes on for 200 MiB."""
    return lambda: send(path, JSON, (b" " * 64 * 1024 for _ in range(3_200)), known=known)


def crumbs(path: str, *, known: bool) -> Attack:
    """Return the attack of a body of a MiB that comes in chunks of one byte."""

    async def attack() -> None:
        reader, writer = await asyncio.open_connection(HOST, PORT)
        login = f"Authorization: {AUTHORIZATION}\r\n" * known
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{login}Transfer-Encoding: chunked\r\n\r\n"
        writer.write(head.encode() + b"1\r\n \r\n" * MIB + b"0\r\n\r\n")
        with suppress(ConnectionError):
            await reader.read(MIB)
        writer.close()

    return attack


def unfinished(path: str, *, known: bool = False) -> Attack:
    """Return the attack of a body that stops after 700 MiB."""
    return lambda: send(path, JSON, (b"x" * MIB for _ in range(700)), length=800 * MIB, known=known)


def unread(path: str) -> Attack:
    """Return the attack of an answer that is never read."""

    async def ask() -> None:
        reader, writer = await asyncio.open_connection(HOST, PORT, limit=1)
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {AUTHORIZATION}\r\n\r\n"
        writer.write(head.encode())
        await asyncio.sleep(LONGEST)
        del reader

    return ask


def never(path: str) -> Attack:
    """Return the attack of a body that never arrives."""
    return lambda: send(path, JSON, [], length=9, known=False)


async def half_a_head() -> None:
    """Send half of a head and wait."""
    reader, writer = await asyncio.open_connection(HOST, PORT)
    writer.write(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 8_000)
    await reader.read()
    writer.close()


def long_heads(path: str) -> Attack:
    """Return the attack of a head of 440 kB."""
    headers = [f"X-Long-{number}: {'x' * 8_000}" for number in range(55)]
    return lambda: send(path, JSON, [], length=0, headers=[*headers, "Connection: close"], method="GET")


def gzipped(path: str, *, known: bool) -> Attack:
    """Return the attack of a small body that unpacks to 1 GiB."""
    body = bomb()
    return lambda: send(path, JSON, [body], length=len(body), known=known, headers=["Content-Encoding: gzip"])


@cache
def bomb() -> bytes:
    """Return 1 GiB of zeros, packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS + 16)
    return b"".join([*(packer.compress(bytes(MIB)) for _ in range(1024)), packer.flush()])


def joined(number: int, text: Callable[[int], str], opening: str, closing: str, by: str = ",") -> bytes:
    """Return a text of so many parts, as far as 10 MiB go."""
    parts, size = [], len(opening) + len(closing)
    for each in range(number):
        parts.append(text(each))
        size += len(parts[-1]) + len(by)
        if size > TEN_MIB:
            break
    return f"{opening}{by.join(parts)}{closing}".encode()


def exchange(number: int) -> Attack:
    """Return the attack of the page of an exchange."""
    return get(f"/__cockpit/exchanges/{number}", known=False)
