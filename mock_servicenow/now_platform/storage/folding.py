"""Comparing text without regard to case, on every database that stores records.

Where the other side is ASCII, only ASCII letters need folding, which databases do fast and by index; anything
else is folded by Unicode's rules.
"""

import sqlite3
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class Folded(FunctionElement[str]):
    """A text with its ASCII letters made equal; compare it with `ascii_lower` values, order by it, index it."""

    name = "folded"
    type = sa.Text()
    inherit_cache = True


class UnicodeFolded(FunctionElement[str]):
    """A text with all letters made equal; both sides of a comparison need it."""

    name = "unicode_folded"
    type = sa.Text()
    inherit_cache = True


def fold(sql: str, dialect: sa.Dialect) -> str:
    """Return the SQL of a text with its ASCII letters made equal."""
    return f"{sql} COLLATE NOCASE" if dialect.name == "sqlite" else f'lower({sql} COLLATE "C")'


@compiles(Folded)
def _fold(element: Folded, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return fold(compiler.process(element.clauses, **kw), compiler.dialect)


@compiles(UnicodeFolded)
def _lower(element: UnicodeFolded, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401
    return f"lower({compiler.process(element.clauses, **kw)})"


@compiles(UnicodeFolded, "sqlite")
def _casefold(element: UnicodeFolded, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401
    # As bytes, since a file may hold texts that are not UTF-8.
    return f"casefold(CAST({compiler.process(element.clauses, **kw)} AS BLOB))"


def teach_casefold(connection: sqlite3.Connection) -> None:
    """Give a SQLite connection the function that comparisons with non-ASCII values call."""
    connection.create_function("casefold", 1, _folded, deterministic=True)


def _folded(stored: bytes | None) -> str | None:
    return None if stored is None else stored.decode(errors="replace").casefold()


def ascii_lower(text: str) -> str:
    """Return the text with ASCII letters in lower case and all others as they are."""
    return text.encode().lower().decode()
