"""Import sets: rows that wait in a staging table to be transformed into records (platform 3.4)."""

from collections.abc import Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import islice

import sqlalchemy as sa

from mock_servicenow.now_platform.errors import (
    AccessDenied,
    DatabaseUnavailable,
    InvalidTable,
    OperationFailed,
    PlatformError,
    RecordNotFound,
)
from mock_servicenow.now_platform.identity.roles import by_now
from mock_servicenow.now_platform.imports.claims import Claims
from mock_servicenow.now_platform.imports.transforms import Outcome, TransformMap, load_maps, transform
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.unit_of_work import Platform
from mock_servicenow.now_platform.users import SYSTEM, User
from privman_core.clock import Timer
from privman_core.findings import Finding

SETS = "sys_import_set"
MULTIPLE = "sys_multi_import_set"
ROWS = "sys_import_set_row"
OUTCOMES = "sys_import_set_row_outcome"
STEP = 20
"""Rows that are loaded before others get a turn."""
_PAGE = 200
DELAY = timedelta(seconds=1)
"""How long rows wait that are transformed later; nobody documents it (I)."""
POLL_SECONDS = 5.0
"""How often a process looks for import sets that others on the same database have left."""
_NOBODY = replace(SYSTEM, roles=frozenset(), unrestricted=False)
"""Transforms in the background: as the system, with no more roles than whoever loaded the rows."""


class ImportSets:
    """Loads rows into staging tables and transforms them, each row and map in a transaction of its own.

    Where processes share a database, each import set is transformed by the one that has claimed it, and by another
    one once that has died.
    """

    def __init__(self, instance: Platform) -> None:
        self._instance = instance
        self._claims = Claims(instance)
        self._poll: Timer | None = None

    async def start(self) -> None:
        """Transform what processes before this one have left, and what others leave; call it in the loop that serves.

        Raises DatabaseUnavailable.
        """
        await self._instance.run(self._resume)
        self.watch()

    def watch(self) -> None:
        """Look for what others leave."""
        if not self._claims.alone:
            self._poll = self._instance.clock.poll(POLL_SECONDS, self._look)

    def stop(self) -> None:
        """Look no longer for what others leave."""
        if self._poll is not None:
            self._poll.cancel()

    def load(
        self, user: User, findings: list[Finding], staging: str, rows: Iterable[Mapping[str, str]], **columns: str
    ) -> Generator[None, None, Record]:
        """Store rows in a staging table and return their import set; yields after every `STEP` rows.

        Nothing of it stays where a row is refused.

        Args:
            user: for whom it acts.
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

    def transform(
        self, user: User, import_set_id: str, findings: list[Finding], loader: str = ""
    ) -> Generator[None, None, None]:
        """Transform the rows of an import set that wait; then those of the sets that were to run after it.

        Yields after each row. Nothing happens where another process has claimed the import set. A row that others have
        written, or changed, is transformed without roles.

        Args:
            user: for whom it acts.
            import_set_id: the import set.
            findings: collects what is swallowed.
            loader: the user name of whoever loaded the rows; the user's if empty.
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
        else:  # whoever processes that one goes on with this one
            self._claims.drop(session, import_set.sys_id)

    async def _look(self) -> None:
        with suppress(DatabaseUnavailable):  # the next poll looks again
            await self._instance.run(self._resume)

    def _resume(self) -> None:
        """Transform the rows that a process has loaded, and acknowledged, and that no process is about to transform.

        They are transformed without roles: nothing in the database proves whose roles the loader had.
        """
        with self._instance.transaction(SYSTEM) as session:
            taken = self._claims.taken(session)
            for import_set in session.find_all(SETS, state="loaded"):
                if import_set.sys_id not in taken:
                    self._queue(session, import_set, _NOBODY)

    def _goes_on(self, import_set_id: str) -> bool:
        """Tell whether this process still has its claim, which is renewed."""
        if self._claims.alone:
            return True
        with self._instance.transaction(SYSTEM) as session:
            return self._claims.take(session, import_set_id)

    def _waiting(self, user: User, import_set: Record, last: str) -> list[Record]:
        """Return the next rows to be transformed, by their number: not every database remembers their order.

        There are none in a table that is no staging table, which clients may have written into the import set.
        """
        pending = f"sys_import_set={import_set.sys_id}^sys_import_state=pending^sys_import_row>{last}"
        with self._instance.transaction(user) as session:
            if not _is_staging(session, import_set["table_name"]):
                return []
            return session.elevated.query(import_set["table_name"], f"{pending}^ORDERBYsys_import_row", limit=_PAGE)

    def _schedule(self, import_set_id: str, user: User, loader: str = "") -> None:
        self._instance.later(DELAY, lambda: self.transform(user, import_set_id, [], loader))

    def _record(self, user: User, findings: list[Finding], row: Record, outcomes: list[Outcome]) -> None:
        """Record what became of a row, although rules may refuse that; raises RecordNotFound."""
        try:
            with self._instance.transaction(user, findings) as session:
                _record(session.elevated, row, outcomes)
        except OperationFailed as refusal:
            self._settle(user, findings, row, {"sys_import_state": "error", "sys_import_state_comment": str(refusal)})

    def _settle(self, user: User, findings: list[Finding], record: Record, state: dict[str, str]) -> None:
        """Give a row or an import set its last state; a refusal is reported, and bypassed: nothing waits for ever."""
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
    if not _is_staging(session, name):
        raise InvalidTable(name)


