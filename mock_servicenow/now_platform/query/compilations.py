"""Queries that were compiled before."""

from collections.abc import Callable
from functools import lru_cache, partial

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.query.compiler import CompiledQuery, compile_query
from mock_servicenow.now_platform.query.context import QueryContext
from mock_servicenow.now_platform.query.parser import Parser
from mock_servicenow.now_platform.query.sight import Sight
from privman_core.sized_cache import SizedCache

_REMEMBERED, _PER_CHARACTER = 2 * 1024 * 1024, 10  # bytes, the latter of long lists of values
_SIGHTS = 64
_MANY = 100  # conditions of a query
_Asked = tuple[str, str, Sight, QueryContext]


class Compilations:
    """Compiles encoded queries on the tables of a dictionary and remembers the last ones, in 2 MiB or so.

    Attributes:
        parser: gives the tree of a query.
        everything: the sight of code of the instance itself.
        closed: the tables that are defined as closed to web services.
        stored: that of conditions in records. They see everything but the tables that are defined as closed to web
            services: whoever stores a condition learns from what is refused whether it is met.
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
        """Return the SQL of a query on a table that the dictionary has; see `compile_query`.

        ``before`` is called before a long query is compiled, during which nobody else would be answered; it may raise.
        """

        def compile_now() -> CompiledQuery:
            if is_long(encoded):
                before()
            return compile_query(self.parser.parse(encoded), table, sight, context)

        return self._remembered.made((encoded, table, sight, context), compile_now)


def is_long(encoded: str) -> bool:
    """Return whether it takes long to parse and compile a query: some tenths of a millisecond for each condition."""
    return encoded.count("^") > _MANY


def _bytes(asked: _Asked, compiled: CompiledQuery) -> int:
    return _PER_CHARACTER * len(asked[0]) + compiled.bytes
