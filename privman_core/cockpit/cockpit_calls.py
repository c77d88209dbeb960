"""The calls of the control plane that the other party's cockpit reads; each answers what `OwnParty` returns."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from privman_core.cockpit.bounded_texts import MOST_ROWS
from privman_core.cockpit.exchange_facts import EditedRequest, Replay
from privman_core.cockpit.other_party import COCKPIT_CALLS
from privman_core.cockpit.own_party import OwnParty
from privman_core.cockpit.shown_party import PartyError
from privman_core.control import ControlError, read_fields, to_json
from privman_core.control_index import PREFIX
from privman_core.natural_numbers import natural_number


class CockpitCalls:
    """Calls by which the cockpit of the other party reads this one and controls it.

    Args:
        listens_at: learns from a request where this party listens.
    """

    def __init__(self, party: OwnParty, listens_at: Callable[[web.Request], None]) -> None:
        self._party = party
        self._listens_at = listens_at

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(COCKPIT_CALLS, self.hello),
            web.get(f"{COCKPIT_CALLS}/marks", self.marks),
            web.get(f"{COCKPIT_CALLS}/exchanges", self.exchanges),
            web.post(f"{COCKPIT_CALLS}/marked", self.marked),
            web.get(f"{COCKPIT_CALLS}/exchanges/{{number:[0-9]{{1,12}}}}", self.exchange),
            web.get(f"{COCKPIT_CALLS}/exchanges/{{number:[0-9]{{1,12}}}}/compared", self.compared),
            web.post(f"{COCKPIT_CALLS}/exchanges/{{number:[0-9]{{1,12}}}}/replay", self.replay),
            web.get(f"{COCKPIT_CALLS}/clock", self.clock),
            web.get(f"{COCKPIT_CALLS}/due", self.due),
            web.get(f"{COCKPIT_CALLS}/faults", self.faults),
            web.get(f"{COCKPIT_CALLS}/approvals", self.approvals),
            web.get(f"{COCKPIT_CALLS}/deliveries", self.deliveries),
            web.get(f"{COCKPIT_CALLS}/requests/{{request_id:[0-9a-fA-F-]{{36}}}}", self.request),
            web.delete(f"{PREFIX}/faults/{{number:[0-9]{{1,12}}}}", self.disarm),
        ]

    async def hello(self, _request: web.Request) -> web.Response:
        """Answer which party this is, its version, its time, and how many faults are armed."""
        return _answer(self._party.hello())

    async def marks(self, _request: web.Request) -> web.Response:
        """Answer numbers that change when the journal, the faults or virtual time do."""
        return _answer(await self._party.marks())

    async def exchanges(self, request: web.Request) -> web.Response:
        """Answer the newest exchanges that match the search line ``find``, at most ``limit``, ``before`` a number."""
        line, most, before = request.query.get("find", ""), _limit(request), _number(request, "before", 0)
        return await _answered(lambda: self._party.find(line, most, before))

    async def marked(self, request: web.Request) -> web.Response:
        """Answer the exchanges that have one of the ``marks``, oldest first."""
        body = await read_fields(request, "marks")
        try:
            marks = msgspec.convert(body.get("marks"), list[str])
        except msgspec.ValidationError as error:
            raise ControlError(f"'marks' is invalid: {error}") from None
        return _answer(await self._party.marked(marks[:MOST_ROWS]))

    async def exchange(self, request: web.Request) -> web.Response:
        """Answer one exchange with its bodies, verdict and findings."""
        number = int(request.match_info["number"])
        found = await self._party.exchange(number)
        return to_json({"error": f"exchange {number} is not kept"}, 404) if found is None else _answer(found)

    async def replay(self, request: web.Request) -> web.Response:
        """Replay an exchange; the call's body, if there is one, has the edited method, path, headers and body."""
        self._listens_at(request)
        body = await read_fields(request, *EditedRequest.__struct_fields__) if request.can_read_body else {}
        try:
            edited = msgspec.convert(body, EditedRequest) if body else None
        except msgspec.ValidationError as error:
            raise ControlError(f"the edited request is invalid: {error}") from None
        number = int(request.match_info["number"])
        return await _answered(lambda: self._replayed(number, edited))

    async def _replayed(self, number: int, edited: EditedRequest | None) -> Replay:
        return Replay(await self._party.replay(number, edited))

    async def compared(self, request: web.Request) -> web.Response:
        """Answer one exchange beside its contract."""
        return _answer(await self._party.compared(int(request.match_info["number"])))

    async def clock(self, _request: web.Request) -> web.Response:
        """Answer the time, what falls due next, and whether time is virtual."""
        return _answer(await self._party.clock())

    async def due(self, request: web.Request) -> web.Response:
        """Answer what falls due and which approval request it is about, earliest first, at most ``limit``."""
        return _answer(await self._party.due(_limit(request)))

    async def faults(self, _request: web.Request) -> web.Response:
        """Answer the faults with the exchanges that they have struck, the kinds, and the recipes."""
        return _answer(await self._party.faults())

    async def approvals(self, request: web.Request) -> web.Response:
        """Answer the newest approval requests as this party knows them, at most ``limit``."""
        return _answer(await self._party.approvals(_limit(request)))

    async def deliveries(self, request: web.Request) -> web.Response:
        """Answer the newest deliveries or server tasks with their attempts, at most ``limit``."""
        return _answer(await self._party.deliveries(_limit(request)))

    async def request(self, request: web.Request) -> web.Response:
        """Answer what this party has of the approval request with that RequestId."""
        return _answer(await self._party.request(request.match_info["request_id"].lower()))

    async def disarm(self, request: web.Request) -> web.Response:
        """Disarm the fault of that number."""
        try:
            await self._party.disarm(int(request.match_info["number"]))
        except PartyError as error:
            return to_json({"error": str(error)}, 404)
        return web.Response(status=204)


async def _answered(ask: Callable[[], Awaitable[object]]) -> web.Response:
    try:
        return _answer(await ask())
    except PartyError as error:
        return to_json({"error": str(error), "key": error.key}, 400)


def _answer(value: object) -> web.Response:
    # The names of headers are of a class of their own.
    return web.Response(body=msgspec.json.encode(value, enc_hook=str), content_type="application/json")


def _limit(request: web.Request) -> int:
    return min(MOST_ROWS, max(1, _number(request, "limit", MOST_ROWS)))


def _number(request: web.Request, name: str, default: int) -> int:
    number = natural_number(request.query.get(name, ""))
    return default if number is None else number
