"""Requests that nobody decides in time (integration 4, ``max_timeout``)."""

import asyncio
from datetime import UTC, datetime, timedelta

from mock_servicenow.now_platform.dictionary.values import DATE_TIME, utc_form
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rules.rules import BusinessRule, RuleContext
from mock_servicenow.privilege_manager.activity_types import ActivityTypes
from mock_servicenow.privilege_manager.tables import AppTables
from privman_contracts.wire_names import WireNames
from privman_testbench.clock import Timer


class Timeouts:
    """Times requests out; one timer serves them all, set to the earliest deadline."""

    def __init__(self, instance: Instance, tables: AppTables, names: WireNames, activity_types: ActivityTypes) -> None:
        self._instance = instance
        self._clock = instance.clock
        self._table = tables.request
        self._pending = tables.pending
        self._timed_out = names.word("request_status", "timed_out")
        self._activity_types = activity_types
        self._loop: asyncio.AbstractEventLoop  # known once it has started
        self._timer: Timer | None = None
        self._next: datetime | None = None

    def rules(self) -> list[BusinessRule]:
        """Return the rule that watches every new request."""
        return [BusinessRule("Watch time-out", self._table.name, "after", frozenset({"insert"}), self._watch)]

    async def start(self) -> None:
        """Time out what fell due while nobody watched, and watch the rest; call it in the loop that serves."""
        self._loop = asyncio.get_running_loop()
        await self._sweep()

    def stop(self) -> None:
        """Watch no longer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._next = None

    def _watch(self, context: RuleContext) -> None:
        activity_type_id = context.current[self._table["activity_type_id"]]
        activity_type = self._activity_types.find(context.session, activity_type_id)
        limit = None if activity_type is None else self._activity_types.max_timeout(activity_type)
        if limit is not None:
            loop, deadline = self._loop, self._clock.now() + limit
            context.session.on_commit(lambda: _discard(loop.call_soon_threadsafe(self._watch_until, deadline)))

    def _watch_until(self, deadline: datetime) -> None:
        if self._next is None or deadline < self._next:
            self.stop()
            self._next = deadline
            self._timer = self._clock.call_at(deadline, self._sweep)

    async def _sweep(self) -> None:
        self.stop()
        deadline = await self._instance.run(self._time_out)
        if deadline is not None:
            self._watch_until(deadline)

    def _time_out(self) -> datetime | None:
        """Time out every request whose time is up and return the next deadline."""
        with self._instance.transaction(self._instance.system) as session:
            deadlines = []
            for activity_type in self._activity_types.all(session):
                limit = self._activity_types.max_timeout(activity_type)
                if limit is not None:
                    self._time_out_type(session, activity_type.sys_id, limit)
                    deadlines.extend(self._earliest(session, activity_type.sys_id, limit))
            return min(deadlines, default=None)

    def _time_out_type(self, session: Session, activity_type_id: str, limit: timedelta) -> None:
        latest = utc_form(self._clock.now() - limit)
        for request in session.query(self._table.name, f"{self._waiting(activity_type_id)}^sys_created_on<={latest}"):
            session.update(self._table.name, request.sys_id, {self._table["status"]: self._timed_out})

    def _earliest(self, session: Session, activity_type_id: str, limit: timedelta) -> list[datetime]:
        query = f"{self._waiting(activity_type_id)}^ORDERBYsys_created_on"
        return [
            datetime.strptime(request["sys_created_on"], DATE_TIME).replace(tzinfo=UTC) + limit
            for request in session.query(self._table.name, query, limit=1)
        ]

    def _waiting(self, activity_type_id: str) -> str:
        return f"{self._table['status']}={self._pending}^{self._table['activity_type_id']}={activity_type_id}"


def _discard(_handle: object) -> None:
    """Forget a result."""
