"""Import sets: rows that wait in a staging table to be transformed into records."""

from collections.abc import Generator, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import uuid4

import sqlalchemy as sa
from msgspec.structs import replace

from mock_servicenow.now_platform.errors import (
    AccessDenied,
    DatabaseUnavailable,
    InvalidTable,
    OperationFailed,
    PlatformError,
    RecordNotFound,
)
from mock_servicenow.now_platform.identity.roles import by_now
from mock_servicenow.now_platform.imports.transforms import Outcome, TransformMap, load_maps, transform
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.unit_of_work import Platform
from mock_servicenow.now_platform.users import SYSTEM, User
from privman_core.clock import Label, Timer
from privman_core.findings import Finding

CLAIMS = "sys_import_set_claim"
"""The import sets that processes have claimed, where they share a database; no API reaches it."""
LEASE = timedelta(seconds=10)
"""How long a claim lasts unless its process renews it."""
MOST_CLOCK_SKEW = timedelta(minutes=10)
"""The largest difference between the clocks of living processes. A claim that ends later was made by a wrong clock."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


class Claims:
    """The claims of one process.

    Attributes:
        alone: whether no other process uses the database.
    """

    def __init__(self, instance: Platform) -> None:
        self._clock = instance.clock
        self.alone = instance.store.embedded
        self._process = uuid4().hex  # never printed, and never the same in two processes, whatever their seed

    def take(self, session: Session, import_set_id: str) -> bool:
        """Claim an import set or renew the claim; return whether no other process has claimed it."""
        if self.alone:
            return True
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - takes 60 ms, which few starts need

        now, table = self._clock.now(), session.dictionary.sql_table(CLAIMS)
        until = {"leased_until": _ticks(now + LEASE), "owner": self._process}
        claim = postgresql.insert(table).values(sys_id=import_set_id, **until)
        ended = sa.or_(table.c.leased_until <= _ticks(now), table.c.leased_until > _longest(now))
        free = sa.or_(ended, table.c.owner == self._process)
        taken = claim.on_conflict_do_update(index_elements=[table.c.sys_id], set_=until, where=free)
        session.work.transaction.lock()
        return session.work.transaction.execute(taken.returning(table.c.sys_id)).first() is not None

    def drop(self, session: Session, import_set_id: str) -> None:
        """End the claim on an import set."""
        if self.alone:
            return
        table = session.dictionary.sql_table(CLAIMS)
        session.work.transaction.lock()
        session.work.transaction.execute(sa.delete(table).where(table.c.sys_id == import_set_id))

    def taken(self, session: Session) -> frozenset[str]:
        """Return the import sets that some process has claimed."""
        if self.alone:
            return frozenset()
        table = session.dictionary.sql_table(CLAIMS)
        now = self._clock.now()
        alive = sa.and_(table.c.leased_until > _ticks(now), table.c.leased_until <= _longest(now))
        claimed = sa.select(table.c.sys_id).where(alive)
        return frozenset(session.work.transaction.execute(claimed).scalars())


def _longest(now: datetime) -> int:
    """Return the latest end of a claim; a later one was made by a clock that was ahead, and has ended."""
    return _ticks(now + LEASE + MOST_CLOCK_SKEW)


def _ticks(moment: datetime) -> int:
    return (moment - _EPOCH) // _TICK


SETS = "sys_import_set"
MULTIPLE = "sys_multi_import_set"
ROWS = "sys_import_set_row"
OUTCOMES = "sys_import_set_row_outcome"
STEP = 20
"""Rows that are loaded before others get a turn."""
_PAGE = 200
DELAY = timedelta(seconds=1)
"""The wait of rows that are transformed later; undocumented (I)."""
POLL_SECONDS = 5.0
"""The interval at which a process looks for import sets that others on the same database have left."""
_NOBODY = replace(SYSTEM, roles=frozenset(), unrestricted=False)
"""Transforms in the background, as the system but without its roles."""


class ImportSets:
    """Loads rows into staging tables and transforms them, each row and map in a transaction of its own.

    Where processes share a database, each import set is transformed by the process that has claimed it, and by another
    one once that has died.
    """

    def __init__(self, instance: Platform) -> None:
        self._instance = instance
        self._claims = Claims(instance)
        self._poll: Timer | None = None

    async def start(self) -> None:
        """Transform the import sets that other processes left and leave; call it in the loop that serves.

        Raises DatabaseUnavailable.
        """
        await self._instance.run(self._resume)
        self.watch()

    def watch(self) -> None:
        """Start to look for import sets that others leave."""
        if not self._claims.alone:
            self._poll = self._instance.clock.poll(POLL_SECONDS, self._look)

    def stop(self) -> None:
        """Stop looking for import sets that others leave."""
        if self._poll is not None:
            self._poll.cancel()

    def load(
        self, user: User, findings: list[Finding], staging: str, rows: Iterable[Mapping[str, str]], **columns: str
    ) -> Generator[None, None, Record]:
        """Store rows in a staging table and return their import set; yields after every `STEP` rows.

        If a row is refused, none is stored.

        Args:
            user: the acting user.
            findings: collects what is swallowed.
            staging: the table, one that extends sys_import_set_row.
            rows: raw values by column; unknown columns are ignored.
            columns: of the import set.

        Raises:
            InvalidTable: there is no such staging table.
            OperationFailed: access control refuses to load rows, or a business rule a row.
        """
        with self._instance.transaction(user, findings) as session:
            check_loader(session, staging)
            import_set = session.elevated.insert(SETS, {"table_name": staging, "state": "loading", **columns})
        numbered = enumerate(rows)
        try:
            while some := list(islice(numbered, STEP)):
                with self._instance.next_transaction(user, findings) as session:
                    for number, row in some:
                        session.insert(staging, {**row, **_origin(import_set, number)})
                yield
        except PlatformError:
            with self._instance.transaction(user) as session:
                _discard(session, staging, import_set)
            raise
        with self._instance.transaction(user, findings) as session:
            self._claims.take(session, import_set.sys_id)
            return session.elevated.update(SETS, import_set.sys_id, {"state": "loaded"})

    def take(
        self, user: User, findings: list[Finding], staging: str, rows: Iterable[Mapping[str, str]]
    ) -> Generator[None, None, list[str]]:
        """Load rows as `load` does, and transform them; return their sys_ids.

        Where an asynchronous import set of the table is open they go there, and wait (Docs: web service import set
        mode).
        """
        with self._instance.transaction(user, findings) as session:
            check_loader(session, staging)
            waiting = session.elevated.find(SETS, table_name=staging, state="loading", mode="asynchronous")
        if waiting is not None:
            return (yield from self._append(user, findings, waiting, rows))
        import_set = yield from self.load(user, findings, staging, rows)
        yield from self.transform(user, import_set.sys_id, findings)
        with self._instance.transaction(user, findings) as session:
            loaded = session.elevated.find_all(staging, sys_import_set=import_set.sys_id)
        return [row.sys_id for row in sorted(loaded, key=lambda row: int(row["sys_import_row"]))]

    def _append(
        self, user: User, findings: list[Finding], import_set: Record, rows: Iterable[Mapping[str, str]]
    ) -> Generator[None, None, list[str]]:
        staging, ids = import_set["table_name"], list[str]()
        for row in rows:
            with self._instance.next_transaction(user, findings) as session:
                number = session.elevated.count(staging, f"sys_import_set={import_set.sys_id}")
                ids.append(session.insert(staging, {**row, **_origin(import_set, number)}).sys_id)
            yield
        return ids

    def transform(
        self, user: User, import_set_id: str, findings: list[Finding], loader: str = ""
    ) -> Generator[None, None, None]:
        """Transform the waiting rows of an import set, then those of the sets that run after it.

        Yields after each row. Nothing happens if another process has claimed the import set. A row that another user
        has written or changed is transformed without roles.

        Args:
            user: the acting user.
            import_set_id: the import set.
            findings: collects what is swallowed.
            loader: the user name of the user who loaded the rows; the acting user's if empty.
        """
        with self._instance.transaction(user, findings) as session:
            claimed = self._claims.take(session, import_set_id)
            import_set = session.elevated.get(SETS, import_set_id)
            if import_set is None:
                self._claims.drop(session, import_set_id)
            if import_set is None or not claimed:
                return
            maps = load_maps(session.elevated, import_set["table_name"])
        last = "-1"
        while rows := self._waiting(user, import_set, last):
            for row in rows:
                if not self._goes_on(import_set_id):
                    return
                by_loader = {row["sys_created_by"], row["sys_updated_by"]} == {loader or user.user_name}
                acting = user if by_loader else _NOBODY
                outcomes = [self._transform_row(acting, findings, each, row) for each in maps]
                with suppress(RecordNotFound):  # the row has been deleted meanwhile
                    self._record(user, findings, row, outcomes)
                yield
            last = rows[-1]["sys_import_row"]
        self._settle(user, findings, import_set, {"state": "processed"})
        with self._instance.transaction(user, findings) as session:
            self._claims.drop(session, import_set_id)
            followers = session.elevated.find_all(SETS, run_after=import_set_id, state="loaded")
        for follower in followers:
            self._schedule(follower.sys_id, _NOBODY)

    def transform_later(self, session: Session, import_set: Record) -> None:
        """Transform the rows once they are committed and `DELAY` has passed, or the set to run after is processed."""
        loader = session.user
        user = replace(_NOBODY, roles=loader.roles, rights_of=loader.rights_of, made_by=loader.made_by)
        self._queue(session, import_set, user, loader.user_name)

    def _queue(self, session: Session, import_set: Record, user: User, loader: str = "") -> None:
        before = session.elevated.get(SETS, import_set["run_after"])
        if before is None or before["state"] == "processed":
            session.on_commit(lambda: self._schedule(import_set.sys_id, user, loader))
        else:  # the process that transforms that one continues with this one
            self._claims.drop(session, import_set.sys_id)

    async def _look(self) -> None:
        with suppress(DatabaseUnavailable):  # the next poll looks again
            await self._instance.run(self._resume)

    def _resume(self) -> None:
        """Transform rows that were loaded and acknowledged, and that no process is about to transform.

        They are transformed without roles: nothing in the database proves the loader's.
        """
        with self._instance.transaction(SYSTEM) as session:
            taken = self._claims.taken(session)
            for import_set in session.find_all(SETS, state="loaded"):
                if import_set.sys_id not in taken:
                    self._queue(session, import_set, _NOBODY)

    def _goes_on(self, import_set_id: str) -> bool:
        """Renew this process's claim; return whether it still has it."""
        if self._claims.alone:
            return True
        with self._instance.transaction(SYSTEM) as session:
            return self._claims.take(session, import_set_id)

    def _waiting(self, user: User, import_set: Record, last: str) -> list[Record]:
        """Return the next rows to be transformed, by number: not every database remembers their order.

        A client may have written another table than a staging table into the import set: there are none in it.
        """
        pending = f"sys_import_set={import_set.sys_id}^sys_import_state=pending^sys_import_row>{last}"
        with self._instance.transaction(user) as session:
            if not is_staging(session, import_set["table_name"]):
                return []
            return session.elevated.query(import_set["table_name"], f"{pending}^ORDERBYsys_import_row", limit=_PAGE)

    def _schedule(self, import_set_id: str, user: User, loader: str = "") -> None:
        label = Label(f"Transform of import set {import_set_id}")
        self._instance.later(DELAY, lambda: self.transform(user, import_set_id, [], loader), label)

    def _record(self, user: User, findings: list[Finding], row: Record, outcomes: list[Outcome]) -> None:
        """Record the outcomes of a row, even if rules refuse that; raises RecordNotFound."""
        try:
            with self._instance.transaction(user, findings) as session:
                _record(session.elevated, row, outcomes)
        except OperationFailed as refusal:
            self._settle(user, findings, row, {"sys_import_state": "error", "sys_import_state_comment": str(refusal)})

    def _settle(self, user: User, findings: list[Finding], record: Record, state: dict[str, str]) -> None:
        """Give a row or an import set its last state; a refusal is reported and bypassed, so nothing waits for ever."""
        try:
            with self._instance.transaction(user, findings) as session:
                session.elevated.update(record.table, record.sys_id, state)
        except OperationFailed as refusal:
            message = f"record {record.sys_id} of {record.table} was refused its state {state}: {refusal}"
            findings.append(Finding("swallowed", "import-state-refused", message))
            with self._instance.transaction(user, findings) as session:
                session.change_row(record.table, record.sys_id, state)

    def _transform_row(self, user: User, findings: list[Finding], transform_map: TransformMap, row: Record) -> Outcome:
        try:
            with self._instance.transaction(user, findings) as session:
                current = by_now(session.of_system, user) or replace(user, roles=frozenset())
                return transform(session.acting_for(current).elevated, transform_map, row.values)
        except PlatformError as error:
            return Outcome(transform_map, "error", message=str(error))


