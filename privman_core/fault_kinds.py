"""What can be done to a request, whatever the product."""

from aiohttp import web

from privman_core.clock import Clock
from privman_core.exchange import body_of
from privman_core.faults import Fault, FaultKind, Handler


class GenericFaults:
    """The faults that need to know nothing about the product."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def kinds(self) -> dict[str, FaultKind]:
        """Return each kind by its name."""
        return {
            "status": self.status,
            "reset": self.reset,
            "answer-lost": self.answer_lost,
            "slow": self.slow,
            "truncated": self.truncated,
            "malformed": self.malformed,
            "duplicated": self.duplicated,
        }

    async def status(self, fault: Fault, _request: web.Request, _handler: Handler) -> web.StreamResponse:
        """Answer with ``status`` (503), ``headers`` and ``body`` instead of doing what was asked."""
        return web.Response(
            status=fault.options.get("status", 503),
            headers=fault.options.get("headers", {"Content-Type": "text/plain"}),
            body=fault.options.get("body", "").encode(),
        )

    async def reset(self, _fault: Fault, request: web.Request, _handler: Handler) -> web.StreamResponse:
        """Drop the connection before anything was done."""
        return _hang_up(request, web.Response())

    async def answer_lost(self, _fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Do what was asked, then drop the connection instead of answering."""
        return _hang_up(request, await handler(request))

    async def slow(self, fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Wait ``seconds`` (60) on the clock, then do what was asked."""
        await self._clock.sleep(fault.options.get("seconds", 60))
        return await handler(request)

    async def truncated(self, _fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Do what was asked, send half of the answer and drop the connection."""
        body = body_of(await handler(request))
        answer = web.StreamResponse(headers={"Content-Length": str(len(body) + 1), "Content-Type": "application/json"})
        await answer.prepare(request)
        await answer.write(body[: len(body) // 2])
        return _hang_up(request, answer)

    async def malformed(self, fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Do what was asked, and answer with ``body`` (cut-off JSON) under the true status."""
        answer = await handler(request)
        body = fault.options.get("body", '{"result":')
        return web.Response(status=answer.status, body=body.encode(), content_type="application/json")

    async def duplicated(self, _fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Do what was asked twice, as when a proxy repeats a request, and give the second answer."""
        await handler(request)
        return await handler(request)


def _hang_up(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    request.protocol.force_close()
    return answer
