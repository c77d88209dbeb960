"""Makes the indexes that lists of large tables need, before anybody waits for them."""

import asyncio
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from time import monotonic

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.sql_tables import position_name
from mock_servicenow.now_platform.dictionary.text_index import TextIndex
from mock_servicenow.now_platform.errors import DatabaseUnavailable
from mock_servicenow.now_platform.records.list_indexes import LARGE, searching_indexes, sorting_indexes
from mock_servicenow.now_platform.records.text_steps import ROWS_AT_A_TIME, index_some, indexed_columns
from mock_servicenow.now_platform.running import Runner
from mock_servicenow.now_platform.storage.database import Prepared, one_line
from mock_servicenow.now_platform.storage.transaction import Transaction

_SELDOM = 5_000
"""Writes of a process after which it looks whether a table of a shared database is large by now."""
_log = logging.getLogger("mock_servicenow.database")
_KNOWN = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
    "postgresql": "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()",
}
_BIG = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace "
    "AND pg_relation_size(oid) > 1000000"
)
_INVALID = (
    "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
    "WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace AND c.relname LIKE '.%'"
)


class ListUpkeep:
    """Indexes large tables for lists.

    An embedded database is indexed as it grows, a little between two requests, and after it was opened: a whole index
    to sort by, or some rows of the index of texts. A shared one is indexed while others read and write.

    Args:
        runner: runs the work in the background.
        dictionary: returns the tables by now.
    """

    def __init__(self, runner: Runner, dictionary: Callable[[], Dictionary]) -> None:
        self._runner = runner
        self._store = runner.store
        self._dictionary = dictionary
        self._often = ROWS_AT_A_TIME if runner.store.embedded else _SELDOM
        self._written: dict[str, int] = {}
        self._running: set[str] = set()

    def count_write(self, root: str) -> bool:
        """Count a written row, and return whether `index_table` should be called after the commit."""
        written = self._written[root] = self._written.get(root, 0) + 1
        return written >= self._often

    def index_all(self) -> None:
        """Begin to index each large table of a database that is opened."""
        roots = tuple(self._dictionary().sql.names)
        if not self._store.embedded:
            self._runner.in_thread(lambda: self._index_shared(roots))
            return
        transaction = self._store.begin()  # only reads: another tool may just be writing to the file
        try:
            large = [root for root in roots if self._is_large(lambda sql: transaction.run(Prepared(sql), ()), root)]
        finally:
            transaction.end(keep=False)
        self._go_on(self._all_steps(large))

    def index_table(self, root: str) -> None:
        """Index what a table lacks; without an event loop, such as before the start, leave it for later."""
        self._written[root] = 0
        if not self._store.embedded:
            self._runner.in_thread(lambda: self._index_shared([root]))
        elif root not in self._running and _is_served():
            self._go_on(self._table_steps(root))

    def _go_on(self, steps: Generator[None, None, None]) -> None:
        """Run steps between requests, until they fail, as for a file that is locked for long."""
        failures: tuple[type[Exception], ...] = (DatabaseUnavailable, *self._store.failures)

        def guarded() -> Generator[None, None, None]:
            try:
                yield from steps
            except failures as failure:
                self._warn(failure)

        self._runner.go_on(guarded())

    def _all_steps(self, roots: Iterable[str]) -> Generator[None, None, None]:
        """Make all indexes to sort by, one after the other, and then those of texts at the same time."""
        for root in roots:
            began = monotonic()
            while self._sort(root):
                yield from _as_long_since(began)
                began = monotonic()
        for root in roots:
            self._go_on(self._table_steps(root))

    def _sort(self, root: str) -> bool:
        """Make one index to sort by; return whether there was one to make."""
        with self._store.writing() as transaction:
            lacking = self._missing(transaction, root)[:1]
            for statement in lacking:
                transaction.run(Prepared(statement), ())
        return bool(lacking)

    def _table_steps(self, root: str) -> Generator[None, None, None]:
        self._running.add(root)
        try:
            while self._index_a_little(root):
                yield
        finally:
            self._running.discard(root)

    def _index_a_little(self, root: str) -> bool:
        """Do a little for a table of an embedded database; return whether there is more to do."""
        index = TextIndex.of(root, self._dictionary().sql.columns(root))
        with self._store.writing() as transaction:
            known = indexed_columns(index, transaction)
            if known == index.columns:
                return index_some(index, transaction)
            if not self._is_large(lambda sql: transaction.run(Prepared(sql), ()), root):
                return False
            lacking = self._missing(transaction, root)[:1] or (index.deletion() if known else index.creation())
            for statement in lacking:
                transaction.run(Prepared(statement), ())
            return True

    def _missing(self, transaction: Transaction, root: str) -> list[str]:
        known = {name for (name,) in transaction.run(Prepared(_KNOWN["sqlite"]), ())}
        return list(self._creations(sorting_indexes(self._dictionary(), root, self._store.dialect), known))

    def _creations(self, wanted: dict[str, str], known: Iterable[str], how: str = "") -> Iterable[str]:
        return (f"CREATE INDEX {how}{self._store.quote(name)} {wanted[name]}" for name in wanted.keys() - set(known))

    def _is_large(self, run: Callable[[str], Sequence[Sequence[object]]], root: str) -> bool:
        position = position_name(self._store.dialect.name)
        [[newest]] = run(f"SELECT max({position}) FROM {self._store.quote(root)}")  # noqa: S608 - names of tables
        return isinstance(newest, int) and newest >= LARGE

    def _index_shared(self, roots: Iterable[str]) -> None:
        """Index large tables of a shared database, unless another process does; others go on meanwhile."""
        try:
            with self._store.alone("list indexes") as run:
                if run is None:
                    return
                big = {name for (name,) in run(_BIG)}
                for root in big.intersection(roots):
                    if self._is_large(run, root):
                        self._index_one(run, root)
        except self._store.failures as failure:
            self._warn(failure)

    def _warn(self, failure: Exception) -> None:
        _log.warning("database: lists of large tables have no indexes: %s", one_line(failure))

    def _index_one(self, run: Callable[[str], Sequence[Sequence[object]]], root: str) -> None:
        for (name,) in run(_INVALID):  # whoever made it was killed
            run(f"DROP INDEX CONCURRENTLY {self._store.quote(str(name))}")
        wanted = sorting_indexes(self._dictionary(), root, self._store.dialect)
        trigrams = self._finds_parts(run)
        wanted |= searching_indexes(self._dictionary(), root, self._store.dialect, trigrams=trigrams)
        known = [str(name) for (name,) in run(_KNOWN["postgresql"])]
        lacking = list(self._creations(wanted, known, "CONCURRENTLY "))
        for statement in lacking:
            run(statement)
        if lacking:
            run(f"ANALYZE {self._store.quote(root)}")  # without it every part of a text is expected in few rows

    def _finds_parts(self, run: Callable[[str], Sequence[Sequence[object]]]) -> bool:
        """Return whether the database can index parts of texts; if not, say so."""
        if run("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'"):
            return True
        try:
            run("CREATE EXTENSION pg_trgm")
        except self._store.failures as failure:
            what = "database: extension pg_trgm cannot be created, so lists read whole tables for 'contains': %s"
            _log.warning(what, one_line(failure))
            return False
        return True


def _as_long_since(began: float) -> Iterator[None]:
    """Yield as long as the time since then, and once at least, so that what waits meanwhile is answered."""
    yield
    until = 2 * monotonic() - began
    while monotonic() < until:
        yield


def _is_served() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
