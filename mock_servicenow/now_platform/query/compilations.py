"""Queries that were compiled before."""

from functools import lru_cache, partial

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.query.compiler import CompiledQuery, compile_query
from mock_servicenow.now_platform.query.context import QueryContext
from mock_servicenow.now_platform.query.parser import Parser
from mock_servicenow.now_platform.query.sight import Sight

_SHORT = 1_000


class Compilations:
    """Compiles encoded queries on the tables of a dictionary and remembers the last ones.

    Args:
        remembered: how many compiled queries to keep.

    Attributes:
        parser: gives the tree of a query.
        everything: the sight of code of the instance itself.
        stored: that of conditions in records. They see everything but the tables that are defined as closed to web
            services: whoever stores a condition learns from what is refused whether it is met.
        sight: gives the one sight of all callers with the same roles, from those roles and the closed tables.
    """

    def __init__(self, dictionary: Dictionary, remembered: int = 256) -> None:
        self._remembered = lru_cache(maxsize=remembered)(_compile)
        self.parser = Parser()
        self.everything = Sight(dictionary)
        closed = frozenset(table.name for table in dictionary if not table.web_service_access)
        self.stored = Sight(dictionary, closed=closed)
        self.sight = lru_cache(maxsize=remembered)(partial(Sight, dictionary))

    def compile(self, encoded: str, table: str, sight: Sight, context: QueryContext) -> CompiledQuery:
        """Return the SQL of a query on a table that the dictionary has; see `compile_query`."""
        compiled = self._remembered if len(encoded) <= _SHORT else _compile
        return compiled(self.parser, encoded, table, sight, context)


def _compile(parser: Parser, encoded: str, table: str, sight: Sight, context: QueryContext) -> CompiledQuery:
    return compile_query(parser.parse(encoded), table, sight, context)
