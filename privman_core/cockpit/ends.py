"""The two ends of the integration, as the cockpit reads and controls them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

from msgspec import Struct

from privman_core.clock import MOST_SECONDS, ClockError, Due
from privman_core.cockpit.contract_comparison import ContractComparison
from privman_core.cockpit.facts import (
    LONGEST_URL,
    MOST_HITS,
    ApprovalState,
    ClockState,
    DeliveryState,
    EditedRequest,
    ExchangeDetail,
    ExchangeRow,
    ExchangeToSave,
    FaultHit,
    FaultsState,
    FaultState,
    FoundExchanges,
    Hello,
    Marks,
    PrintedExchange,
    RequestDetail,
)
from privman_core.cockpit.journal_search import JournalSearch
from privman_core.cockpit.recipes import Recipe
from privman_core.cockpit.search import Search, SearchError, Seen
from privman_core.command_line import installed_version
from privman_core.cuts import cut
from privman_core.exchange import Exchange
from privman_core.faults import Fault, FaultError
from privman_core.instruments import Instruments
from privman_core.journal import aside


class EndError(Exception):
    """An end cannot do what the cockpit asks; the message says why.

    Attributes:
        key: of the field that is wrong; empty for none.
    """

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


def require_reach(moment: datetime, now: datetime) -> None:
    """Raise EndError for a jump that is longer than any may be."""
    if moment - now > timedelta(seconds=MOST_SECONDS):
        raise EndError(
            f"{moment:%Y-%m-%d %H:%M:%S} is too far from {now:%Y-%m-%d %H:%M:%S}; expected at most ten years", "jump"
        )


class End(Protocol):
    """One end; each call raises EndError if the end refuses it or cannot be reached."""

    @property
    def name(self) -> str:
        """``ServiceNow`` or ``Console``."""

    @property
    def url(self) -> str:
        """Where a browser finds it; empty for the end that serves the cockpit."""

    async def marks(self) -> Marks:
        """Return marks that show whether anything has changed."""

    async def find(self, line: str, most: int, before: int = 0) -> FoundExchanges:
        """Return the newest exchanges that the search line fits.

        Args:
            line: see `Search`.
            most: how many at most.
            before: only those with a lower number; 0 for all.
        """

    async def marked(self, marks: Collection[str]) -> list[ExchangeRow]:
        """Return the exchanges with these marks, oldest first."""

    async def exchange(self, number: int) -> ExchangeDetail | None:
        """Return the exchange of that number; None if it is not kept."""

    async def send_again(self, number: int, edited: EditedRequest | None = None) -> int:
        """Send the request of an exchange again, as it was or edited; return the number of the new exchange.

        Waits some seconds for the answer, which may come later.
        """

    async def compared(self, number: int) -> ContractComparison:
        """Return the exchange of that number beside its contract; nothing of one that is not kept."""

    async def forget(self) -> None:
        """Empty the journal."""

    async def clock(self) -> ClockState:
        """Return the time."""

    async def advance_to(self, moment: datetime) -> None:
        """Let virtual time jump, unless it is that late; returns when what fell due has been sent and answered."""

    async def due(self, most: int) -> list[Due]:
        """Return what falls due, at most so many, earliest first."""

    async def faults(self) -> FaultsState:
        """Return the faults."""

    async def arm(self, spec: Mapping[str, Any]) -> None:
        """Arm a fault."""

    async def disarm(self, number: int) -> None:
        """Disarm the fault of that number; 0 disarms all."""

    async def approvals(self, most: int) -> list[ApprovalState]:
        """Return the newest approval requests, newest first."""

    async def deliveries(self, most: int) -> list[DeliveryState]:
        """Return the newest deliveries, newest first."""

    async def request(self, request_id: str) -> RequestDetail | None:
        """Return what the end knows of an approval request; None if it has none with that RequestId."""


class Explanation(Struct, frozen=True):
    """A product's knowledge about an exchange.

    Attributes:
        party: the other party, such as ``Console`` or ``Browser``.
        contract: summary of the contract that the exchange must keep; empty if none applies.
        prepares: whether it only prepares the next exchange, as a token call does.
    """

    party: str
    contract: str = ""
    prepares: bool = False


def is_sent_by(exchange: Exchange, program: str) -> bool:
    """Return whether a program of that name says in User-Agent that it has sent the request."""
    return exchange.request_headers.get("User-Agent", "").startswith(f"{program}/")


class Product(Protocol):
    """What a product tells its cockpit."""

    name: str
    """``ServiceNow`` or ``Console``."""
    way_to_other: str
    """How a user names the other end at the start, as a sentence."""

    def explain(self, exchange: Exchange) -> Explanation:
        """Return who the other party of an exchange is, and the contract of the exchange."""

    def scenario(self, title: str, exchanges: Sequence[ExchangeToSave]) -> str:
        """Return the YAML of a scenario that plays the same, for ``privman-scenarios``."""

    def compare(self, exchange: Exchange, printed: dict[str, Any]) -> ContractComparison:
        """Return an exchange beside its contract; ``printed`` is the same as the control plane prints it."""

    async def approvals(self, most: int) -> list[ApprovalState]:
        """Return the newest approval requests, newest first."""

    async def deliveries(self, most: int) -> list[DeliveryState]:
        """Return the newest deliveries, newest first."""

    async def due(self, most: int) -> list[Due]:
        """Return what falls due, beside what waits on the clock under a label; in any order."""

    def recipes(self) -> list[Recipe]:
        """Return the faults of this end that testers arm most."""

    async def request(self, request_id: str) -> RequestDetail | None:
        """Return what the product knows of an approval request; None if it has none with that RequestId."""

    async def other_url(self) -> str:
        """Return the address of the other end that the product's own configuration names; empty for none."""