def check_staging(session: Session, name: str) -> None:
    """Raise InvalidTable unless there is such a staging table."""
    if not is_staging(session, name):
        raise InvalidTable(name)


def is_staging(session: Session, name: str) -> bool:
    """Return whether rows of that table wait to be transformed."""
    return session.dictionary.table(name) is not None and ROWS in session.dictionary.lineage(name)[1:]


def check_loader(session: Session, staging: str) -> None:
    """Raise InvalidTable unless there is such a staging table, AccessDenied unless the user may load rows into it."""
    check_staging(session, staging)
    if not session.may("create", staging):
        raise AccessDenied("Insert")


def sweep(session: Session, before: str) -> None:
    """Remove the import sets, older than that, that a process was loading when it was killed; others stay open."""
    for import_set in session.query(SETS, f"state=loading^modeISEMPTY^ORmode=synchronous^sys_created_on<={before}"):
        if session.dictionary.table(import_set["table_name"]) is not None:
            _discard(session, import_set["table_name"], import_set)


def multiple(session: Session, sys_id: str) -> str:
    """Return the sys_id of a group of import sets, a new one if it is empty; raises RecordNotFound."""
    if not sys_id:
        return session.elevated.insert(MULTIPLE, {}).sys_id
    if session.elevated.get(MULTIPLE, sys_id) is None:
        raise RecordNotFound
    return sys_id


