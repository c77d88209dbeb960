"""Queries as text, compiled once and remembered."""

from collections.abc import Callable
from functools import lru_cache, partial

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.query.compiler import CompiledQuery, compile_query
from mock_servicenow.now_platform.query.script_calls import QueryContext
from mock_servicenow.now_platform.query.sight import Sight
from mock_servicenow.now_platform.query.syntax import Parser
from privman_core.sized_cache import SizedCache

_REMEMBERED, _PER_CHARACTER = 2 * 1024 * 1024, 10  # bytes, the latter of long lists of values
_SIGHTS = 64
_MANY = 100  # conditions of a query
_Asked = tuple[str, str, Sight, bool, QueryContext | None]


class Compilations:
    """Compiles encoded queries on the tables of a dictionary and remembers the last ones in about 2 MiB.

    Attributes:
        parser: gives the tree of a query.
        everything: the sight of the instance's own code.
        closed: the tables that are defined as closed to web services.
        stored: the sight of conditions in records: everything except the tables that are closed to web services,
            because whoever stores a condition can learn whether it is met.
        sight: gives the one sight of all callers with the same roles, from those roles and the closed tables.
    """

    def __init__(self, dictionary: Dictionary) -> None:
        self._remembered = SizedCache[_Asked, CompiledQuery](_REMEMBERED, _bytes)
        self.parser = Parser()
        self.everything = Sight(dictionary)
        self.closed = frozenset(table.name for table in dictionary if not table.web_service_access)
        self.stored = Sight(dictionary, closed=self.closed)
        self.sight = lru_cache(_SIGHTS)(partial(Sight, dictionary))

    def compile(
        self,
        encoded: str,
        table: str,
        sight: Sight,
        context: QueryContext,
        before: Callable[[], object] = bool,
    ) -> CompiledQuery:
        """Return the SQL of a query on a table of the dictionary; see `compile_query`.

        ``before`` is called before a long query is compiled, which keeps all other requests waiting; it may raise.
        """
        asked = encoded, table, sight, context.invalid_returns_no_rows
        known = self._remembered.get((*asked, None)) or self._remembered.get((*asked, context))
        if known is not None:
            return known
        if is_long(encoded):
            before()
        compiled = compile_query(self.parser.parse(encoded), table, sight, context)
        self._remembered[*asked, context if compiled.depends else None] = compiled
        return compiled


def is_long(encoded: str) -> bool:
    """Return whether it takes long to parse and compile a query: tenths of a millisecond for each condition."""
    return encoded.count("^") > _MANY


def _bytes(asked: _Asked, compiled: CompiledQuery) -> int:
    return _PER_CHARACTER * len(asked[0]) + compiled.bytes
