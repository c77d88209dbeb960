"""The address under which others reach the console."""

from aiohttp import web

from console_sim.errors import BadRequestError
from console_sim.settings import Settings


def own_url(settings: Settings, request: web.Request) -> str:
    """Return the address from the settings, or the one that the request was sent to; raises BadRequestError."""
    try:
        return settings.console_url or str(request.url.origin())
    except ValueError:
        raise BadRequestError(f"Host is {request.host!r}; expected a host, or host and port") from None
