"""Headers that IIS puts on every answer, the time by the console's own clock."""

from collections.abc import Awaitable, Callable
from email.utils import format_datetime

from aiohttp import web

from privman_testbench.clock import Clock

SERVER = "Microsoft-IIS/10.0"


def stamping(clock: Clock) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return what to do with an answer before it is sent.

    Whoever keeps a journal of the answers gets the same one from the same seed.
    """

    async def stamp(_request: web.Request, answer: web.StreamResponse) -> None:
        answer.headers["Date"] = format_datetime(clock.now(), usegmt=True)
        answer.headers["Server"] = SERVER

    return stamp
