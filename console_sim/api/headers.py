"""The header that IIS puts on every answer."""

from aiohttp import web

SERVER = "Microsoft-IIS/10.0"


async def stamp(_request: web.Request, answer: web.StreamResponse) -> None:
    """Mark an answer as the console's before it is sent."""
    answer.headers["Server"] = SERVER
