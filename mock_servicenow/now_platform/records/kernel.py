"""What all sessions of an instance share, and facts worked out from its tables."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import local
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple, NotRequired, Self, TypedDict, TypeVar

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.stored_definitions import StoredDefinitions
from mock_servicenow.now_platform.errors import DatabaseUnavailable
from mock_servicenow.now_platform.query import Compilations
from mock_servicenow.now_platform.records.fields import FieldLists
from mock_servicenow.now_platform.records.list_upkeep import ListUpkeep
from mock_servicenow.now_platform.records.plans import Plans
from mock_servicenow.now_platform.release_profile import ReleaseProfile
from mock_servicenow.now_platform.running import Runner
from mock_servicenow.now_platform.storage.database import Statements, one_line
from mock_servicenow.now_platform.storage.store import Store
from privman_core.clock import Clock
from privman_core.ids import Ids
from privman_core.masking import Secrets
from privman_core.seldom_log import SeldomLog

T = TypeVar("T")
_MOST = 1_000
"""The number of facts kept of one kind: callers choose some of their keys."""
_NOTHING: Mapping[object, Any] = MappingProxyType({})


class Fact:
    """A kind of fact worked out from tables.

    Args:
        name: differs from that of every other kind.
        tables: the tables from which the fact follows, and nothing else.
    """

    SOURCES: ClassVar[set[str]] = set()
    """The tables of every kind: a process that has no facts of a kind may still write its tables."""

    def __init__(self, name: str, *tables: str) -> None:
        self.name = name
        self.tables = frozenset(tables)
        self.SOURCES.update(tables)


Facts = dict[Fact, dict[object, Any]]


class Cache:
    """Facts worked out from tables, kept until one of their tables is written, by whatever process.

    On an embedded database nobody else writes. A shared one has a version that each commit changes which has written
    one of `Fact.SOURCES`: a transaction uses the facts of the version that it begins with.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._facts: Facts = {}
        self._of_version: tuple[int | None, Facts] = (None, {})
        self._used = _Used()

    def get(self, fact: Fact, key: object, load: Callable[[], T]) -> T:
        """Return the fact of that kind and key; load it from the tables if it is not known."""
        facts = self._facts if self._store.embedded else self._used.facts
        known = None if facts is None else facts.get(fact)
        if known is not None and key in known:
            value: T = known[key]
            return value
        value = load()
        if facts is not None and not self._store.is_aside:
            if known is None or len(known) >= _MOST:
                known = facts[fact] = {}
            known[key] = value
        return value

    def peek(self, fact: Fact, key: object) -> Any:  # noqa: ANN401 - facts of any kind
        """Return a known fact, else None."""
        facts = self._facts if self._store.embedded else self._used.facts or {}
        return facts.get(fact, _NOTHING).get(key)

    def discard(self, fact: Fact, key: object) -> None:
        """Drop one fact."""
        facts = self._facts if self._store.embedded else self._used.facts or {}
        facts.get(fact, {}).pop(key, None)

    def forget(self, tables: Iterable[str]) -> None:
        """Drop the facts worked out from tables, since they are written; on a shared database only this thread's."""
        written = Fact.SOURCES.intersection(tables)
        if not written:
            return
        if not self._store.embedded:
            self._used.facts = {}
            return
        for fact in [fact for fact in self._facts if not written.isdisjoint(fact.tables)]:
            del self._facts[fact]

    def clear(self) -> None:
        """Drop everything."""
        self._facts, self._of_version = {}, (None, {})

    @contextmanager
    def across(self) -> Iterator[None]:
        """Let the transactions of this thread use the facts that the first of them begins with."""
        self._used.across = True
        try:
            yield
        finally:
            self._used.across, self._used.facts, self._used.schema = False, None, None

    @property
    def is_in_use(self) -> bool:
        """Whether facts of a version are in use in this thread."""
        return self._used.facts is not None

    @property
    def schema(self) -> "Schema | None":
        """The tables from which the facts in use in this thread were worked out."""
        return self._used.schema

    def begin(self, version: int, schema: "Schema") -> None:
        """Use the facts of that version of the database, which has these tables, from now on in this thread."""
        known = self._of_version
        if known[0] != version:
            known = self._of_version = version, {}
        self._used.facts, self._used.schema = known[1], schema

    def adopt(self, schema: "Schema") -> None:
        """Drop everything, since there are other tables; what this thread has begun goes on with these."""
        self.clear()
        if self.is_in_use:
            self._used.facts, self._used.schema = {}, schema

    def end(self) -> None:
        """Stop using facts at the end of a transaction."""
        if not self._used.across:
            self._used.facts = self._used.schema = None


