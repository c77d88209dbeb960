"""What is worked out from tables, kept until one of them is written."""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_MOST = 1_000
"""How many facts of one kind are kept; some are known by what callers send."""


class Cache:
    """Facts worked out from tables.

    Args:
        keeps: asked whether facts are kept: not where others may have written the tables meanwhile.
    """

    def __init__(self, keeps: Callable[[], bool]) -> None:
        self._keeps = keeps
        self._facts: dict[str, dict[object, Any]] = {}
        self._sources: dict[str, set[str]] = {}

    def get(self, kind: str, key: object, tables: tuple[str, ...], load: Callable[[], T]) -> T:
        """Return the fact of that kind and key; work it out from the tables if it is not known."""
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
        """Return a fact if it is known, else None."""
        return self._facts.get(kind, {}).get(key)

    def discard(self, kind: str, key: object) -> None:
        """Drop one fact."""
        self._facts.get(kind, {}).pop(key, None)

    def forget(self, table: str) -> None:
        """Drop what was worked out from a table that is written."""
        for kind in self._sources.get(table, ()):
            self._facts.pop(kind, None)

    def clear(self) -> None:
        """Drop everything."""
        self._facts.clear()