class Repeater(Protocol):
    """Sends the requests of an end again."""

    def reason(self, exchange: Exchange) -> str:
        """Return why the request of an exchange cannot be sent again; empty if it can."""

    async def send(self, exchange: Exchange, edited: EditedRequest | None) -> int:
        """Send the request again; return the number of the new exchange. Raises EndError."""


class OwnEnd:
    """The end that serves the cockpit; implements `End`."""

    url = ""

    def __init__(self, product: Product, instruments: Instruments, repeater: Repeater) -> None:
        self.name = product.name
        self._product = product
        self._repeater = repeater
        self._journal = instruments.journal
        self._clock = instruments.clock
        self._faults = instruments.faults

    async def marks(self) -> Marks:
        """Return marks that show whether anything has changed."""
        now = self._clock.now().isoformat() if self._clock.virtual else ""
        return Marks(self._journal.changes, self._faults.changes, now)

    async def find(self, line: str, most: int, before: int = 0) -> FoundExchanges:
        """Return the newest exchanges that the search line fits."""
        kept, rows = self._journal, list[ExchangeRow]()
        search = JournalSearch(kept, _read(line), self._seen, before)
        async for each in search.fitting():
            rows.append(self._row(each))
            if len(rows) > most:
                break
        more = len(rows) > most
        return FoundExchanges(rows[:most], more, kept.evicted, kept.newest, kept.clears, search.unjudged)

    async def marked(self, marks: Collection[str]) -> list[ExchangeRow]:
        """Return the exchanges with these marks, oldest first."""
        wanted = set(marks) - {""}
        found = (each for each in self._journal.kept() if each.mark in wanted)
        return [self._row(self._seen(each)) async for each in self._journal.read(found)]

    async def exchange(self, number: int) -> ExchangeDetail | None:
        """Return the exchange of that number; None if it is not kept."""
        found = await self._journal.find(number)
        if found is None:
            return None
        printed, (earlier, later) = (
            await self._journal.printed(found),
            [await self._kept(number + step) for step in (-1, 1)],
        )
        row, shown = self._row(self._seen(found)), cast("PrintedExchange", printed)
        return ExchangeDetail(row, shown, earlier, later, self._repeater.reason(found))

    async def compared(self, number: int) -> ContractComparison:
        """Return the exchange of that number beside its contract; nothing of one that is not kept."""
        found = await self._journal.find(number)
        if found is None:
            return ContractComparison()
        printed = await self._journal.printed(found)
        return await aside(found, lambda exchange: self._product.compare(exchange, printed))

    async def _kept(self, number: int) -> int:
        return 0 if await self._journal.find(number) is None else number

    async def send_again(self, number: int, edited: EditedRequest | None = None) -> int:
        """Send the request of an exchange again; return the number of the new exchange."""
        found = await self._journal.find(number)
        if found is None:
            raise EndError(f"exchange {number} is not kept")
        return await self._repeater.send(found, edited)

    async def forget(self) -> None:
        """Empty the journal."""
        self._journal.clear()

    def hello(self) -> Hello:
        """Return which end this is, with the time and the number of armed faults."""
        now = self._clock.now()
        armed = sum(fault.stage(now) in {"armed", "waiting"} for fault in self._faults.known)
        return Hello(self.name, installed_version(), now, armed, self._clock.virtual)

    async def clock(self) -> ClockState:
        """Return the time."""
        return ClockState(self._clock.now(), self._clock.next_due, self._clock.virtual)

    async def advance_to(self, moment: datetime) -> None:
        """Let virtual time jump, unless it is that late."""
        require_reach(moment, self._clock.now())
        try:
            await self._clock.advance_to(moment)
        except ClockError as error:
            raise EndError(str(error), "jump") from None

    async def due(self, most: int) -> list[Due]:
        """Return what falls due, at most so many, earliest first."""
        found = [*await self._product.due(most), *self._clock.waiting, *self._fault_times()]
        return sorted(found, key=lambda due: due.at)[:most]

    def _fault_times(self) -> Iterator[Due]:
        """Yield when faults will begin and end to strike."""
        now = self._clock.now()
        for fault in self._faults.known:
            for at, word in ((fault.begins, "begins"), (fault.ends, "ends")):
                if at is not None and at > now:
                    yield Due(at, f"Fault {fault.kind!r} {word}", kind="fault")

    async def faults(self) -> FaultsState:
        """Return the faults."""
        now = self._clock.now()
        known = [*self._faults.known, *reversed(self._faults.spent)]
        hits = self._hits({fault.number for fault in known})
        states = [_fault_state(fault, now, hits.get(fault.number, [])) for fault in known]
        going = [each for each in states if each.stage in {"armed", "waiting"}]
        return FaultsState(
            [*going, *(each for each in states if each not in going)], self._faults.described, self._product.recipes()
        )

    def _hits(self, numbers: set[int]) -> dict[int, list[FaultHit]]:
        """Return the kept exchanges that the faults of these numbers have struck, newest first."""
        found: dict[int, list[FaultHit]] = {}
        for each in reversed(self._journal.kept()) if numbers else ():
            if each.fault_number in numbers and len(hits := found.setdefault(each.fault_number, [])) < MOST_HITS:
                answer = str(each.status or each.error or "…")
                url = cut(self._journal.show_url(each), LONGEST_URL)
                hits.append(FaultHit(each.number, each.at, each.method, url, answer))
        return found

    async def arm(self, spec: Mapping[str, Any]) -> None:
        """Arm a fault."""
        try:
            self._faults.arm(spec)
        except FaultError as error:
            raise EndError(str(error), error.key) from None

    async def disarm(self, number: int) -> None:
        """Disarm the fault of that number; 0 disarms all."""
        if number:
            self._faults.disarm(number)
        else:
            self._faults.clear()

    async def approvals(self, most: int) -> list[ApprovalState]:
        """Return the newest approval requests, newest first."""
        return await self._product.approvals(most)

    async def deliveries(self, most: int) -> list[DeliveryState]:
        """Return the newest deliveries, newest first."""
        return await self._product.deliveries(most)

    async def request(self, request_id: str) -> RequestDetail | None:
        """Return what the end knows of an approval request; None if it has none with that RequestId."""
        return await self._product.request(request_id)

    def _seen(self, exchange: Exchange) -> Seen:
        return Seen(exchange, self.name, self._product.explain, self._journal)

    def _row(self, seen: Seen) -> ExchangeRow:
        exchange, known = seen.exchange, self._product.explain(seen.exchange)
        return ExchangeRow(
            number=exchange.number,
            at=exchange.at,
            direction=exchange.direction,
            method=exchange.method,
            url=self._journal.show_url(exchange),
            party=known.party,
            contract=known.contract,
            status=exchange.status,
            error=exchange.error,
            fault=exchange.fault,
            verdict=seen.verdict,
            broken=seen.broken,
            findings=len(exchange.findings),
            about=list(exchange.about),
            repeats=exchange.repeats,
            edited=exchange.edited,
            registers=list(exchange.registers),
            prepares=known.prepares,
            mark=exchange.mark,
            user=self._journal.mask(exchange.user),
        )


def _fault_state(fault: Fault, now: datetime, hits: list[FaultHit]) -> FaultState:
    return FaultState(
        number=fault.number,
        stage=fault.stage(now),
        spec=fault.to_json(),
        struck=fault.struck,
        begins=fault.begins,
        ends=fault.ends,
        hits=hits,
    )


def _read(line: str) -> Search:
    try:
        return Search.read(line)
    except SearchError as error:
        raise EndError(str(error), "find") from None