class _Used(local):
    """The facts in use in one thread, and the tables that they are about."""

    facts: Facts | None = None
    schema: "Schema | None" = None
    across = False


class Compiled(NamedTuple):
    """Everything worked out from a dictionary alone; instances with the same tables share it."""

    queries: Compilations
    fields: FieldLists
    plans: Plans

    @classmethod
    def of(cls, dictionary: Dictionary) -> Self:
        """Return what is still to be worked out from a dictionary."""
        return cls(Compilations(dictionary), FieldLists(dictionary), Plans(dictionary))


class Schema(NamedTuple):
    """The tables of an instance at one time, and everything worked out from them; a transaction keeps to one.

    Attributes:
        queries: compiles queries on the tables.
        fields: the fields that answers may have.
        plans: the facts about each table that reads and writes need.
        statements: the SQL of reads and writes.
        version: that of a shared database's tables.
        ignored: what records of the dictionary, and access rules, say without effect.
        defined: the tables that the records define, without the access rules; None where no record has been read.
    """

    dictionary: Dictionary
    queries: Compilations
    fields: FieldLists
    plans: Plans
    statements: Statements
    version: int = 0
    ignored: frozenset[str] = frozenset()
    defined: StoredDefinitions | None = None


class Subject(NamedTuple):
    """How a record names what the exchanges belong to that read or write it.

    Attributes:
        column: has the id.
        kind: where `Findings` keep it.
        form: of a valid id in lower case.
    """

    column: str
    kind: Literal["about", "registers"]
    form: re.Pattern[str]


class Parts(TypedDict):
    """The arguments of a `Kernel`, for classes that extend it."""

    dictionary: Dictionary
    store: Store
    clock: Clock
    ids: Ids
    secrets: NotRequired[Secrets]
    release: NotRequired[ReleaseProfile]
    compiled: NotRequired[Compiled]
    tokens_end_with_client: NotRequired[bool]
    key: NotRequired[str]


class Kernel(Runner):
    """The parts of an instance that every session uses; it also runs their work.

    Attributes:
        release: the differences between releases.
        first: the tables that ship, and those of files.
        schema: the tables that the instance has now.
        secrets: learns every key and secret that is written, before it is stored one way, or presented.
        tokens_end_with_client: whether access tokens of a deactivated or deleted OAuth client are refused.
        key: a secret that all processes of a server have, from which the texts of tokens follow; never stored.
        cache: facts worked out from tables.
        list_upkeep: indexes large tables.
        vanishing: sys_ids of deleted files whose content is still in an embedded database.
        subjects: by table, how the records name what exchanges belong to.
    """

    def __init__(  # noqa: PLR0913 - the parts of an instance
        self,
        *,
        dictionary: Dictionary,
        store: Store,
        clock: Clock,
        ids: Ids,
        secrets: Secrets | None = None,
        release: ReleaseProfile | None = None,
        compiled: Compiled | None = None,
        tokens_end_with_client: bool = True,
        key: str = "",
    ) -> None:
        super().__init__(store, clock)
        self.ids = ids
        self.secrets = secrets or Secrets()
        self.release = release or ReleaseProfile()
        self.first = Schema(dictionary, *(compiled or Compiled.of(dictionary)), store.statements)
        self.schema = self.first
        self.tokens_end_with_client = tokens_end_with_client
        self.key = key or ids.fork("key").token()
        self.cache = Cache(store)
        self.list_upkeep = ListUpkeep(self, lambda: self.dictionary)
        self.vanishing: set[str] = set()
        self.subjects: dict[str, Subject] = {}
        self._log = SeldomLog(logging.getLogger("mock_servicenow.database"), clock)

    @property
    def dictionary(self) -> Dictionary:
        """The tables that the instance has now."""
        return self.schema.dictionary

    def adopt(self, schema: Schema) -> None:
        """Give the transactions that begin from now on other tables."""
        self.schema = schema
        self.secrets.add_fields(schema.dictionary.password_columns())
        self.cache.adopt(schema)

    def unavailable(self, failure: BaseException) -> DatabaseUnavailable:
        """Return the platform's error for a failure of the database, and log one line now and then.

        A statement that the end of the process interrupted says nothing about the database and is not logged.
        """
        reason = one_line(failure)
        if not self.store.has_interrupted(failure):
            self._log.write(f"database: {reason}")
        return DatabaseUnavailable(reason)
