"""What all sessions of an instance share, and facts worked out from its tables."""

import logging
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NotRequired, Self, TypedDict, TypeVar

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.errors import DatabaseUnavailable
from mock_servicenow.now_platform.query import Compilations
from mock_servicenow.now_platform.records.fields import FieldLists
from mock_servicenow.now_platform.records.plans import Plans
from mock_servicenow.now_platform.release_profile import ReleaseProfile
from mock_servicenow.now_platform.running import Runner
from mock_servicenow.now_platform.storage.database import one_line
from mock_servicenow.now_platform.storage.store import Store
from privman_core.clock import Clock
from privman_core.ids import Ids
from privman_core.masking import Secrets
from privman_core.seldom_log import SeldomLog

T = TypeVar("T")
_MOST = 1_000
"""The number of facts kept of one kind: callers choose some of their keys."""


class Cache:
    """Facts worked out from tables, kept until one of their tables is written.

    Args:
        keeps: returns whether facts are kept; they are not where others may have written the tables meanwhile.
    """

    def __init__(self, keeps: Callable[[], bool]) -> None:
        self._keeps = keeps
        self._facts: dict[str, dict[object, Any]] = {}
        self._sources: dict[str, set[str]] = {}

    def get(self, kind: str, key: object, tables: tuple[str, ...], load: Callable[[], T]) -> T:
        """Return the fact of that kind and key; load it from the tables if it is not known."""
        known = self._facts.get(kind)
        if known is not None and key in known:
            fact: T = known[key]
            return fact
        fact = load()
        if self._keeps():
            facts = self._facts.setdefault(kind, {})
            if len(facts) >= _MOST:
                facts.clear()
            facts[key] = fact
            for table in tables:
                self._sources.setdefault(table, set()).add(kind)
        return fact

    def peek(self, kind: str, key: object) -> Any:  # noqa: ANN401 - facts of any kind
        """Return a known fact, else None."""
        return self._facts.get(kind, {}).get(key)

    def discard(self, kind: str, key: object) -> None:
        """Drop one fact."""
        self._facts.get(kind, {}).pop(key, None)

    def forget(self, tables: Iterable[str]) -> None:
        """Drop the facts worked out from tables, since they are written."""
        for table in tables:
            for kind in self._sources.get(table, ()):
                self._facts.pop(kind, None)

    def clear(self) -> None:
        """Drop everything."""
        self._facts.clear()


class Compiled(NamedTuple):
    """Everything worked out from a dictionary alone; instances with the same tables share it."""

    queries: Compilations
    fields: FieldLists
    plans: Plans

    @classmethod
    def of(cls, dictionary: Dictionary) -> Self:
        """Return what is still to be worked out from a dictionary."""
        return cls(Compilations(dictionary), FieldLists(dictionary), Plans(dictionary))


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


class Kernel(Runner):
    """The parts of an instance that every session uses; it also runs their work.

    Attributes:
        release: the differences between releases.
        queries: compiles queries on the dictionary's tables.
        fields: the fields that answers may have.
        plans: the facts about each table that reads and writes need.
        secrets: learns every key and secret that is written, before it is stored one way, or presented.
        tokens_end_with_client: whether access tokens of a deactivated or deleted OAuth client are refused.
        cache: facts worked out from tables.
        vanishing: sys_ids of deleted files whose content is still stored.
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
    ) -> None:
        super().__init__(store, clock)
        self.dictionary = dictionary
        self.ids = ids
        self.secrets = secrets or Secrets()
        self.release = release or ReleaseProfile()
        self.queries, self.fields, self.plans = compiled or Compiled.of(dictionary)
        self.tokens_end_with_client = tokens_end_with_client
        self.cache = Cache(lambda: store.embedded and not store.is_aside)
        self.vanishing: set[str] = set()
        self._log = SeldomLog(logging.getLogger("mock_servicenow.database"), clock)

    def unavailable(self, failure: BaseException) -> DatabaseUnavailable:
        """Return the platform's error for a failure of the database, and log one line now and then.

        A statement that the end of the process interrupted says nothing about the database and is not logged.
        """
        reason = one_line(failure)
        if not self.store.has_interrupted(failure):
            self._log.write(f"database: {reason}")
        return DatabaseUnavailable(reason)
