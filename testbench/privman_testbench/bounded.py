"""Bodies of answers, bounded."""

from aiohttp import ClientPayloadError, ClientResponse

LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of one answer's body, unpacked, that any outbound call reads."""


class OversizedAnswerError(ClientPayloadError):
    """Raised when the body of an answer is longer than its reader takes."""


async def read_bounded(response: ClientResponse, most: int = LARGEST_ANSWER) -> bytes:
    """Return the body, unpacked.

    Raises OversizedAnswerError as soon as more than ``most`` bytes have arrived; the connection is closed then, so
    that nothing more is received. Raises what aiohttp raises for a body that breaks off or can't be unpacked.
    """
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > most:
            response.close()
            raise OversizedAnswerError(f"the body is longer than {most} bytes")
    return bytes(body)
