"""The party that serves the cockpit."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, cast

from privman_core.clock import ClockError, Due
from privman_core.cockpit.approval_facts import MOST_ABOUT, MOST_REGISTERING, ApprovalState, DeliveryState, KnownRequest
from privman_core.cockpit.contract_comparison import ContractComparison
from privman_core.cockpit.exchange_facts import (
    EditedRequest,
    ExchangeDetail,
    ExchangeRow,
    FoundExchanges,
    PrintedExchange,
)
from privman_core.cockpit.journal_search import JournalSearch
from privman_core.cockpit.missing_values import MOST_LOOKED_AT, values_of
from privman_core.cockpit.party_facts import (
    LONGEST_URL,
    MOST_HITS,
    ClockState,
    FaultHit,
    FaultsState,
    FaultState,
    Hello,
    Marks,
)
from privman_core.cockpit.product import Product
from privman_core.cockpit.replayer import Replayer
from privman_core.cockpit.search import Search
from privman_core.cockpit.search_line import written
from privman_core.cockpit.search_words import SearchError
from privman_core.cockpit.seen_exchanges import LONGEST_SEARCHED, Seen
from privman_core.cockpit.shown_party import MOST_OF_A_MARK, PartyError, ShownParty, require_reach
from privman_core.command_line import installed_version
from privman_core.cuts import cut
from privman_core.exchange import Exchange
from privman_core.faults import Fault, FaultError
from privman_core.findings import LONGEST_MESSAGE
from privman_core.instruments import Instruments
from privman_core.journal import aside


class OwnParty(ShownParty):
    """The party that serves the cockpit."""

    url = ""

    def __init__(self, product: Product, instruments: Instruments, replayer: Replayer) -> None:
        self.name = product.name
        self._product = product
        self._replayer = replayer
        self._journal = instruments.journal
        self._clock = instruments.clock
        self._faults = instruments.faults

    async def marks(self) -> Marks:
        now = self._clock.now().isoformat() if self._clock.virtual else ""
        return Marks(self._journal.changes, self._faults.changes, now, self._journal.epoch)

    async def find(self, line: str, most: int, before: int = 0) -> FoundExchanges:
        kept, rows = self._journal, list[ExchangeRow]()
        search = JournalSearch(kept, _read(line), self._seen, before)
        async for each in search.fitting():
            rows.append(self._row(each))
            if len(rows) > most:
                break
        more = len(rows) > most
        values = {} if rows or before else self._values(line)
        return FoundExchanges(rows[:most], more, kept.evicted, kept.newest, kept.epoch, search.unjudged, values)

    def _values(self, line: str) -> dict[str, list[str]]:
        """Return what the newest exchanges have of the words of a search line."""
        newest = self._journal.kept(max(0, self._journal.newest - MOST_LOOKED_AT))
        return values_of(line, map(self._seen, reversed(newest)))

    async def marked(self, marks: Collection[str]) -> list[ExchangeRow]:
        found = _of_marks(self._journal.kept(), set(marks) - {""})
        return [self._row(self._seen(each)) async for each in self._journal.read(found)]

    async def exchange(self, number: int) -> ExchangeDetail | None:
        found = await self._journal.find(number)
        if found is None:
            return None
        printed, (earlier, later) = (
            await self._journal.printed(found),
            [await self._kept(number + step) for step in (-1, 1)],
        )
        row, shown = self._row(self._seen(found)), cast("PrintedExchange", printed)
        return ExchangeDetail(row, shown, earlier, later, self._replayer.reason(found))

    async def compared(self, number: int) -> ContractComparison:
        found = await self._journal.find(number)
        if found is None:
            return ContractComparison()
        printed = await self._journal.printed(found)
        return await aside(found, lambda exchange: self._product.compare(exchange, printed))

    async def _kept(self, number: int) -> int:
        return 0 if await self._journal.find(number) is None else number

    async def replay(self, number: int, edited: EditedRequest | None = None) -> int:
        found = await self._journal.find(number)
        if found is None:
            raise PartyError(f"exchange {number} is not kept")
        return await self._replayer.send(found, edited)

    async def forget(self) -> None:
        self._journal.clear()

    def hello(self) -> Hello:
        """Return which party this is, with the time and the number of armed faults."""
        now = self._clock.now()
        armed = sum(fault.stage(now) in {"armed", "waiting"} for fault in self._faults.known)
        return Hello(self.name, installed_version(), now, armed, self._clock.virtual, self._journal.started)

    async def clock(self) -> ClockState:
        return ClockState(self._clock.now(), self._clock.next_due, self._clock.virtual)

    async def advance_to(self, moment: datetime) -> None:
        require_reach(moment, self._clock.now())
        try:
            await self._clock.advance_to(moment)
        except ClockError as error:
            raise PartyError(str(error), "jump") from None

    async def due(self, most: int) -> list[Due]:
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
        try:
            self._faults.arm(spec)
        except FaultError as error:
            raise PartyError(str(error), errors=error.errors) from None

    async def disarm(self, number: int) -> None:
        if not self._faults.disarm(number):
            raise PartyError(f"{self.name} has no fault {number}", "number")

    async def disarm_all(self) -> None:
        self._faults.clear()

    async def approvals(self, most: int) -> list[ApprovalState]:
        return await self._product.approvals(most)

    async def deliveries(self, most: int) -> list[DeliveryState]:
        return await self._product.deliveries(most)

    async def request(self, request_id: str) -> KnownRequest:
        detail = await self._product.request(request_id)
        about = await self.find(written(request=request_id), MOST_ABOUT)
        used = dict.fromkeys(detail.registrations if detail else ())
        ids = ",".join(used | dict.fromkeys(each for row in about.rows for each in row.registers))
        found = await self.find(written(registration=ids), MOST_REGISTERING) if ids else FoundExchanges([])
        return KnownRequest(detail, about, found)

    def _seen(self, exchange: Exchange) -> Seen:
        return Seen(exchange, self.name, self._product.explain, self._journal)

    def _row(self, seen: Seen) -> ExchangeRow:
        exchange, known = seen.exchange, seen.known
        return ExchangeRow(
            number=exchange.number,
            at=exchange.at,
            direction=exchange.direction,
            method=exchange.method,
            url=cut(self._journal.show_url(exchange), LONGEST_SEARCHED),
            other_party=self._journal.mask(known.other_party),
            contract=known.contract,
            status=exchange.status,
            error=exchange.error,
            fault=exchange.fault,
            verdict=seen.verdict,
            broken=seen.broken,
            findings=len(exchange.findings),
            about=list(exchange.about),
            replays=exchange.replays,
            edited=exchange.edited,
            registers=list(exchange.registers),
            prepares=known.prepares,
            delivers=known.delivers,
            real=exchange.real,
            mark=exchange.mark,
            user=self._journal.mask(exchange.user),
            unusable=exchange.unusable,
            refusal=self._journal.mask(cut(exchange.findings.refusal, LONGEST_MESSAGE)),
        )


def _of_marks(exchanges: Iterable[Exchange], marks: Collection[str]) -> Iterator[Exchange]:
    """Yield the exchanges that have one of these marks, at most `MOST_OF_A_MARK` of each."""
    times = Counter[str]()
    for each in exchanges:
        if each.mark in marks and times[each.mark] < MOST_OF_A_MARK:
            times[each.mark] += 1
            yield each


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
        raise PartyError(str(error), "find") from None
