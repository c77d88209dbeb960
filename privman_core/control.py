"""The control plane ``/__admin``: for tests, not part of either product."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
from aiohttp import web

from privman_core.bodies import receive
from privman_core.clock import MOST_SECONDS, Clock, ClockError
from privman_core.command_line import installed_version
from privman_core.control_index import PREFIX, calls_of
from privman_core.exchange import Exchange
from privman_core.faults import Fault, FaultError, Faults, Handler
from privman_core.ids import is_same
from privman_core.inputs import quoted
from privman_core.journal import Journal
from privman_core.near_words import hint
from privman_core.own_machine import is_opened_here, unknown_header
from privman_core.snapshots import SnapshotError, Snapshots, UnknownSnapshotError
from privman_core.streaming import RangeError, list_exchanges

COCKPIT = "/__cockpit"
RESERVED = "/__"
"""The beginning of every path of the control plane and the cockpit, and of no path of a product."""
_REFUSAL = (
    "/__admin requires its token in X-Admin-Token; without a token it serves this machine only, under a loopback name"
)
_READS = frozenset({"GET", "HEAD"})
_OTHER_SITES = frozenset({"cross-site", "same-site"})
Reset = Callable[[], Coroutine[Any, Any, None]]


OTHER_CLOCK: web.AppKey[Callable[[], Coroutine[Any, Any, dict[str, Any]]]] = web.AppKey("other clock")
"""Tells where the other party's time differs; absent if nobody knows that party."""


class ControlError(Exception):
    """A control request is invalid; answered with 400 and the message."""


