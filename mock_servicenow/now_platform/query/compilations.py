"""Queries that were compiled before."""

from functools import lru_cache
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.query.compiler import CompiledQuery, compile_query
from mock_servicenow.now_platform.query.parser import Parser

if TYPE_CHECKING:
    from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
    from mock_servicenow.now_platform.query.context import QueryContext

_SHORT = 1_000


class Compilations:
    """Compiles encoded queries on the tables of a dictionary and remembers the last ones.

    Args:
        remembered: how many compiled queries to keep.

    Attributes:
        parser: gives the tree of a query.
    """

    def __init__(self, dictionary: "Dictionary", remembered: int = 256) -> None:
        self._dictionary = dictionary
        self._remembered = lru_cache(maxsize=remembered)(self._compile)
        self.parser = Parser()

    def compile(self, encoded: str, table: str, context: "QueryContext") -> CompiledQuery:
        """Return the SQL of a query on a table that the dictionary has; see `compile_query`."""
        compiled = self._remembered if len(encoded) <= _SHORT else self._compile
        return compiled(encoded, table, context)

    def _compile(self, encoded: str, table: str, context: "QueryContext") -> CompiledQuery:
        return compile_query(self.parser.parse(encoded), table, self._dictionary, context)
