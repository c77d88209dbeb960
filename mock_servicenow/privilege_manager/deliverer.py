"""Delivers responses to the consoles, with retries."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from heapq import nsmallest
from typing import TypeVar

from msgspec import Struct

from mock_servicenow.now_platform.errors import DatabaseUnavailable
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.privilege_manager.console_client import ConsoleClient, DeliveryOutcome
from mock_servicenow.privilege_manager.delivery_queue import Attempt, DeliveryQueue, Entry, PendingDelivery
from mock_servicenow.privilege_manager.outbox import NO_ANSWER, Delivery, Outbox
from mock_servicenow.privilege_manager.tables import ResponseRow
from privman_core.clock import Due, Timer
from privman_core.errands import Job
from privman_core.exchange import Exchange
from privman_core.findings import Finding
from privman_core.outbound import Purpose
from privman_core.seldom_log import SeldomLog

T = TypeVar("T")
Note = Callable[[Finding], None]
POLL_SECONDS = 1.0
"""Interval at which a process looks for responses that others left behind, and renews its claims."""
PAUSE = timedelta(seconds=1)
"""Wait before a step is retried because the database failed."""
LONG_PAUSE = timedelta(seconds=60)
"""Wait after an unexpected failure."""
_MOST_FOUND = 1_000  # at a time; the next poll finds more
_SHOWN_AT_ONCE = 20  # each with as many attempts as there may be retries
_MOST_OF_REQUEST = 20
_ALL = 2**31 - 1


class NextAttempt(Struct, frozen=True):
    """The next attempt."""

    until: datetime
    timer: Timer


class KnownDelivery(Struct, frozen=True):
    """A response with its entry in the queue; ``state`` is ``pending``, ``delivered`` or ``failed``."""

    response: ResponseRow
    entry: Entry
    state: str

    @property
    def next_at(self) -> datetime | None:
        """When the next attempt falls due; None for none, and while one is made."""
        return None if self.entry.leased else self.entry.due


class Deliverer:
    """Makes the attempts in the queue, each at its time.

    If several processes share a database, each response is sent by the one that claims it. All of them look for due
    responses, so none waits for a dead process.
    """

    def __init__(
        self, instance: Instance, outbox: Outbox, queue: DeliveryQueue, client: ConsoleClient, note: Note
    ) -> None:
        self._instance = instance
        self._clock = instance.clock
        self._outbox = outbox
        self._queue = queue
        self._client = client
        self._note = note
        self._log = SeldomLog(logging.getLogger("mock_servicenow.deliveries"), instance.clock)
        self._alone = instance.store.embedded
        self._waiting: dict[str, NextAttempt] = {}
        self._sending: set[str] = set()
        self._starts = 0
        self._poll: Timer | None = None
        self._loop: asyncio.AbstractEventLoop  # known once it has started

    async def start(self) -> None:
        """Continue the deliveries of earlier processes; call it in the loop that serves."""
        self._loop = asyncio.get_running_loop()
        self._starts += 1
        await self._look()
        if not self._alone:
            self._poll = self._clock.poll(POLL_SECONDS, self._look)

    def wake(self, response_id: str) -> None:
        """Send a response that has just been committed; thread-safe."""
        now = self._clock.now()
        self._loop.call_soon_threadsafe(self._schedule, PendingDelivery(response_id, now, now))

    def stop(self) -> None:
        """Make no more attempts."""
        if self._poll is not None:
            self._poll.cancel()
        for waiting in self._waiting.values():
            waiting.timer.cancel()
        self._waiting.clear()
        self._sending.clear()
        self._client.forget_tokens()

    async def all(self) -> AsyncIterator[dict[str, object]]:
        """Yield every delivery with its attempts, as the control plane prints them, oldest first.

        Others are served in between.
        """
        ids = await self._in_session(self._ids)
        for start in range(0, len(ids), _SHOWN_AT_ONCE):
            some = ids[start : start + _SHOWN_AT_ONCE]
            for each in await self._in_session(partial(self._describe_those, ids=some)):
                yield each
            await asyncio.sleep(0)

    async def newest(self, most: int) -> list[KnownDelivery]:
        """Return the newest deliveries, newest first."""
        return await self._in_session(partial(self._newest, most=most))

    async def of_request(self, request_id: str) -> list[KnownDelivery]:
        """Return the newest deliveries about a request, newest first."""
        column = self._outbox.responses[ResponseRow.request_id]
        return await self._in_session(partial(self._newest, most=_MOST_OF_REQUEST, query=f"{column}={request_id}"))

    async def coming(self, most: int) -> list[Due]:
        """Return the next attempts, at most so many, earliest first."""
        waiting = nsmallest(most, ((each.until, response_id) for response_id, each in self._waiting.items()))
        return await self._in_session(partial(self._in_words, waiting=waiting))

    def _in_words(self, session: Session, waiting: list[tuple[datetime, str]]) -> list[Due]:
        found = session.get_many(self._outbox.responses.name, [response_id for _, response_id in waiting])
        rows = {response_id: self._outbox.responses.row(record) for response_id, record in found.items()}
        due = [(until, rows[response_id]) for until, response_id in waiting if response_id in rows]
        return [Due(at, f"Deliver {row.response!r} to the console", row.request_id, "delivery") for at, row in due]

    async def _look(self) -> None:
        """Schedule due responses; if the database fails, look again later."""
        try:
            found = await self._in_session(self._find)
        except DatabaseUnavailable:
            if self._alone:  # else the next poll does
                self._clock.call_at(self._clock.now() + PAUSE, self._look)
            return
        for each in found:
            self._schedule(each)

    def _find(self, session: Session) -> list[PendingDelivery]:
        if self._alone:
            self._queue.release_all(session)
            return self._queue.waiting(session, self._clock.now())
        self._queue.renew(session, tuple(self._sending), self._clock.now())
        return self._queue.waiting(session, self._clock.now(), _MOST_FOUND)

    def _schedule(self, found: PendingDelivery) -> None:
        response_id, when = found.response_id, found.claimable_at
        known = self._waiting.get(response_id)
        if response_id in self._sending or (known is not None and known.until <= when):
            return
        if known is not None:
            known.timer.cancel()
        timer = self._clock.call_at(when, partial(self._attempt, response_id, found.due))
        self._waiting[response_id] = NextAttempt(when, timer)

    async def _attempt(self, response_id: str, due: datetime) -> None:
        """Make the attempt that was due then, even if the clock has been set back meanwhile."""
        self._waiting.pop(response_id, None)
        self._sending.add(response_id)
        try:
            # The start of the app in which it is claimed: a reset may come in between.
            start, delivery = await self._in_session(
                lambda session: (self._starts, self._outbox.claim(session, response_id, due))
            )
        except Exception as error:  # noqa: BLE001 - after any failure the response must still be sent
            self._try_again(error, partial(self._attempt, response_id, due))
            return
        if delivery is None:
            self._sending.discard(response_id)
            return
        began, outcome, reason = self._clock.now(), DeliveryOutcome(NO_ANSWER), ""
        calls: list[Exchange] = []
        try:
            purpose = Purpose((delivery.request_id,))
            outcome = await self._client.deliver(delivery.configuration, delivery.decision, purpose, calls.append)
        except Exception as error:  # noqa: BLE001 - an answer may be broken in unexpected ways
            reason = f"{type(error).__name__}: {error}"
        attempt = Attempt(
            began.isoformat(),
            outcome.status,
            refused=bool(outcome.refusal),
            token=outcome.token,
            answered=outcome.answered,
            mark=calls[-1].mark if calls else "",
        )
        await self._settle(start, delivery, attempt, reason or outcome.refusal or outcome.reason)

    async def _settle(self, start: int, delivery: Delivery, attempt: Attempt, reason: str) -> None:
        """Record an attempt, and retry until that succeeds: the console has the decision already.

        An attempt from before a reset is dropped: another response may have the same id now.
        """
        if start != self._starts:
            return
        record = partial(self._outbox.record, delivery=delivery, attempt=attempt, error=reason)
        try:
            due = await self._in_session(record)
        except Exception as error:  # noqa: BLE001 - the outcome must not be lost
            self._try_again(error, partial(self._settle, start, delivery, attempt, reason))
            return
        self._sending.discard(delivery.response_id)
        if due is not None:
            self._schedule(PendingDelivery(delivery.response_id, due, due))

    def _try_again(self, error: Exception, step: Job) -> None:
        pause = PAUSE
        if not isinstance(error, DatabaseUnavailable):  # which is logged already
            self._log.write(f"a step of a delivery is tried again: {type(error).__name__}: {error}")
            pause = LONG_PAUSE
        self._clock.call_at(self._clock.now() + pause, step)

    def _ids(self, session: Session) -> list[str]:
        table = self._outbox.responses.name
        by_age = session.compiled(table, "ORDERBYsys_created_on^ORDERBYsys_id")
        return session.work.sys_ids(table, by_age, _ALL, 0)

    def _describe_those(self, session: Session, ids: list[str]) -> list[dict[str, object]]:
        found = session.get_many(self._outbox.responses.name, ids)
        return [self._describe(each) for each in self._known(session, [found[each] for each in ids if each in found])]

    def _newest(self, session: Session, most: int, query: str = "") -> list[KnownDelivery]:
        parts = session.newest(self._outbox.responses.name, most, query)
        return [each for some in parts for each in self._known(session, some)]

    def _known(self, session: Session, responses: list[Record]) -> Iterator[KnownDelivery]:
        """Yield the deliveries of responses; an unreadable row becomes a finding."""
        entries = self._queue.entries(session, [response.sys_id for response in responses])
        for response in (self._outbox.responses.row(each) for each in responses if each.sys_id in entries):
            try:
                entry = entries[response.sys_id]()
                yield KnownDelivery(response, entry, self._outbox.state(response, entry))
            except ValueError as error:
                message = f"the delivery of response {response.sys_id} cannot be shown: {error}"
                self._note(Finding("swallowed", "unreadable-row", message))

    def _describe(self, delivery: KnownDelivery) -> dict[str, object]:
        response, entry, due = delivery.response, delivery.entry, delivery.next_at
        return {
            "response_sys_id": response.sys_id,
            "request_id": response.request_id,
            "response": response.response,
            "state": delivery.state,
            "response_status_code": self._outbox.status_code(response),
            "retry_attempts": self._outbox.retries(response),
            "attempts": [{"at": each.at, "status": each.status} for each in entry.attempts],
            "next_attempt_at": due and due.isoformat(),
            "error": entry.error,
        }

    async def _in_session(self, work: Callable[[Session], T]) -> T:
        def run() -> T:
            with self._instance.transaction(self._instance.system) as session:
                return work(session)

        return await self._instance.run(run)