class Control:
    """Health, journal, findings, clock, faults, reset and snapshots of one server."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it controls
        self, clock: Clock, journal: Journal, faults: Faults, reset: Reset, snapshots: Snapshots, token: str
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._faults = faults
        self._reset = reset
        self._snapshots = snapshots
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the control plane."""
        return [
            web.get(PREFIX, self.index),
            web.get(f"{PREFIX}/health", self.health),
            web.get(f"{PREFIX}/requests", self.requests),
            web.delete(f"{PREFIX}/requests", self.forget_requests),
            web.get(f"{PREFIX}/findings", self.findings),
            web.get(f"{PREFIX}/clock", self.clock),
            web.post(f"{PREFIX}/clock/advance", self.advance),
            web.get(f"{PREFIX}/faults", self.faults),
            web.post(f"{PREFIX}/faults", self.arm_fault),
            web.delete(f"{PREFIX}/faults", self.clear_faults),
            web.post(f"{PREFIX}/reset", self.reset),
            web.get(f"{PREFIX}/snapshots", self.snapshots),
            web.post(f"{PREFIX}/snapshots", self.take_snapshot),
            web.post(f"{PREFIX}/snapshots/{{name}}/restore", self.restore_snapshot),
            web.delete(f"{PREFIX}/snapshots/{{name}}", self.delete_snapshot),
        ]

    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a control request; refuse callers without the token, and if there is none, other machines."""
        if not _is_under(PREFIX, request):
            return await handler(request)
        if not self._allowed(request):
            return to_json({"error": self._refusal(request)}, 403)
        try:
            return await handler(request)
        except UnknownSnapshotError as error:
            return to_json({"error": str(error)}, 404)
        except (ControlError, FaultError, RangeError, ClockError, SnapshotError) as error:
            beside = {"errors": error.errors} if isinstance(error, FaultError) else {}
            return to_json({"error": str(error), **beside}, 400)
        except web.HTTPException as error:
            answer = to_json({"error": f"{request.method} {request.path}: {error.reason}"}, error.status)
            answer.headers.update({name: error.headers[name] for name in ("Allow",) if name in error.headers})
            return answer

    async def index(self, request: web.Request) -> web.Response:
        """Answer the calls of the control plane, and the kinds of faults with their options."""
        calls = [call.to_json() for call in calls_of(request.app)]
        return to_json({"calls": calls, **self._faults.to_json()})

    async def health(self, _request: web.Request) -> web.Response:
        """Answer 200 and the server's version when it serves."""
        return to_json({"status": "ok", "version": _version()})

    async def requests(self, request: web.Request) -> web.StreamResponse:
        """Answer the journal, or the part selected by ``after``, ``limit`` and ``last``."""

        def written(exchange: Exchange) -> list[bytes]:
            return [orjson.dumps(self._journal.to_json(exchange))]

        return await list_exchanges(request, self._journal, "requests", written)

    async def forget_requests(self, _request: web.Request) -> web.Response:
        """Empty the journal."""
        self._journal.clear()
        return web.Response(status=204)

    async def findings(self, request: web.Request) -> web.StreamResponse:
        """Answer what was swallowed and what breaks a contract, each with the number of its exchange; 0 for none.

        Takes the parameters of `requests`.
        """

        def written(exchange: Exchange) -> list[bytes]:
            found = map(self._journal.finding_to_json, exchange.findings)
            return [orjson.dumps({"exchange": exchange.number, **finding}) for finding in found]

        notes = [{"exchange": 0, **self._journal.finding_to_json(note)} for note in self._journal.notes()]
        return await list_exchanges(request, self._journal, "findings", written, notes)

    async def clock(self, _request: web.Request) -> web.Response:
        """Answer the time, and when the next job falls due: null if nothing waits, and in real time."""
        due = self._clock.next_due
        virtual = self._clock.virtual
        return to_json({"now": self._clock.now().isoformat(), "next": due and due.isoformat(), "virtual": virtual})

    async def advance(self, request: web.Request) -> web.Response:
        """Let virtual time jump; answers when everything that fell due has been sent and answered.

        Requests to servers that stay silent in real time are given up and counted as ``unanswered``. If the other party
        is known and now at another time, ``other`` names it and its time.
        """
        unanswered = await self._jump(await read_fields(request, "seconds", "until"))
        given_up = {"unanswered": unanswered} if unanswered else {}
        compare = request.app.get(OTHER_CLOCK)
        other = await compare() if compare is not None else {}
        return to_json({"now": self._clock.now().isoformat(), **given_up, **other})

    async def _jump(self, fields: dict[str, Any]) -> int:
        if "until" in fields:
            return await self._clock.advance_to(self._moment(fields))
        seconds = fields.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= MOST_SECONDS:
            raise ControlError(f"'seconds' is {quoted(seconds)}; expected a number from 0 to {MOST_SECONDS}")
        return await self._clock.advance(seconds)

    def _moment(self, fields: dict[str, Any]) -> datetime:
        until = fields["until"]
        if "seconds" in fields:
            raise ControlError("'seconds' and 'until' exclude each other; expected one of them")
        try:
            moment = datetime.fromisoformat(until)
        except (TypeError, ValueError):
            raise ControlError(f"'until' is {quoted(until)}; expected a time such as 2026-01-05T18:00:00Z") from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if (moment - self._clock.now()).total_seconds() > MOST_SECONDS:
            raise ControlError(f"'until' is {quoted(until)}; expected at most ten years from now")
        return moment

    async def faults(self, _request: web.Request) -> web.Response:
        """Answer the armed faults, each with its number and how many requests it has struck."""
        return to_json({"faults": [armed_fault(fault) for fault in self._faults.armed]})

    async def arm_fault(self, request: web.Request) -> web.Response:
        """Arm one fault and answer it with its number."""
        fault = self._faults.arm(await read_object(request))
        return to_json(armed_fault(fault), 201)

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """Disarm all faults."""
        self._faults.clear()
        return web.Response(status=204)

    async def reset(self, request: web.Request) -> web.Response:
        """Go back to the state at start."""
        await refuse_fields(request)
        await self._reset()
        return web.Response(status=204)

    async def snapshots(self, _request: web.Request) -> web.Response:
        """Answer the snapshots, oldest first."""
        return to_json({"snapshots": [each.to_json() for each in self._snapshots.kept]})

    async def take_snapshot(self, request: web.Request) -> web.Response:
        """Copy the stored state under the ``name`` in the body."""
        taken = await self._snapshots.take((await read_fields(request, "name")).get("name"))
        return to_json(taken.to_json(), 201)

    async def restore_snapshot(self, request: web.Request) -> web.Response:
        """Return to a snapshot."""
        await refuse_fields(request)
        await self._snapshots.restore(request.match_info["name"])
        return web.Response(status=204)

    async def delete_snapshot(self, request: web.Request) -> web.Response:
        """Forget a snapshot."""
        self._snapshots.delete(request.match_info["name"])
        return web.Response(status=204)

    def _allowed(self, request: web.Request) -> bool:
        if self._token:
            return has_token(request, self._token)
        return is_opened_here(request) and is_own_origin(request) and not is_fetched_by_foreign_page(request)

    def _refusal(self, request: web.Request) -> str:
        header = "" if self._token else unknown_header(request)
        return f"{_REFUSAL}; the header {header!r} may be a proxy's" if header else _REFUSAL


