"""Where the API's calls are; paths are case-insensitive, as on IIS (integration 4)."""

from collections.abc import Mapping

from aiohttp import web

from console_sim.errors import MethodNotAllowedError, NotFoundError
from privman_core.faults import Handler

Methods = Mapping[str, Handler]


class Routes:
    """Finds the handler of an API call."""

    def __init__(self, paths: Mapping[str, Methods]) -> None:
        self._paths = {path.lower(): methods for path, methods in paths.items()}

    def routes(self) -> list[web.RouteDef]:
        """Return the one route that hands everything below ``/Tms`` to `dispatch`."""
        return [web.route("*", "/{application:[Tt][Mm][Ss]}/{path:.*}", self.dispatch)]

    async def dispatch(self, request: web.Request) -> web.StreamResponse:
        """Answer the call; raises NotFoundError or MethodNotAllowedError."""
        methods = self._paths.get(request.path.rstrip("/").lower())
        if methods is None:
            raise NotFoundError(f"there is nothing at {request.path}")
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            message = f"{request.method} is not allowed at {request.path}; expected {' or '.join(methods)}"
            raise MethodNotAllowedError(message, methods)
        return await handler(request)
