"""The load balancer before the instance: what it refuses never gets there (platform 5.4)."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

SERVER = "snow_adc"
_PAGE = """<html>
<head><title>400 Bad Request</title></head>
<body><center><h1>400 Bad Request</h1></center><hr><center>snow_adc</center></body>
</html>
"""


def edge() -> Middleware:
    """Return the middleware that answers 400 to a request with two ``Authorization`` headers; it belongs outermost."""

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        if len(request.headers.getall("Authorization", ())) > 1:
            return web.Response(status=400, text=_PAGE, content_type="text/html", headers={"Server": SERVER})
        return await handler(request)

    return refuse
