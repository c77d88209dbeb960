"""The load balancer before the instance: what it refuses never gets there (platform 5.4)."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from mock_servicenow.now_platform.dictionary.values import UNSTORABLE

SERVER = "snow_adc"
_PAGE = """<html>
<head><title>400 Bad Request</title></head>
<body><center><h1>400 Bad Request</h1></center><hr><center>snow_adc</center></body>
</html>
"""


def edge() -> Middleware:
    """Return the middleware that answers 400 to what no instance gets to see; it belongs outermost.

    That is a request with two ``Authorization`` headers, or whose head is no UTF-8.
    """

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        if len(request.headers.getall("Authorization", ())) > 1 or not _is_text(request):
            return web.Response(status=400, text=_PAGE, content_type="text/html", headers={"Server": SERVER})
        return await handler(request)

    return refuse


def _is_text(request: web.Request) -> bool:
    """Return whether every byte of the head belongs to a character; those that do not are kept as surrogates."""
    head = " ".join((request.raw_path, *request.headers.values()))
    return head.isascii() or not UNSTORABLE.search(head)
