"""Sends responses to the consoles, again and again where that may help (integration 4)."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from mock_servicenow.now_platform.dictionary.values import DATE_TIME
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.record import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.privilege_manager.configuration import ConfigurationError
from mock_servicenow.privilege_manager.console_client import ConsoleClient
from mock_servicenow.privilege_manager.outbox import Delivery, Outbox
from privman_testbench.clock import Timer

T = TypeVar("T")
KEPT_ATTEMPTS = 10_000
_NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to send a response.

    Attributes:
        status: of the answer; 0 if there was none.
        error: why the attempt could not even be made.
    """

    response_id: str
    at: datetime
    status: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """When the next attempt is due, and what makes it."""

    until: datetime
    timer: Timer


class Deliverer:
    """Makes the attempts that the outbox asks for, each at its time on the clock."""

    def __init__(self, instance: Instance, outbox: Outbox, client: ConsoleClient) -> None:
        self._instance = instance
        self._clock = instance.clock
        self._outbox = outbox
        self._client = client
        self._made: deque[Attempt] = deque(maxlen=KEPT_ATTEMPTS)
        self._waiting: dict[str, Waiting] = {}
        self._loop: asyncio.AbstractEventLoop  # known once it has started

    async def start(self) -> None:
        """Go on with what an earlier process left unfinished; call it in the loop that serves."""
        self._loop = asyncio.get_running_loop()
        for response_id, due in await self._in_session(self._unfinished):
            self._schedule(response_id, due)

    def wake(self, response_id: str) -> None:
        """Send a response that has just been committed; may be called from any thread."""
        self._loop.call_soon_threadsafe(self._schedule, response_id, self._clock.now())

    def stop(self) -> None:
        """Make no further attempt and forget those that were made."""
        for waiting in self._waiting.values():
            waiting.timer.cancel()
        self._waiting.clear()
        self._made.clear()
        self._client.forget_tokens()

    async def to_json(self) -> list[dict[str, object]]:
        """Return every response with its attempts, as the control plane prints them."""
        by_age = "ORDERBYsys_created_on^ORDERBYsys_id"
        return await self._in_session(
            lambda session: self._describe_all(session.query(self._outbox.table.name, by_age))
        )

    async def newest(self, most: int) -> list[dict[str, object]]:
        """Return the last responses in the same shape, the last one first."""
        return await self._in_session(lambda session: self._describe_all(session.newest(self._outbox.table.name, most)))

    def _schedule(self, response_id: str, when: datetime) -> None:
        timer = self._clock.call_at(when, lambda: self._attempt(response_id))
        self._waiting[response_id] = Waiting(when, timer)

    async def _attempt(self, response_id: str) -> None:
        self._waiting.pop(response_id, None)
        try:
            delivery = await self._in_session(lambda session: self._outbox.delivery(session, response_id))
        except ConfigurationError as error:
            self._made.append(Attempt(response_id, self._clock.now(), _NO_ANSWER, str(error)))
            await self._in_session(lambda session: self._outbox.record(session, response_id, _NO_ANSWER, 0))
            return
        if delivery is not None:
            await self._send(delivery)

    async def _send(self, delivery: Delivery) -> None:
        began = self._clock.now()
        status = await self._client.deliver(delivery.configuration, delivery.decision)
        self._made.append(Attempt(delivery.response_id, began, status))
        if await self._in_session(lambda session: self._record(session, delivery, status)):
            self._schedule(delivery.response_id, self._clock.now() + delivery.configuration.wait)

    def _record(self, session: Session, delivery: Delivery, status: int) -> bool:
        """Record an attempt and tell whether another is to follow."""
        self._outbox.record(session, delivery.response_id, status, delivery.retry)
        return self._outbox.delivery(session, delivery.response_id) is not None

    def _unfinished(self, session: Session) -> list[tuple[str, datetime]]:
        due = []
        for record in self._outbox.unfinished(session):
            with suppress(ConfigurationError):
                delivery = self._outbox.delivery(session, record.sys_id)
                if delivery is not None:
                    wait = delivery.configuration.wait if delivery.retry else timedelta()
                    due.append((record.sys_id, _moment(record["sys_updated_on"]) + wait))
        return due

    def _describe_all(self, responses: list[Record]) -> list[dict[str, object]]:
        made: dict[str, list[Attempt]] = {response.sys_id: [] for response in responses}
        for attempt in self._made:
            made.get(attempt.response_id, []).append(attempt)
        return [self._describe(response, made[response.sys_id]) for response in responses]

    def _describe(self, response: Record, made: list[Attempt]) -> dict[str, object]:
        table, waiting = self._outbox.table, self._waiting.get(response.sys_id)
        return {
            "response_sys_id": response.sys_id,
            "request_id": response[table["request_id"]],
            "response": response[table["response"]],
            "state": self._outbox.state(response, waiting=waiting is not None),
            "response_status_code": int(response[table["response_status_code"]] or _NO_ANSWER),
            "retry_attempts": int(response[table["retry_attempts"]] or 0),
            "attempts": [{"at": each.at.isoformat(), "status": each.status} for each in made if not each.error],
            "next_attempt_at": waiting and waiting.until.isoformat(),
            "error": "".join(each.error for each in made[-1:]),
        }

    async def _in_session(self, work: Callable[[Session], T]) -> T:
        def run() -> T:
            with self._instance.transaction(self._instance.system) as session:
                return work(session)

        return await self._instance.run(run)


def _moment(stored: str) -> datetime:
    return datetime.strptime(stored, DATE_TIME).replace(tzinfo=UTC)
