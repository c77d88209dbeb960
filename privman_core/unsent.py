"""Bodies of answers, of which little is in memory while clients do not read them."""

import asyncio
from collections.abc import AsyncIterator

from privman_core.bodies import Body

_SLICE = 32 * 1024
"""Half of what asyncio keeps before it lets a sender wait: a client that reads too slowly is seen before that."""


class Unsent:
    """A body that is about to be sent, or a piece of one; false if it is empty.

    Args:
        content: nobody else should keep it.
    """

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)

    def __bool__(self) -> bool:
        return bool(self._content)

    async def slices(self, transport: asyncio.BaseTransport | None) -> AsyncIterator[bytes]:
        """Yield it slice by slice, each to be written to the transport before the next one is asked for.

        What the client does not take at once waits in a temporary file. Others are answered between slices.
        """
        while self._content and not _is_behind(transport):
            part, self._content = bytes(self._content[:_SLICE]), self._content[_SLICE:]
            yield part
            await asyncio.sleep(0)
        if not self._content:
            return
        rest = self._moved_to_disk()
        while part := rest.file.read(_SLICE):
            yield part
            await asyncio.sleep(0)

    def _moved_to_disk(self) -> Body:
        """Return what is left, in a file if one has room, and forget it."""
        body, content = Body(), self._content
        self._content = memoryview(b"")
        body.write(content)
        body.file.seek(0)
        return body


def _is_behind(transport: asyncio.BaseTransport | None) -> bool:
    """Return whether the client has not taken yet what was written."""
    return isinstance(transport, asyncio.WriteTransport) and transport.get_write_buffer_size() > 0
