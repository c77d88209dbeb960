"""Bodies of answers, bounded."""

from typing import NoReturn

from aiohttp import EMPTY_PAYLOAD, ClientPayloadError, ClientResponse

LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of one answer's body, unpacked, that any outbound call reads."""


_MOST_CHUNKS, _BYTES_A_CHUNK = 1_000, 256
"""Chunks in which any body may come, and bytes that earn one more: each costs as much time as many bytes."""


class OversizedAnswerError(ClientPayloadError):
    """Raised when the body of an answer is longer than its reader takes, or comes in more chunks."""


async def read_bounded(response: ClientResponse, most: int = LARGEST_ANSWER) -> bytes:
    """Return the body, unpacked.

    Raises OversizedAnswerError as soon as more than ``most`` bytes have arrived, or more small chunks than any server
    sends; the connection is closed then, so that nothing more is received. Raises what aiohttp raises for a body that
    breaks off or can't be unpacked.
    """
    if response.content is EMPTY_PAYLOAD:  # all empty answers share it, and it ends only once
        return b""
    body, chunks = bytearray(), 0
    async for part, ends in response.content.iter_chunks():
        body += part
        chunks += ends
        if len(body) > most:
            _give_up(response, f"the body is longer than {most} bytes")
        if chunks > _MOST_CHUNKS + len(body) // _BYTES_A_CHUNK:
            _give_up(response, f"the first {len(body)} bytes of the body came in {chunks} chunks")
    return bytes(body)


def _give_up(response: ClientResponse, reason: str) -> NoReturn:
    response.close()
    raise OversizedAnswerError(reason)
