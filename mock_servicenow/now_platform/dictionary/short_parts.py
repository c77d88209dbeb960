"""The short parts of a text: its characters, and each two in a row, which PostgreSQL looks up by an index.

pg_trgm indexes parts of three characters or more, letters and digits only. This index has those of one and two. The
index of pg_trgm folds ASCII alone, so that a search for other letters would read the table without short parts.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from mock_servicenow.now_platform.dictionary.sql_tables import UnicodeFolded, unicode_fold

MOST_CHARACTERS_OF_A_PART = 2
_MOST = 12  # parts of a text that are looked up


class _ShortParts(FunctionElement[Any]):
    name = "short_parts"
    type = sa.ARRAY(sa.Text())
    inherit_cache = True


class _Array(FunctionElement[Any]):  # that of SQLAlchemy's dialect would load the dialect at every start
    name = "array"
    type = sa.ARRAY(sa.Text())
    inherit_cache = True


class _AsNumber(FunctionElement[int]):
    name = "as_number"
    type = sa.Integer()
    inherit_cache = True


class Separable(FunctionElement[str]):
    """A folded text without the character that separates its parts."""

    name = "separable"
    type = sa.Text()
    inherit_cache = True


@compiles(_ShortParts)
def _short_parts(element: _ShortParts, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return short_parts(compiler.process(element.clauses, **kw))


@compiles(_Array)
def _array(element: _Array, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return f"ARRAY[{compiler.process(element.clauses, **kw)}]"


@compiles(_AsNumber)
def _as_number(element: _AsNumber, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    number = f"({compiler.process(element.clauses, **kw)})"
    return number if compiler.dialect.name == "sqlite" else f"{number}::int"


@compiles(Separable)
def _separable(element: Separable, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return _without_separator(compiler.process(element.clauses, **kw))


def seldom(test: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Return a test of which PostgreSQL expects that few rows meet it, and for which it asks no index.

    It expects that most rows have a short text, so it would read all rows to find those that have one. If most have it
    indeed, the first of them are soon found in any way.
    """
    return _AsNumber(test) == sa.literal_column("1")


def short_parts(sql: str) -> str:
    """Return the SQL of the short parts of a text as `UnicodeFolded` folds it, as an index has them."""
    text = _without_separator(unicode_fold(sql))
    pairs = (
        f"string_to_array(regexp_replace({each}, '(..)', E'\\\\1\\x01', 'g'), E'\\x01')"
        for each in (text, f"substr({text}, 2)")
    )
    return f"({' || '.join((f'string_to_array({text}, NULL)', *pairs))})"


def has_short_parts(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    """Return whether a column has the `parts_of` a text, which the database folds; true wherever it has the text."""
    folded = Separable(UnicodeFolded(sa.cast(sa.literal(text), sa.Text())))
    parts = _Array(*(sa.func.substr(folded, start + 1, MOST_CHARACTERS_OF_A_PART) for start in _starts(text)))
    return _ShortParts(column).op("@>", is_comparison=True)(parts)


def parts_of(text: str) -> list[str]:
    """Return the parts that `has_short_parts` looks up, to ask how frequent they are.

    They are folded nearly as the database does, which folds what is looked up.
    """
    folded = text.lower()
    return [folded[start : start + MOST_CHARACTERS_OF_A_PART] for start in _starts(text)]


def _starts(text: str) -> range:
    """Return where the parts of a text begin that are looked up."""
    starts = range(max(1, len(text) - 1))
    return starts[:: -(-len(starts) // _MOST)]


def _without_separator(sql: str) -> str:
    return f"translate({sql}, E'\\x01', E'\\x02')"
