"""Request bodies, bounded in size, time and memory while they arrive."""

import asyncio
import logging
import os
import zlib
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from queue import SimpleQueue
from tempfile import TemporaryFile
from threading import Thread
from typing import IO
from weakref import finalize

from aiohttp import web
from msgspec import Struct

IN_MEMORY = 64 * 1024
"""Bytes of one body that are kept in memory while it arrives; the rest waits in a temporary file."""
WITHOUT_FILE = 64 * 1024 * 1024
"""Longest body, in bytes, when no temporary file is available or the disk is full."""

_SLICE, _PIECE = 8 * 1024, 64 * 1024
"""Bytes unpacked at a time: packed, unpacked."""
_UNPACKERS = ThreadPoolExecutor(2, "unpacking")  # few, so that many callers take neither all processors nor much memory
_WINDOWS = {"gzip": zlib.MAX_WBITS + 16, "x-gzip": zlib.MAX_WBITS + 16, "deflate": zlib.MAX_WBITS}
"""Content-Encoding to zlib's window. The web server's own unpacking is off: it would block everybody."""


class Patience(Struct, frozen=True):
    """Time limit for a body to arrive.

    Attributes:
        seconds: allowed for any body.
        bytes_per_second: each so many bytes that have arrived allow one more second.
    """

    seconds: float = 60
    bytes_per_second: int = 100_000


PATIENCE: web.AppKey[Patience] = web.AppKey("patience", Patience)
"""Overrides the time limit of an application."""
_DEFAULT = Patience()


class _Closer:
    """Closes files in a thread, because closing a large temporary file takes milliseconds.

    Finalizers hand the files over. They run wherever Python collects garbage, perhaps while a lock is held that a
    thread pool would wait for; putting into a SimpleQueue waits for no lock.
    """

    def __init__(self) -> None:
        self._files: SimpleQueue[IO[bytes]] = SimpleQueue()
        self._thread = Thread()

    def watch(self, owner: object, file: IO[bytes]) -> None:
        """Close the file once its owner is gone."""
        if not self._thread.is_alive():
            self._thread = Thread(target=self._close_all, name="closing", daemon=True)
            self._thread.start()
        finalize(owner, self._files.put, file).atexit = False

    def _close_all(self) -> None:
        while True:
            with suppress(OSError):  # it had no room for its last bytes
                self._files.get().close()


_CLOSER = _Closer()


class SpooledBody:
    """A body that has arrived, or that waits to be sent; a long one is in a temporary file if the disk has room.

    Attributes:
        size: length in bytes, unpacked.
        file: the content; seek before reading.
    """

    def __init__(self, beginning: bytes = b"") -> None:
        self.size = len(beginning)
        self.file: IO[bytes] = BytesIO(beginning)
        self.file.seek(self.size)

    def write(self, chunk: bytes | memoryview) -> int:
        """Append a chunk and return the length so far."""
        before, self.size = self.size, self.size + len(chunk)
        try:
            if before <= IN_MEMORY < self.size:
                self._move_to_disk()
            self.file.write(chunk)
            self.file.flush()
        except OSError:
            self._move_to_memory(before)
            self.file.write(chunk)
        return self.size

    def read(self, most: int = -1) -> bytes:
        """Return the body, or its first bytes."""
        self.file.seek(0)
        return self.file.read(most)

    def pieces(self, size: int = IN_MEMORY) -> Iterator[bytes]:
        """Yield the body in pieces of that size."""
        self.file.seek(0)
        while piece := self.file.read(size):
            yield piece

    def _move_to_disk(self) -> None:
        beginning, file = self.read(), TemporaryFile()  # noqa: SIM115 - closed with the last reference to it
        _CLOSER.watch(self, file)
        file.write(beginning)
        file.flush()
        self.file = file

    def _move_to_memory(self, size: int) -> None:
        """Go on in memory with the first ``size`` bytes, when there is no temporary file or no room in it."""
        if not isinstance(self.file, BytesIO):
            kept, self.file = self.file.fileno(), BytesIO()
            os.lseek(kept, 0, os.SEEK_SET)
            self.file.write(os.read(kept, size))  # not through the old file, which still has bytes to write
            os.ftruncate(kept, 0)


NO_BODY = SpooledBody()
_RECEIVED = web.RequestKey[SpooledBody | web.HTTPException]("received")
"""The request's body, or what refused it."""