def _is_staging(session: Session, name: str) -> bool:
    return session.dictionary.table(name) is not None and ROWS in session.dictionary.lineage(name)[1:]


def check_loader(session: Session, staging: str) -> None:
    """Raise InvalidTable unless there is such a staging table, AccessDenied unless the user may load rows into it."""
    check_staging(session, staging)
    if not session.may("create", staging):
        raise AccessDenied("Insert")


def sweep(session: Session, before: str) -> None:
    """Remove the import sets, older than that, that a process was loading when it was killed: nobody knows of them."""
    for import_set in session.query(SETS, f"state=loading^sys_created_on<={before}"):
        if session.dictionary.table(import_set["table_name"]) is not None:
            _discard(session, import_set["table_name"], import_set)


def multiple(session: Session, sys_id: str) -> str:
    """Return the sys_id of a group of import sets: a new one if empty; raises RecordNotFound."""
    if not sys_id:
        return session.elevated.insert(MULTIPLE, {}).sys_id
    if session.elevated.get(MULTIPLE, sys_id) is None:
        raise RecordNotFound
    return sys_id


def _origin(import_set: Record, number: int) -> dict[str, str]:
    return {"sys_import_set": import_set.sys_id, "sys_import_row": str(number), "sys_import_state": "pending"}


def _discard(session: Session, staging: str, import_set: Record) -> None:
    """Remove an import set of which a row was refused, with the rows before it."""
    session.work.transaction.lock()
    physical = session.dictionary.sql_table(staging)
    session.work.transaction.execute(sa.delete(physical).where(physical.c.sys_import_set == import_set.sys_id))
    session.elevated.delete(SETS, import_set.sys_id)


def _record(session: Session, row: Record, outcomes: list[Outcome]) -> None:
    """Record what became of a row; of several maps the row itself names the last."""
    state = {"sys_import_state": "ignored"}
    for outcome in outcomes:
        values = {"transform_map": outcome.map.name, "target_table": outcome.map.table, "target_sys_id": outcome.sys_id}
        told = {"import_set_row": row.sys_id, "status": outcome.status, "message": outcome.message}
        session.insert(OUTCOMES, values | told)
        state = {
            "sys_import_state": outcome.status,
            "sys_import_state_comment": outcome.message,
            "sys_target_table": outcome.map.table,
            "sys_target_sys_id": outcome.sys_id,
            "sys_transform_map": outcome.map.sys_id,
        }
    session.update(row.table, row.sys_id, state)
