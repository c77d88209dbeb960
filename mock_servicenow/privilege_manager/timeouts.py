"""Time-outs of pending requests (``max_timeout``)."""

import asyncio
from collections.abc import Callable, Generator, Mapping
from datetime import datetime, timedelta

from mock_servicenow.now_platform.dictionary.values import utc_form
from mock_servicenow.now_platform.errors import DatabaseUnavailable, TransactionCancelled
from mock_servicenow.now_platform.imports.import_sets import MOST_CLOCK_SKEW
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext, Session
from mock_servicenow.privilege_manager.approval_requests import ActivityTypes
from mock_servicenow.privilege_manager.tables import AppTables, RequestRow
from mock_servicenow.privilege_manager.wire_formats import parse_moment
from privman_contracts.wire_names import WireNames
from privman_core.clock import Due, Timer
from privman_core.cuts import cut
from privman_core.findings import Finding

POLL_SECONDS = 5.0
"""Interval at which a process looks for requests that other processes have accepted."""
PAUSE = timedelta(seconds=60)
"""Wait before a request that could not be timed out is tried again."""
PAUSE_AFTER_FAILURE = timedelta(seconds=1)
_PAGE = 500  # overdue requests per query
_MOST_TYPES = 100  # activity types whose next time-outs are shown
_STEP = 10  # requests between two yields
_MOST_IN_FUTURE = 100_000  # requests of one activity type with a later date than now
_SHOWN = 40  # characters of such a date in a finding
Note = Callable[[Finding], None]
Deadlines = Generator[None, None, list[datetime]]
Left = Generator[None, None, int]


