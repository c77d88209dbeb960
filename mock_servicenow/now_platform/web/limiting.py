"""Rate limits on a web server (platform 5.1)."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from mock_servicenow.now_platform.errors import PlatformError, RateLimitExceeded
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.web.http import USER, error_response
from mock_servicenow.now_platform.web.rate_limits import RateLimits


def limiting(instance: Instance) -> Middleware:
    """Return the middleware that holds requests to the rules; it belongs within those of the platform."""
    limits = RateLimits(instance)

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        user = request.get(USER)
        if user is None:
            return await handler(request)
        standing = limits.count(await instance.run(limits.rules), user, request.path)
        if standing is None:
            return await handler(request)
        try:
            if standing.refused:
                raise RateLimitExceeded(standing.rule.limit, standing.rule.api)
            answer = await handler(request)
        except PlatformError as error:
            answer = error_response(request, error)
        answer.headers.update(standing.headers())
        return answer

    return limit
