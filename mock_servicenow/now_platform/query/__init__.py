"""Encoded queries: ServiceNow's filter language, read leniently and answered by SQL.

    parser = Parser()
    compiled = compile_query(parser.parse("active=true^ORDERBYnumber"), "incident", Sight(dictionary), context)
    rows = sa.select(dictionary.sql_table("incident")).where(compiled.where).order_by(*compiled.order_by)

`compile_condition` asks whether one record matches, as business rules need it.

The SQL has no joins, so `CompiledQuery.where` alone is enough to count. SQLite connections need `teach_casefold`.
"""

from mock_servicenow.now_platform.query.compilations import Compilations, is_long
from mock_servicenow.now_platform.query.compiler import (
    CompiledQuery,
    compile_condition,
    compile_query,
    permission,
    scope_of,
)
from mock_servicenow.now_platform.query.operands import RecordChange
from mock_servicenow.now_platform.query.scope import Scope
from mock_servicenow.now_platform.query.script_calls import QueryContext
from mock_servicenow.now_platform.query.sight import Sight
from mock_servicenow.now_platform.query.syntax import Parser, Query, as_operand, parse

__all__ = [
    "Compilations",
    "CompiledQuery",
    "Parser",
    "Query",
    "QueryContext",
    "RecordChange",
    "Scope",
    "Sight",
    "as_operand",
    "compile_condition",
    "compile_query",
    "is_long",
    "parse",
    "permission",
    "scope_of",
]
