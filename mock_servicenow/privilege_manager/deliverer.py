"""Sends responses to the consoles, again and again where that may help (integration 4)."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.record import Record
from mock_servicenow.now_platform.session import Session
from mock_servicenow.now_platform.values import DATE_TIME
from mock_servicenow.privilege_manager.configuration import ConfigurationError
from mock_servicenow.privilege_manager.console_client import ConsoleClient
from mock_servicenow.privilege_manager.outbox import Delivery, Outbox
from privman_testbench.clock import Timer

T = TypeVar("T")
KEPT_DELIVERIES = 10_000
_NO_ANSWER = 0


@dataclass(slots=True)
class Attempts:
    """What has been tried for one response since this process started.

    Attributes:
        made: time and status of each attempt.
        error: why none can be made.
        next_at: when the next one is due, if any.
    """

    made: list[tuple[datetime, int]]
    error: str = ""
    next_at: datetime | None = None
    timer: Timer | None = None


class Deliverer:
    """Makes the attempts that the outbox asks for, each at its time on the clock."""

    def __init__(self, instance: Instance, outbox: Outbox, client: ConsoleClient) -> None:
        self._instance = instance
        self._clock = instance.clock
        self._outbox = outbox
        self._client = client
        self._attempts: OrderedDict[str, Attempts] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Go on with what an earlier process left unfinished; call it in the loop that serves."""
        self._loop = asyncio.get_running_loop()
        for response_id, due in await self._in_session(self._unfinished):
            self._schedule(response_id, due)

    def wake(self, response_id: str) -> None:
        """Send a response that has just been committed; may be called from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._schedule, response_id, self._clock.now())

    def stop(self) -> None:
        """Make no further attempt and forget those that were made."""
        for attempts in self._attempts.values():
            if attempts.timer is not None:
                attempts.timer.cancel()
        self._attempts.clear()
        self._client.forget_tokens()

    async def to_json(self) -> list[dict[str, object]]:
        """Return every response with its attempts, as the control plane prints them."""
        return await self._in_session(self._list)

    async def newest(self, most: int) -> list[dict[str, object]]:
        """Return the last responses in the same shape, the last one first."""
        return await self._in_session(
            lambda session: [self._describe(each) for each in session.newest(self._outbox.table.name, most)]
        )

    def _schedule(self, response_id: str, when: datetime) -> None:
        attempts = self._known(response_id)
        attempts.next_at = when
        attempts.timer = self._clock.call_at(when, lambda: self._attempt(response_id))
        while len(self._attempts) > KEPT_DELIVERIES:
            self._attempts.popitem(last=False)

    async def _attempt(self, response_id: str) -> None:
        attempts = self._known(response_id)
        attempts.next_at = attempts.timer = None
        try:
            delivery = await self._in_session(lambda session: self._outbox.delivery(session, response_id))
        except ConfigurationError as error:
            attempts.error = str(error)
            await self._in_session(lambda session: self._outbox.record(session, response_id, _NO_ANSWER, 0))
            return
        if delivery is not None:
            await self._send(delivery, attempts)

    async def _send(self, delivery: Delivery, attempts: Attempts) -> None:
        began = self._clock.now()
        status = await self._client.deliver(delivery.configuration, delivery.decision)
        attempts.made.append((began, status))
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

    def _list(self, session: Session) -> list[dict[str, object]]:
        records = session.query(self._outbox.table.name, "ORDERBYsys_created_on^ORDERBYsys_id")
        return [self._describe(record) for record in records]

    def _describe(self, response: Record) -> dict[str, object]:
        table, attempts = self._outbox.table, self._attempts.get(response.sys_id, Attempts([]))
        return {
            "response_sys_id": response.sys_id,
            "request_id": response[table["request_id"]],
            "response": response[table["response"]],
            "state": self._outbox.state(response, waiting=attempts.next_at is not None),
            "response_status_code": int(response[table["response_status_code"]] or _NO_ANSWER),
            "retry_attempts": int(response[table["retry_attempts"]] or 0),
            "attempts": [{"at": at.isoformat(), "status": status} for at, status in attempts.made],
            "next_attempt_at": attempts.next_at and attempts.next_at.isoformat(),
            "error": attempts.error,
        }

    def _known(self, response_id: str) -> Attempts:
        return self._attempts.setdefault(response_id, Attempts([]))

    async def _in_session(self, work: Callable[[Session], T]) -> T:
        def run() -> T:
            with self._instance.transaction(self._instance.system) as session:
                return work(session)

        return await self._instance.run(run)


def _moment(stored: str) -> datetime:
    return datetime.strptime(stored, DATE_TIME).replace(tzinfo=UTC)
