"""The other party of the integration, read and controlled through its control plane."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import msgspec
import orjson
from msgspec import Meta, Struct
from msgspec.structs import replace
from yarl import URL

from privman_core.clock import Due, RealClock
from privman_core.cockpit.approval_facts import ApprovalState, DeliveryState, KnownRequest
from privman_core.cockpit.bounded_texts import Sentence, Word
from privman_core.cockpit.contract_comparison import ContractComparison
from privman_core.cockpit.exchange_facts import EditedRequest, ExchangeDetail, ExchangeRow, FoundExchanges, Replay
from privman_core.cockpit.foreign_answers import LARGEST, ForeignAnswerError, read_answer
from privman_core.cockpit.party_facts import ClockState, FaultsState, Marks
from privman_core.cockpit.shown_party import PartyError, ShownParty, UnusablePartyError
from privman_core.command_line import installed_version
from privman_core.control_index import PREFIX
from privman_core.inputs import Trust
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.outbound import LARGEST_ANSWER, HttpAnswer, HttpCaller, NoAnswerError

COCKPIT_CALLS = f"{PREFIX}/cockpit"
"""The calls of a control plane that the cockpit of the other party reads."""
GREETING, SOON, LONG = 1.0, 5.0, 120.0
"""Timeouts in real seconds: to say which party it is, for any other answer, and for a jump in time."""
PATIENCE = 20.0
"""Real seconds that the other party may take for all answers of one page."""
LEFT_ALONE = timedelta(seconds=15)
"""An address that did not answer in time, or not as a party does, is not asked again for this span of real time."""
BRIEFLY = timedelta(seconds=1)
"""The same for an address that refused a connection: a refusal comes at once, and the party may start again soon."""
_SUCCESSES = range(200, 300)
T = TypeVar("T")


class _Refusal(Struct, frozen=True):
    error: Word
    key: Word = ""
    errors: Annotated[dict[Word, Sentence], Meta(max_length=20)] = {}


class ControlClient:
    """Calls the control plane of the other party; closes with its server.

    Args:
        trusted: certificates to trust.
        listens_at: returns where the calling party listens on this machine; empty if that is not known.
    """

    def __init__(self, trusted: Trust, listens_at: Callable[[], str]) -> None:
        self.clock = clock = RealClock()  # a user who looks at a page waits in real time
        self._left_alone: dict[str, tuple[datetime, str]] = {}  # until when an address is left alone, and why
        unread = Journal(clock, Secrets(), lambda _exchange: (), kept_exchanges=1)
        agent = f"privman-cockpit/{installed_version()}"
        self._caller = HttpCaller(clock, unread, agent, trusted=trusted, largest=LARGEST_ANSWER, listens_at=listens_at)

    async def send(self, method: str, url: str, token: str, body: object = None, seconds: float = SOON) -> HttpAnswer:
        """Return the answer; raises NoAnswerError."""
        headers = {"X-Admin-Token": token} if token else {}
        content = b""
        if body is not None:
            headers["Content-Type"], content = "application/json", orjson.dumps(body)
        return await self._caller.send(method, url, headers, content, seconds)

    async def greet(self, url: str, token: str) -> HttpAnswer:
        """Ask an address which party it is; raises PartyError, without asking if the address is left alone.

        The message says what the address did instead of answering.
        """
        begun = self.clock.now()
        self._left_alone = {each: alone for each, alone in self._left_alone.items() if begun < alone[0]}
        if url in self._left_alone:
            raise PartyError(self._left_alone[url][1])
        try:
            return await self.send("GET", f"{url}{COCKPIT_CALLS}", token, seconds=GREETING)
        except NoAnswerError as error:
            if self.clock.now() - begun >= timedelta(seconds=GREETING):  # a failure at once costs no time
                self.leave_alone(url, "did not answer in time")
            raise PartyError(f"does not answer: {_reason(error)}") from None

    def leave_alone(self, url: str, reason: str, span: timedelta = LEFT_ALONE) -> None:
        """Do not ask an address again for a while; the reason says what it did."""
        self._left_alone[url] = (self.clock.now() + span, f"{reason}. It is not asked again for {span.seconds} s")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._caller.aclose()


class OtherParty(ShownParty):
    """A party behind its control plane, for one page."""

    def __init__(self, name: str, url: str, token: str, client: ControlClient) -> None:
        self.name = name
        self.url = url
        self._token = token
        self._client = client
        self._patience = PATIENCE

    def afresh(self) -> "OtherParty":
        """Return the party for another page."""
        return OtherParty(self.name, self.url, self._token, self._client)

    async def marks(self) -> Marks:
        return await self._read("/cockpit/marks", Marks)

    async def find(self, line: str, most: int, before: int = 0) -> FoundExchanges:
        query = {"find": line, "limit": str(most), "before": str(before)}
        return await self._read(f"/cockpit/exchanges{URL.build(query=query)}", FoundExchanges)

    async def marked(self, marks: Collection[str]) -> list[ExchangeRow]:
        answer = await self._send("POST", "/cockpit/marked", {"marks": list(marks)})
        return self._decoded(answer, list[ExchangeRow])

    async def exchange(self, number: int) -> ExchangeDetail | None:
        answer = await self._send("GET", f"/cockpit/exchanges/{number}")
        return None if answer.status == HTTPStatus.NOT_FOUND else self._decoded(answer, ExchangeDetail)

    async def replay(self, number: int, edited: EditedRequest | None = None) -> int:
        body = {} if edited is None else msgspec.to_builtins(edited)
        answer = await self._send("POST", f"/cockpit/exchanges/{number}/replay", body, LONG)
        return self._decoded(answer, Replay).number

    async def compared(self, number: int) -> ContractComparison:
        return await self._read(f"/cockpit/exchanges/{number}/compared", ContractComparison)

    async def forget(self) -> None:
        await self._call("DELETE", "/requests")

    async def clock(self) -> ClockState:
        state = await self._read("/cockpit/clock", ClockState)
        return state if state.due is None else replace(state, due=max(state.due, state.now))

    async def advance_to(self, moment: datetime) -> None:
        await self._call("POST", "/clock/advance", {"until": moment.isoformat()})

    async def due(self, most: int) -> list[Due]:
        return await self._read(f"/cockpit/due?limit={most}", list[Due])

    async def faults(self) -> FaultsState:
        return await self._read("/cockpit/faults", FaultsState)

    async def arm(self, spec: Mapping[str, Any]) -> None:
        await self._call("POST", "/faults", dict(spec))

    async def disarm(self, number: int) -> None:
        await self._call("DELETE", f"/faults/{number}")

    async def disarm_all(self) -> None:
        await self._call("DELETE", "/faults")

    async def approvals(self, most: int) -> list[ApprovalState]:
        return await self._read(f"/cockpit/approvals?limit={most}", list[ApprovalState])

    async def deliveries(self, most: int) -> list[DeliveryState]:
        return await self._read(f"/cockpit/deliveries?limit={most}", list[DeliveryState])

    async def request(self, request_id: str) -> KnownRequest:
        return await self._read(f"/cockpit/requests/{quote(request_id, safe='')}", KnownRequest)

    async def _read(self, path: str, shape: type[T]) -> T:
        return self._decoded(await self._send("GET", path), shape)

    async def _call(self, method: str, path: str, body: object = None) -> None:
        self._raise_if_refused(await self._send(method, path, body, LONG))

    async def _send(self, method: str, path: str, body: object = None, seconds: float = SOON) -> HttpAnswer:
        if self._patience <= 0:
            raise self._unusable(f"took more than {PATIENCE:g} s for the answers of one page")
        begun = self._client.clock.now()
        try:
            allowed = round(min(seconds, self._patience), 1) if seconds == SOON else seconds
            return await self._client.send(method, f"{self.url}{PREFIX}{path}", self._token, body, allowed)
        except NoAnswerError as error:
            has_waited = self._client.clock.now() - begun >= timedelta(seconds=GREETING)
            raise self._unusable(f"does not answer: {_reason(error)}", LEFT_ALONE if has_waited else BRIEFLY) from None
        finally:
            self._patience -= (self._client.clock.now() - begun).total_seconds() if seconds == SOON else 0

    def _decoded(self, answer: HttpAnswer, shape: type[T]) -> T:
        self._raise_if_refused(answer)
        try:
            return read_answer(answer.body, shape, LARGEST_ANSWER if shape is ExchangeDetail else LARGEST)
        except ForeignAnswerError as error:
            raise self._unusable(f"answers what this version cannot read: {error}") from None

    def _raise_if_refused(self, answer: HttpAnswer) -> None:
        if answer.status in _SUCCESSES:
            return
        try:
            refusal = read_answer(answer.body, _Refusal)
        except ForeignAnswerError:
            raise self._unusable(f"answers with status {answer.status}") from None
        raise PartyError(refusal.error, refusal.key, refusal.errors)

    def _unusable(self, reason: str, span: timedelta = LEFT_ALONE) -> UnusablePartyError:
        """Return the error, after which the party is left alone; the reason says what it did."""
        self._client.leave_alone(self.url, reason, span)
        return UnusablePartyError(f"{self.name} at {self.url} {reason}")


def _reason(error: NoAnswerError) -> str:
    """Return why no answer came, without the address."""
    return str(error).partition(": ")[2]
