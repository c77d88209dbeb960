"""The other end of the integration, read and controlled through its control plane."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
import orjson
from msgspec import Struct
from msgspec.structs import replace
from yarl import URL

from privman_core.clock import Due, RealClock
from privman_core.cockpit.contract_comparison import ContractComparison
from privman_core.cockpit.ends import EndError
from privman_core.cockpit.facts import (
    ApprovalState,
    ClockState,
    DeliveryState,
    EditedRequest,
    ExchangeDetail,
    ExchangeRow,
    FaultsState,
    FoundExchanges,
    Hello,
    Marks,
    Repeated,
    RequestDetail,
)
from privman_core.command_line import installed_version
from privman_core.control_index import PREFIX
from privman_core.inputs import Trust, is_loopback_name
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.outbound import LARGEST_ANSWER, HttpAnswer, HttpCaller, NoAnswerError

COCKPIT_CALLS = f"{PREFIX}/cockpit"
"""The calls of a control plane that the cockpit of the other end reads."""
GREETING, SOON, LONG = 1.0, 5.0, 120.0
"""Real seconds that the other end may take to say which it is, for another answer, and for a jump in time."""
LEFT_ALONE = timedelta(seconds=15)
"""Real time in which an address that has not answered in time is not asked again."""
_SUCCESSES = range(200, 300)
T = TypeVar("T")


class _Refusal(Struct, frozen=True):
    error: str
    key: str = ""


class ControlClient:
    """Calls the control plane of the other end; closes with its server.

    Args:
        trusted: certificates to trust.
    """

    def __init__(self, trusted: Trust) -> None:
        self._clock = clock = RealClock()  # whoever waits for the other end looks at a page
        self._silent: dict[str, datetime] = {}  # the only address that is left alone, until then
        unread = Journal(clock, Secrets(), lambda _exchange: (), kept_exchanges=1)
        agent = f"privman-cockpit/{installed_version()}"
        self._caller = HttpCaller(clock, unread, agent, trusted=trusted, largest=LARGEST_ANSWER)

    async def send(self, method: str, url: str, token: str, body: object = None, seconds: float = SOON) -> HttpAnswer:
        """Return the answer; raises EndError if there is none."""
        headers = {"X-Admin-Token": token} if token else {}
        content = b""
        if body is not None:
            headers["Content-Type"], content = "application/json", orjson.dumps(body)
        try:
            return await self._caller.send(method, url, headers, content, seconds)
        except NoAnswerError as error:
            raise EndError(str(error)) from None

    async def greet(self, url: str, token: str) -> HttpAnswer:
        """Return what answers at an address; raises EndError at once if it has just let somebody wait in vain."""
        begun = self._clock.now()
        if begun < self._silent.get(url, begun):
            raise EndError(f"{url} did not answer in time, and is not asked again for {LEFT_ALONE.seconds} s.")
        try:
            return await self.send("GET", f"{url}{COCKPIT_CALLS}", token, seconds=GREETING)
        except EndError:
            now = self._clock.now()
            self._silent = {url: now + LEFT_ALONE} if now - begun >= timedelta(seconds=GREETING) else {}
            raise

    async def aclose(self) -> None:
        """Close the connections."""
        await self._caller.aclose()


class OtherEnd:
    """An end behind its control plane; implements `End`."""

    def __init__(self, name: str, url: str, token: str, client: ControlClient) -> None:
        self.name = name
        self.url = url
        self._token = token
        self._client = client

    async def marks(self) -> Marks:
        """Return marks that show whether anything has changed."""
        return await self._read("/cockpit/marks", Marks)

    async def find(self, line: str, most: int, before: int = 0) -> FoundExchanges:
        """Return the newest exchanges that the search line fits."""
        query = {"find": line, "limit": str(most), "before": str(before)}
        return await self._read(f"/cockpit/exchanges{URL.build(query=query)}", FoundExchanges)

    async def marked(self, marks: Collection[str]) -> list[ExchangeRow]:
        """Return the exchanges with these marks, oldest first."""
        answer = await self._send("POST", "/cockpit/marked", {"marks": list(marks)})
        return self._decoded(answer, list[ExchangeRow])

    async def exchange(self, number: int) -> ExchangeDetail | None:
        """Return the exchange of that number; None if it is not kept."""
        answer = await self._send("GET", f"/cockpit/exchanges/{number}")
        return None if answer.status == HTTPStatus.NOT_FOUND else self._decoded(answer, ExchangeDetail)

    async def send_again(self, number: int, edited: EditedRequest | None = None) -> int:
        """Send the request of an exchange again; return the number of the new exchange."""
        body = {} if edited is None else msgspec.to_builtins(edited)
        answer = await self._send("POST", f"/cockpit/exchanges/{number}/replay", body, LONG)
        return self._decoded(answer, Repeated).number

    async def compared(self, number: int) -> ContractComparison:
        """Return the exchange of that number beside its contract; nothing of one that is not kept."""
        return await self._read(f"/cockpit/exchanges/{number}/compared", ContractComparison)

    async def forget(self) -> None:
        """Empty the journal."""
        await self._call("DELETE", "/requests")

    async def clock(self) -> ClockState:
        """Return the time; nothing falls due before it."""
        state = await self._read("/cockpit/clock", ClockState)
        return state if state.due is None else replace(state, due=max(state.due, state.now))

    async def advance_to(self, moment: datetime) -> None:
        """Let virtual time jump, unless it is that late; returns when what fell due has been sent and answered."""
        await self._call("POST", "/clock/advance", {"until": moment.isoformat()})

    async def due(self, most: int) -> list[Due]:
        """Return what falls due, at most so many, earliest first."""
        return await self._read(f"/cockpit/due?limit={most}", list[Due])

    async def faults(self) -> FaultsState:
        """Return the faults."""
        return await self._read("/cockpit/faults", FaultsState)

    async def arm(self, spec: Mapping[str, Any]) -> None:
        """Arm a fault."""
        await self._call("POST", "/faults", dict(spec))

    async def disarm(self, number: int) -> None:
        """Disarm the fault of that number; 0 disarms all."""
        await self._call("DELETE", f"/faults/{number}" if number else "/faults")

    async def approvals(self, most: int) -> list[ApprovalState]:
        """Return the newest approval requests, newest first."""
        return await self._read(f"/cockpit/approvals?limit={most}", list[ApprovalState])

    async def deliveries(self, most: int) -> list[DeliveryState]:
        """Return the newest deliveries, newest first."""
        return await self._read(f"/cockpit/deliveries?limit={most}", list[DeliveryState])

    async def request(self, request_id: str) -> RequestDetail | None:
        """Return what the end knows of an approval request; None if it has none with that RequestId."""
        answer = await self._send("GET", f"/cockpit/requests/{quote(request_id, safe='')}")
        return None if answer.status == HTTPStatus.NOT_FOUND else self._decoded(answer, RequestDetail)

    async def _read(self, path: str, shape: type[T]) -> T:
        return self._decoded(await self._send("GET", path), shape)

    async def _call(self, method: str, path: str, body: object = None) -> None:
        self._raise_if_refused(await self._send(method, path, body, LONG))

    async def _send(self, method: str, path: str, body: object = None, seconds: float = SOON) -> HttpAnswer:
        return await self._client.send(method, f"{self.url}{PREFIX}{path}", self._token, body, seconds)

    def _decoded(self, answer: HttpAnswer, shape: type[T]) -> T:
        self._raise_if_refused(answer)
        try:
            return msgspec.json.decode(answer.body, type=shape)
        except (msgspec.DecodeError, RecursionError) as error:
            raise EndError(f"{self.name} at {self.url} answers what this version cannot read: {error}") from None

    def _raise_if_refused(self, answer: HttpAnswer) -> None:
        if answer.status in _SUCCESSES:
            return
        try:
            refusal = msgspec.json.decode(answer.body, type=_Refusal)
        except (msgspec.DecodeError, RecursionError):
            refusal = _Refusal(f"{self.name} at {self.url} answers with status {answer.status}")
        raise EndError(refusal.error, refusal.key)


class Neighbour(Struct, frozen=True):
    """The other end, or why the cockpit shows one end only."""

    end: OtherEnd | None
    reason: str = ""
    hello: Hello | None = None


class Neighbourhood:
    """Finds the other end: at the address of a setting, or else where the product's own configuration says.

    Somebody on another machine may have written the configuration. So its address is used only if it is on this
    machine, and no token is sent there.

    Args:
        own_name: of the end that serves the cockpit.
        way: how a user names the other end at the start, as a sentence.
        url: the setting; empty for none.
        token: of the control plane at that address.
    """

    def __init__(self, own_name: str, way: str, client: ControlClient, url: str = "", token: str = "") -> None:
        self._own_name = own_name
        self._way = way
        self._client = client
        self._url = url
        self._token = token
        self._last: OtherEnd | None = None

    async def last(self) -> OtherEnd | None:
        """Return the end that was found last, or that the setting names; None if none has ever answered."""
        if self._last is None and self._url:
            await self.find("")
        return self._last

    async def find(self, configured: str) -> Neighbour:
        """Return the other end, if it is one of the simulators and answers; ``configured`` is the product's address."""
        url, token = (self._url, self._token) if self._url else (_origin(configured), "")
        if not url:
            return Neighbour(None, f"No other end is known yet. {self._way}")
        if not self._url and not is_loopback_name(URL(url).host or ""):
            return Neighbour(None, f"The other end, {url}, is on another machine. {self._way}")
        try:
            hello = await self._ask(url, token)
        except EndError as error:
            return Neighbour(None, str(error))
        self._last = OtherEnd(hello.name, url, token, self._client)
        return Neighbour(self._last, hello=hello)

    async def _ask(self, url: str, token: str) -> Hello:
        """Return what the end at that address says of itself; raises EndError if it is none, or this one."""
        answer = await self._client.greet(url, token)
        if answer.status == HTTPStatus.FORBIDDEN:
            raise EndError(f"The other end, {url}, refuses the token of this cockpit, or its lack of one. {self._way}")
        if answer.status not in _SUCCESSES:
            raise EndError(f"The other end, {url}, is none of the simulators: it answers with {answer.status}.")
        try:
            hello = msgspec.json.decode(answer.body, type=Hello)
        except (msgspec.DecodeError, RecursionError):
            raise EndError(f"The other end, {url}, is none of the simulators.") from None
        if hello.name == self._own_name:
            raise EndError(f"The other end, {url}, is {hello.name} itself.")
        return hello


def _origin(url: str) -> str:
    try:
        return str(URL(url).origin()) if url else ""
    except ValueError:
        return ""