class Timeouts:
    """Times requests out, with one timer for the earliest deadline.

    Args:
        note: receives a finding for each request that cannot be timed out.
    """

    def __init__(
        self, instance: Instance, tables: AppTables, names: WireNames, activity_types: ActivityTypes, note: Note
    ) -> None:
        self._instance = instance
        self._clock = instance.clock
        self._table = tables.request
        self._type_table = tables.activity_type.name
        self._pending = tables.pending
        self._timed_out = names.word("request_status", "timed_out")
        self._activity_types = activity_types
        self._note = note
        self._loop: asyncio.AbstractEventLoop  # set by `start`
        self._timer: Timer | None = None
        self._poll: Timer | None = None
        self._next: datetime | None = None
        self._turn = asyncio.Lock()  # one sweep at a time, and at most one waiting
        self._is_awaited = False
        self._undated: dict[str, dict[str, datetime]] = {}  # activity type -> request -> first seen by this process

    def rules(self) -> list[BusinessRule]:
        """Return the rules that watch for new and changed deadlines."""
        written: frozenset[Operation] = frozenset({"insert", "update"})
        changed: frozenset[Operation] = frozenset({"update"})
        return [
            BusinessRule("Watch time-out", self._table.name, "after", written, self._watch),
            BusinessRule("Watch time-outs", self._type_table, "after", changed, self._watch_all),
        ]

    async def start(self) -> None:
        """Time out overdue requests and watch the rest; call it in the loop that serves."""
        self._loop = asyncio.get_running_loop()
        self._undated.clear()
        await self._sweep_in_turn()
        if not self._instance.store.embedded:
            self._poll = self._clock.poll(POLL_SECONDS, self._sweep_unless_awaited)

    def stop(self) -> None:
        """Stop watching."""
        if self._poll is not None:
            self._poll.cancel()
        self._forget_timer()

    def coming(self, most: int) -> list[Due]:
        """Return the next time-outs of requests with a readable date, at most so many, earliest first."""
        with self._instance.transaction(self._instance.system) as session:
            types = self._activity_types.ids(session)[:_MOST_TYPES]
            found = [due for each in types for due in self._coming(session, each, most)]
        return sorted(found, key=lambda due: due.at)[:most]

    def _coming(self, session: Session, activity_type_id: str, most: int) -> list[Due]:
        limit = self._activity_types.terms(session, activity_type_id).max_timeout
        if limit is None:
            return []
        latest = utc_form(self._clock.now() - limit)
        query = f"{self._waiting(activity_type_id)}^sys_created_on>{latest}^ORDERBYsys_created_on"
        rows = map(self._table.row, session.get_many(self._table.name, self._find_ids(query, most)).values())
        made = [(parse_moment(row.created_on), row.request_id) for row in rows]
        return [Due(at + limit, "Time out in ServiceNow", key, "time-out") for at, key in made if at is not None]

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._next = None

    def _watch(self, context: RuleContext) -> None:
        if not (self._table.changed(context, RequestRow.activity_type_id) or context.changed("sys_created_on")):
            return
        request = self._table.current(context)
        limit = self._activity_types.terms(context.session, request.activity_type_id).max_timeout
        if limit is None:
            return
        now = self._clock.now()
        made = parse_moment(request.created_on)
        # A request with a later date, or without a readable one, waits from when it is first seen.
        self._watch_once_committed(context, now if made is None or made > now + MOST_CLOCK_SKEW else made + limit)

    def _watch_all(self, context: RuleContext) -> None:
        """Check all requests soon: those of this activity type may time out earlier now."""
        self._watch_once_committed(context, self._clock.now())

    def _watch_once_committed(self, context: RuleContext, deadline: datetime) -> None:
        loop = self._loop
        context.session.on_commit(lambda: _discard(loop.call_soon_threadsafe(self._watch_until, deadline)))

    def _watch_until(self, deadline: datetime) -> None:
        if self._next is None or deadline < self._next:
            self._forget_timer()
            self._next = deadline
            self._timer = self._clock.call_at(deadline, self._sweep_unless_awaited)

    async def _sweep_unless_awaited(self) -> None:
        """Time out due requests, unless a waiting sweep will do it."""
        if not self._is_awaited:
            self._is_awaited = True
            await self._sweep_in_turn()

    async def _sweep_in_turn(self) -> None:
        """Time out due requests and watch the rest; after a failure, check again later."""
        async with self._turn:
            self._is_awaited = False
            await self._sweep_and_watch()

    async def _sweep_and_watch(self) -> None:
        self._forget_timer()
        try:
            deadlines = await self._instance.work_off(self._sweep_all())
        except TransactionCancelled:  # a reset or the end of the server, which starts it again if needed
            return
        except DatabaseUnavailable:
            deadlines = [self._clock.now() + PAUSE_AFTER_FAILURE]
        if deadlines:
            self._watch_until(min(deadlines))

    def _sweep_all(self) -> Deadlines:
        """Time out every overdue request and return when to check again; yields between steps."""
        with self._instance.transaction(self._instance.system) as session:
            activity_types = self._activity_types.ids(session)
        deadlines: list[datetime] = []
        for each in activity_types:
            deadlines += yield from self._sweep_type_or_note(each)
            yield
        return deadlines

    def _sweep_type_or_note(self, activity_type_id: str) -> Deadlines:
        try:
            return (yield from self._sweep_type(activity_type_id))
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a row written by another tool may contain anything
            message = f"requests of activity type {activity_type_id} cannot be timed out: {error}"
            self._note(Finding("swallowed", "time-out-refused", message))
            return [self._clock.now() + PAUSE]

    def _sweep_type(self, activity_type_id: str) -> Deadlines:
        """Time out the requests of one activity type; those that cannot be timed out are noted."""
        with self._instance.transaction(self._instance.system) as session:
            limit = self._activity_types.terms(session, activity_type_id).max_timeout
        if limit is None:
            return []
        waiting, now = self._waiting(activity_type_id), self._clock.now()
        latest, future = utc_form(now - limit), utc_form(now + MOST_CLOCK_SKEW)
        deadlines = yield from self._sweep_undated(
            activity_type_id, limit, f"{waiting}^sys_created_on>{future}^ORsys_created_onISEMPTY"
        )
        left = 0
        while overdue := self._find_ids(f"{waiting}^sys_created_on<={latest}^ORDERBYsys_created_on", _PAGE, left):
            left += yield from self._time_out_each(overdue)
            yield
        coming = f"{waiting}^sys_created_on>{latest}^sys_created_on<={future}^ORDERBYsys_created_on"
        deadlines += yield from self._deadlines(coming, limit)
        return [*deadlines, *([now + PAUSE] if left else [])]

    def _sweep_undated(self, activity_type_id: str, limit: timedelta, query: str) -> Deadlines:
        """Time out requests dated in the future, or without a date, and return when to check again.

        They wait from when this process first saw them. An unreadable date may sort as one in the future.
        """
        now, known = self._clock.now(), self._undated.get(activity_type_id, {})
        found = self._find_ids(query, _MOST_IN_FUTURE)
        yield from self._note_unreadable_dates([sys_id for sys_id in found if sys_id not in known])
        seen = dict.fromkeys(found, now) | known
        later = {sys_id: first for sys_id, first in seen.items() if first > now - limit}
        left = yield from self._time_out_each([sys_id for sys_id in seen if sys_id not in later])
        self._undated[activity_type_id] = seen if left else later
        return [*(first + limit for first in later.values()), *([now + PAUSE] if left else [])]

    def _note_unreadable_dates(self, sys_ids: list[str]) -> Generator[None, None, None]:
        for sys_id in sys_ids:
            self._made(sys_id)
            yield

    def _time_out_each(self, sys_ids: list[str]) -> Left:
        """Time requests out and return how many could not be."""
        left = 0
        for number, sys_id in enumerate(sys_ids, 1):
            left += not self._time_out_request(sys_id)
            if number % _STEP == 0:
                yield
        return left

    def _find_ids(self, query: str, most: int, skipped: int = 0) -> list[str]:
        """Return sys_ids only: requests may be long."""
        with self._instance.transaction(self._instance.system) as session:
            compiled = session.compiled(self._table.name, query)
            return session.work.sys_ids(self._table.name, compiled, most, skipped)

    def _time_out_request(self, sys_id: str) -> bool:
        """Return whether the request is no longer pending."""
        try:
            with self._instance.transaction(self._instance.system) as session:
                still_pending = self._is_pending(session, sys_id)
                if still_pending:
                    changed = self._table.update(session, sys_id, {RequestRow.status: self._timed_out})
                    still_pending = changed.status == self._pending
        except DatabaseUnavailable:
            raise
        except Exception as refusal:  # noqa: BLE001 - a row written by another tool may contain anything
            return self._note_left_pending(sys_id, str(refusal))
        return not still_pending or self._note_left_pending(sys_id, f"a rule keeps it {self._pending!r}")

    def _note_left_pending(self, sys_id: str, reason: str) -> bool:
        """Note why a request has not timed out; returns false."""
        message = f"request {sys_id} cannot be timed out: {reason}"
        self._note(Finding("swallowed", "time-out-refused", message, self._table[RequestRow.status]))
        return False

    def _is_pending(self, session: Session, sys_id: str) -> bool:
        """Return whether the request is still pending, and lock it until the transaction ends."""
        session.work.transaction.lock()
        current = session.work.get(self._table.name, sys_id, lock=True)
        if current is None or current[self._table[RequestRow.status]] != self._pending:
            return False
        self._parsed(current)
        return True

    def _deadlines(self, query: str, limit: timedelta) -> Deadlines:
        """Return the earliest deadline of the requests of a query; past dates that cannot be read, also a time soon."""
        soon: list[datetime] = []
        skipped = 0
        while found := self._find_ids(query, 1, skipped):
            made = self._made(found[0])
            if made is not None:
                return [*soon, made + limit]
            skipped, soon = skipped + 1, [self._clock.now() + PAUSE]
            yield
        return soon

    def _made(self, sys_id: str) -> datetime | None:
        """Return when a request was made; None if it is gone, has no date or, which is noted, one that is none."""
        with self._instance.transaction(self._instance.system) as session:
            found = session.work.get(self._table.name, sys_id)
        return None if found is None else self._parsed(found)

    def _parsed(self, request: Mapping[str, str]) -> datetime | None:
        created_on = request["sys_created_on"]
        made = parse_moment(created_on)
        if created_on and made is None:
            message = (
                f"request {request['sys_id']} has the date '{cut(created_on, _SHOWN)}'; expected YYYY-MM-DD HH:MM:SS"
            )
            self._note(Finding("swallowed", "unreadable-row", message, "sys_created_on"))
        return made

    def _waiting(self, activity_type_id: str) -> str:
        status, activity_type = self._table[RequestRow.status], self._table[RequestRow.activity_type_id]
        return f"{status}={self._pending}^{activity_type}={activity_type_id}"


def _discard(_handle: object) -> None:
    """Ignore a result."""
