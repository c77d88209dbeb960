"""Request bodies as they arrive, bounded in size, time and memory."""

import asyncio
import logging
import os
import zlib
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from queue import SimpleQueue
from tempfile import TemporaryFile
from threading import Thread
from typing import IO
from weakref import finalize

from aiohttp import web

_log = logging.getLogger("privman_core.bodies")
IN_MEMORY = 64 * 1024
"""Bytes of one body that are kept in memory while it arrives; the rest waits in a temporary file."""
WITHOUT_FILE = 64 * 1024 * 1024
"""Bytes of a body that arrives where no temporary file can be had, or none has room."""

_SLICE, _PIECE = 8 * 1024, 64 * 1024
"""Bytes that are unpacked at a time, packed and unpacked."""
_UNPACKERS = ThreadPoolExecutor(2, "unpacking")  # few, so that many callers neither take all processors nor much memory
_WINDOWS = {"gzip": zlib.MAX_WBITS + 16, "x-gzip": zlib.MAX_WBITS + 16, "deflate": zlib.MAX_WBITS}
"""The Content-Encodings and how zlib reads them. A web server that unpacks by itself does so for everybody."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a body may take to arrive.

    Attributes:
        seconds: for any body.
        bytes_per_second: what has arrived earns one more second for each so many bytes.
    """

    seconds: float = 60
    bytes_per_second: int = 100_000


PATIENCE: web.AppKey[Patience] = web.AppKey("patience", Patience)
"""Where an application keeps a patience of its own."""
_DEFAULT = Patience()


class _Closer:
    """Closes files in a thread: giving up a large one takes milliseconds.

    Files are handed over by finalizers, which run wherever Python collects garbage, even where a lock is held that a
    thread pool would wait for. Putting into a SimpleQueue waits for none.
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


class Body:
    """A body that has arrived, or that waits to be sent: in a temporary file if it is long and there is room.

    Attributes:
        size: its length in bytes, unpacked.
        file: holds it; whoever reads it begins with a seek.
    """

    def __init__(self) -> None:
        self.size = 0
        self.file: IO[bytes] = BytesIO()

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
        """Yield the body, so many bytes at a time."""
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
        """Keep what was written, so many bytes, in memory from now on: there is no file, or no room in it."""
        if not isinstance(self.file, BytesIO):
            kept, self.file = self.file.fileno(), BytesIO()
            self.file.write(os.pread(kept, size, 0))
            os.ftruncate(kept, 0)


NO_BODY = Body()
_RECEIVED: web.RequestKey[object] = web.RequestKey("received", object)
"""Where a request keeps its `Body`, or the HTTPException that refused it."""


async def receive(request: web.Request, most: int | None = None) -> Body:
    """Return the body of a request, unpacked; asking again is harmless and gives the same.

    The server must have been set up with ``auto_decompress=False``, as `serving` does.

    Args:
        request: whose body it is.
        most: how many bytes it may have, unpacked; by default what the application takes.

    Raises:
        HTTPRequestEntityTooLarge: it is longer, or says so. The rest is not read.
        HTTPRequestTimeout: it takes longer than the application's `Patience`.
        HTTPBadRequest: it cannot be unpacked.
        HTTPInsufficientStorage: it is longer than `WITHOUT_FILE`, and has no temporary file.
    """
    if _RECEIVED not in request:
        request[_RECEIVED] = await _outcome(request, request.client_max_size if most is None else most)
    outcome = request[_RECEIVED]
    if isinstance(outcome, web.HTTPException):
        raise outcome
    return received(request)


def received(request: web.Request) -> Body:
    """Return what has been received so far; nothing if nobody has asked for the body, or it was refused."""
    known = request.get(_RECEIVED)
    return known if isinstance(known, Body) else NO_BODY


def is_short(request: web.Request) -> bool:
    """Tell whether the body says that it fits into memory; then ``request.read()`` gives it, too."""
    if not request.body_exists or "Content-Encoding" in request.headers:
        return False
    length = request.content_length
    return length is not None and length <= IN_MEMORY


async def _outcome(request: web.Request, most: int) -> Body | web.HTTPException:
    if not request.body_exists:
        return NO_BODY
    length = request.content_length
    if length is not None and length > most:
        return web.HTTPRequestEntityTooLarge(most)
    try:
        return await _read(request, most)
    except (web.HTTPRequestEntityTooLarge, web.HTTPBadRequest, web.HTTPInsufficientStorage) as error:
        return error.with_traceback(None)  # which would keep what was being read
    except web.RequestPayloadError:
        return web.HTTPBadRequest()
    except TimeoutError:
        return web.HTTPRequestTimeout()


async def _read(request: web.Request, most: int) -> Body:
    body, content, short = Body(), request.content, is_short(request)
    if short and content.is_eof():  # it has arrived with the head, as is usual
        body.write(await request.read())
        return body
    patience = request.config_dict.get(PATIENCE, _DEFAULT)
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout_at(began + patience.seconds) as limit:
        if short:
            body.write(await request.read())
            return body
        unpacking = _unpacking(request)
        while chunk := await content.readany():
            async for piece in unpacking.pieces(chunk):
                body.write(piece)
                if body.size > most:
                    raise web.HTTPRequestEntityTooLarge(most)
                _check_room(body)
            limit.reschedule(began + patience.seconds + content.total_bytes / patience.bytes_per_second)
        unpacking.check_end()
    return body


def _check_room(body: Body) -> None:
    if body.size > WITHOUT_FILE and isinstance(body.file, BytesIO):
        _log.error("a body of more than %d bytes is refused: no temporary file has room for it", WITHOUT_FILE)
        raise web.HTTPInsufficientStorage


class _Plain:
    """A body that is sent as it is."""

    async def pieces(self, chunk: bytes) -> AsyncIterator[bytes]:
        """Yield the chunk."""
        yield chunk

    def check_end(self) -> None:
        """Do nothing: such a body ends anywhere."""


class _Zipped(_Plain):
    """A body that is sent compressed, unpacked in pieces however much is packed into it."""

    def __init__(self, window: int) -> None:
        self._unpacker = zlib.decompressobj(window)

    async def pieces(self, chunk: bytes) -> AsyncIterator[bytes]:
        """Yield what the chunk holds, much of it unpacked in a thread; raises HTTPBadRequest if it is damaged."""
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
    """Return what unpacks the body; raises HTTPBadRequest for an encoding that nothing unpacks."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        return _Plain()
    if encoding not in _WINDOWS:
        raise web.HTTPBadRequest
    return _Zipped(_WINDOWS[encoding])