def _origin(import_set: Record, number: int) -> dict[str, str]:
    return {"sys_import_set": import_set.sys_id, "sys_import_row": str(number), "sys_import_state": "pending"}


def _discard(session: Session, staging: str, import_set: Record) -> None:
    """Remove an import set with its rows, since one of them was refused."""
    session.work.transaction.lock()
    physical = session.dictionary.sql_table(staging)
    session.work.transaction.execute(sa.delete(physical).where(physical.c.sys_import_set == import_set.sys_id))
    session.elevated.delete(SETS, import_set.sys_id)


def _record(session: Session, row: Record, outcomes: list[Outcome]) -> None:
    """Record the outcomes of a row; of several maps the row itself names the last."""
    state = {"sys_import_state": "ignored"}
    for outcome in outcomes:
        values = {"transform_map": outcome.map.name, "target_table": outcome.map.table, "target_sys_id": outcome.sys_id}
        outcome_values = {"import_set_row": row.sys_id, "status": outcome.status, "message": outcome.message}
        session.insert(OUTCOMES, values | outcome_values)
        state = {
            "sys_import_state": outcome.status,
            "sys_import_state_comment": outcome.message,
            "sys_target_table": outcome.map.table,
            "sys_target_sys_id": outcome.sys_id,
            "sys_transform_map": outcome.map.sys_id,
        }
    session.update(row.table, row.sys_id, state)