async def receive(request: web.Request, most: int | None = None) -> SpooledBody:
    """Return the body of a request, unpacked; calling it again returns the same.

    The server must run with ``auto_decompress=False``, as `serving` does.

    Args:
        request: the request.
        most: maximum length in bytes, unpacked; default: the application's ``client_max_size``.

    Raises:
        HTTPRequestEntityTooLarge: the body is longer, or its Content-Length is. The rest is not read.
        HTTPRequestTimeout: the body takes longer than the application's `Patience`.
        HTTPBadRequest: the body cannot be unpacked.
        HTTPInsufficientStorage: the body is longer than `WITHOUT_FILE` and there is no temporary file.
    """
    outcome = request.get(_RECEIVED)
    if outcome is None:
        outcome = request[_RECEIVED] = await _outcome(request, request.client_max_size if most is None else most)
    if isinstance(outcome, SpooledBody):
        return outcome
    raise outcome


def received(request: web.Request) -> SpooledBody:
    """Return the body if it has been received; an empty one if it was never asked for, or refused."""
    known = request.get(_RECEIVED)
    return known if isinstance(known, SpooledBody) else NO_BODY


def is_short(request: web.Request) -> bool:
    """Return whether Content-Length says that the body fits into memory."""
    if not request.body_exists or "Content-Encoding" in request.headers:
        return False
    length = request.content_length
    return length is not None and length <= IN_MEMORY


async def _outcome(request: web.Request, most: int) -> SpooledBody | web.HTTPException:
    if not request.body_exists:
        return NO_BODY
    length = request.content_length
    if length is not None and length > most:
        return web.HTTPRequestEntityTooLarge(most)
    try:
        return await (_read_short(request) if is_short(request) else _read(request, most))
    except (web.HTTPRequestEntityTooLarge, web.HTTPBadRequest, web.HTTPInsufficientStorage) as error:
        return error.with_traceback(None)  # which would keep what was being read
    except web.RequestPayloadError:
        return web.HTTPBadRequest()
    except TimeoutError:
        return web.HTTPRequestTimeout()


async def _read_short(request: web.Request) -> SpooledBody:
    if request.content.is_eof():  # it has arrived with the head, as is usual
        return SpooledBody(await request.read())
    async with asyncio.timeout(request.config_dict.get(PATIENCE, _DEFAULT).seconds):
        return SpooledBody(await request.read())


async def _read(request: web.Request, most: int) -> SpooledBody:
    body, content = SpooledBody(), request.content
    patience = request.config_dict.get(PATIENCE, _DEFAULT)
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout_at(began + patience.seconds) as limit:
        unpacking = _unpacking(request)
        while chunk := await content.readany():
            async for piece in unpacking.pieces(chunk):
                body.write(piece)
                if body.size > most:
                    raise web.HTTPRequestEntityTooLarge(most)
                _check_room(body, request.app.logger)
            limit.reschedule(began + patience.seconds + content.total_bytes / patience.bytes_per_second)
        unpacking.check_end()
    return body


def _check_room(body: SpooledBody, log: logging.Logger) -> None:
    if body.size > WITHOUT_FILE and isinstance(body.file, BytesIO):
        log.error("a body of more than %d bytes is refused: no temporary file has room for it", WITHOUT_FILE)
        raise web.HTTPInsufficientStorage


class _Plain:
    """A body without Content-Encoding."""

    async def pieces(self, chunk: bytes) -> AsyncIterator[bytes]:
        """Yield the chunk."""
        yield chunk

    def check_end(self) -> None:
        """Accept any end."""


class _Zipped(_Plain):
    """A compressed body, unpacked piece by piece, so that a bomb never fills memory."""

    def __init__(self, window: int) -> None:
        self._unpacker = zlib.decompressobj(window)

    async def pieces(self, chunk: bytes) -> AsyncIterator[bytes]:
        """Yield the unpacked chunk, most of it unpacked in a thread; raises HTTPBadRequest if it is damaged."""
        unpack, loop = self._unpacker.decompress, asyncio.get_running_loop()
        try:
            for start in range(0, len(chunk), _SLICE):
                piece = unpack(chunk[start : start + _SLICE], _PIECE)
                while len(piece) == _PIECE:
                    yield piece
                    piece = await loop.run_in_executor(_UNPACKERS, unpack, self._unpacker.unconsumed_tail, _PIECE)
                yield piece
        except zlib.error:
            raise web.HTTPBadRequest from None

    def check_end(self) -> None:
        """Raise HTTPBadRequest unless the body has been read to its end."""
        if not self._unpacker.eof:
            raise web.HTTPBadRequest


def _unpacking(request: web.Request) -> _Plain:
    """Return the unpacker for the Content-Encoding; raises HTTPBadRequest for an unknown one."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        return _Plain()
    if encoding not in _WINDOWS:
        raise web.HTTPBadRequest
    return _Zipped(_WINDOWS[encoding])