def is_control(request: web.Request) -> bool:
    """Return whether the request is for the control plane or its pages, the cockpit."""
    return _is_under(PREFIX, request) or _is_under(COCKPIT, request)


def has_token(request: web.Request, token: str) -> bool:
    """Return whether the request has the control plane's token."""
    return is_same(token, request.headers.get("X-Admin-Token", ""))


def is_own_origin(request: web.Request) -> bool:
    """Return whether the request comes from a page of this server, or from no page."""
    own = f"{request.scheme}://{request.host}"
    return all(origin == own for origin in request.headers.getall("Origin", ()))


def is_foreign_page(request: web.Request) -> bool:
    """Return whether a browser says that a page of another site sent the request.

    Schemes are not compared: behind a proxy that ends TLS, the browser's differs from the server's.
    """
    headers = request.headers
    if not _OTHER_SITES.isdisjoint(headers.getall("Sec-Fetch-Site", ())):
        return True
    hosts = (origin.partition("://")[2].lower() for origin in headers.getall("Origin", ()))
    return any(host != request.host.lower() for host in hosts)


def is_fetched_by_foreign_page(request: web.Request) -> bool:
    """Return whether a page of another site sent the request, but as a link that leads here in the browser's tab."""
    headers = request.headers
    led_here = (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")) == ("navigate", "document")
    return is_foreign_page(request) and not (led_here and request.method in _READS)


async def read_object(request: web.Request) -> dict[str, Any]:
    """Return the JSON object in the body; raises ControlError for anything else."""
    try:
        body = orjson.loads((await receive(request)).read())
    except orjson.JSONDecodeError as error:
        raise ControlError(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise ControlError(f"the body is {type(body).__name__}; expected a JSON object")
    return body


async def read_fields(request: web.Request, *known: str) -> dict[str, Any]:
    """Return the JSON object in the body; raises ControlError also for a key that is none of these."""
    body = await read_object(request)
    for key in body:
        if key not in known:
            raise ControlError(f"unknown key {quoted(key)}{hint(key, known)}; expected {', '.join(known) or 'none'}")
    return body


async def refuse_fields(request: web.Request) -> None:
    """Raise ControlError for a body that says something, where a call takes none."""
    if request.can_read_body:
        await read_fields(request)


def to_json(value: object, status: int = 200) -> web.Response:
    """Return a JSON answer."""
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")


def armed_fault(fault: Fault) -> dict[str, Any]:
    """Return a fault as the control plane prints it: what arms it again, its number, and how many it has struck."""
    return {**fault.to_json(), "number": fault.number, "struck": fault.struck}


@cache
def _version() -> str:
    return installed_version()


def _is_under(prefix: str, request: web.Request) -> bool:
    return request.path == prefix or request.path.startswith(f"{prefix}/")
