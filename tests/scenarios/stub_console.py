"""A console's API as the reference describes it, written without a look at the simulator."""

from aiohttp import web


class StubConsole:
    """As much of a console as ServiceNow needs; it has made no request.

    Attributes:
        user: its API user's Client Id.
        secret: and Secret.
        decisions: what it was told.
        status: what it answers to a decision.
    """

    def __init__(self) -> None:
        self.user, self.secret = "0f1ba2b8-4b1e-4f3f-9d13-0a4c2e5d9a11", "s3cret"
        self.decisions: list[dict[str, str]] = []
        self.status = 404

    def app(self) -> web.Application:
        """Return the web application; paths go by any case, and there is nothing under /__admin."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one of the API's addresses."""
        path = request.path.lower()
        if path == "/tms/services/api/v1/version/current":
            return web.json_response({"Result": "11.1.0", "Status": "ok", "Messages": []})
        if path == "/tms/services/swagger/docs/v1":
            head = {"swagger": "2.0", "basePath": "/TMS/services", "info": {"title": "Tms", "version": "v1"}}
            return web.json_response({**head, "paths": {}})
        if path == "/tms/services/swagger/ui/index":
            return web.Response(text="<html>", content_type="text/html")
        if path == "/tms/services/api/logon/token":
            return await self._log_on(request)
        if path == "/tms/services/api/v1/approval/approve":
            return await self._decide(request)
        raise web.HTTPNotFound

    async def _log_on(self, request: web.Request) -> web.Response:
        if await request.json() != {"UserName": self.user, "Password": self.secret}:
            raise web.HTTPUnauthorized
        return web.json_response("token")

    async def _decide(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer token":
            raise web.HTTPUnauthorized
        self.decisions.append(await request.json())
        return web.json_response({"Result": None, "Status": "error", "Messages": ["unknown"]}, status=self.status)
