"""The SQL of the index that SQLite has of the texts of a large table: which rows have which three characters in a row.

It is a full-text index of trigrams. The rows that are new or changed are late until the index has them: triggers list
them, which costs a write little, and they are indexed many at a time. Whoever searches takes the late rows, too, and
tests each row, so the index may find too many rows and never too few. That is why it forgets nothing: neither the
former texts of a row nor those of a deleted one.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from mock_servicenow.now_platform.dictionary.column_types import CompareAs, Family
from mock_servicenow.now_platform.dictionary.definitions import Column

PADDING = "\1\1"
"""Follows each text in the index, so that three characters begin at each of its own."""
_FOUND = "found row"
_BEGUN = 0  # the place of no row
_SAMPLED, _SAMPLE = (1, 3), 250  # so many rows after those quarters of a table say how frequent a part is
_PREFIX = "in_"  # a full-text index has columns of its own, such as rank


class Through(sa.Join):
    """A join that SQLite reads from left to right, so in the order of the left side."""

    inherit_cache = True


@compiles(Through)
def _through(element: Through, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    kw["asfrom"] = True
    kw.pop("from_linter", None)  # it sees no condition that joins both sides
    left, right = compiler.process(element.left, **kw), compiler.process(element.right, **kw)
    condition: Any = element.onclause
    return f"{left} CROSS JOIN {right} ON {compiler.process(condition)}"


class TextIndex(Struct, frozen=True):
    """The index of one table.

    Attributes:
        root: the table.
        columns: the columns whose texts it has.
    """

    root: str
    columns: tuple[str, ...]

    @classmethod
    def of(cls, root: str, columns: Mapping[str, Column]) -> "TextIndex":
        """Return the index of a hierarchy that stores these columns."""
        texts = (
            name
            for name, column in columns.items()
            if column.family.compare_as is CompareAs.TEXT and column.family is not Family.PASSWORD
        )
        return cls(root, tuple(texts))

    def count_late(self, most: int) -> str:
        """Return the query for the number of late rows, at most ``most``; that many while the index is being built."""
        late = _quote(self._late)
        return (
            f"SELECT iif(EXISTS (SELECT 1 FROM {late} WHERE place = {_BEGUN}), {most}, "  # noqa: S608 - our own names
            f"(SELECT count(*) FROM (SELECT 1 FROM {late} LIMIT {most})))"
        )

    @property
    def share(self) -> str:
        """The query for about which share of the rows may have what ``texts`` asks for: of some old, some newer."""
        texts = _quote(self._texts)
        newest = f"SELECT max(rowid) AS newest FROM {_quote(self.root)}"  # noqa: S608 - names of tables
        found = (
            f"SELECT count(*) FROM (SELECT 1 FROM {texts} WHERE {texts} MATCH :texts AND rowid "  # noqa: S608 - our own names
            f"BETWEEN newest * {{0}} / 4 AND newest * {{0}} / 4 + {_SAMPLE})"
        )
        counted = " + ".join(f"({found.format(quarter)})" for quarter in _SAMPLED)
        return f"SELECT ({counted}) / {len(_SAMPLED) * _SAMPLE}.0 FROM ({newest})"  # noqa: S608 - our own names

    def count_found(self, most: int) -> str:
        """Return the query for the number of rows that `through` reads, at most ``most``."""
        return f"SELECT count(*) FROM (SELECT 1 FROM ({self._found()}) LIMIT {most})"  # noqa: S608 - our own names

    @property
    def columns_query(self) -> str:
        """The query for the names of the columns that the database has indexed; none if there is no index."""
        return f"SELECT substr(name, {len(_PREFIX) + 1}) FROM pragma_table_info({_literal(self._texts)})"  # noqa: S608 - our own name

    def creation(self) -> Iterator[str]:
        """Return the statements that make the index, without any row."""
        table, texts, late = map(_quote, (self.root, self._texts, self._late))
        named = ", ".join(map(indexed_column, self.columns))
        options = "content='', columnsize=0, detail=column, tokenize='trigram case_sensitive 1'"
        yield f"CREATE VIRTUAL TABLE {texts} USING fts5({named}, {options})"
        yield f"INSERT INTO {texts} ({texts}, rank) VALUES ('automerge', 0)"  # noqa: S608 - our own names
        yield f"CREATE VIRTUAL TABLE {_quote(self._terms)} USING fts5vocab({texts}, instance)"
        yield f"CREATE TABLE {late} (place INTEGER PRIMARY KEY, is_long INTEGER)"
        yield f"INSERT INTO {late} VALUES ({_BEGUN}, 0)"  # noqa: S608 - our own name
        note = f"BEGIN INSERT OR REPLACE INTO {late} (place) VALUES (new.rowid); END"  # noqa: S608 - our own name
        changed = ", ".join(map(_quote, self.columns))
        yield f"CREATE TRIGGER {_quote(f'{self.root} inserted')} AFTER INSERT ON {table} {note}"
        yield f"CREATE TRIGGER {_quote(f'{self.root} changed')} AFTER UPDATE OF {changed} ON {table} {note}"

    def deletion(self) -> Iterator[str]:
        """Return the statements that delete the index, whatever columns it has."""
        for trigger in ("inserted", "changed"):
            yield f"DROP TRIGGER IF EXISTS {_quote(f'{self.root} {trigger}')}"
        for table in (self._terms, self._texts, self._late):
            yield f"DROP TABLE IF EXISTS {_quote(table)}"

    def is_in(self, tables: Collection[str]) -> bool:
        """Return whether it is among the tables of a database."""
        return self._texts in tables

    @property
    def begun(self) -> str:
        """The query for the place up to which the rows were indexed that are older than the index; none at its end."""
        return f"SELECT is_long FROM {_quote(self._late)} WHERE place = {_BEGUN}"  # noqa: S608 - our own name

    def older(self, most: int) -> str:
        """Return the query for the first rows after a place, each with the characters of its texts."""
        lengths = self._lengths()
        return f"SELECT rowid, {lengths} FROM {_quote(self.root)} WHERE rowid > ? ORDER BY rowid LIMIT {most}"  # noqa: S608 - names of tables

    def next_late(self, most: int) -> str:
        """Return the query for the first late rows, each with the characters of its texts."""
        return (
            f"SELECT late.place, {self._lengths()} FROM {_quote(self._late)} AS late "  # noqa: S608 - names of tables
            f"LEFT JOIN {_quote(self.root)} AS row ON row.rowid = late.place "
            f"WHERE late.is_long IS NULL ORDER BY late.place LIMIT {most}"
        )

    def indexing(self) -> Iterator[str]:
        """Return the statements that index the rows at the places of a JSON array."""
        named = ", ".join(map(indexed_column, self.columns))
        folded = ", ".join(map(_folded, self.columns))
        texts, places = _quote(self._texts), "IN (SELECT value FROM json_each(?))"
        yield (
            f"INSERT INTO {texts} (rowid, {named}) SELECT rowid, {folded} FROM {_quote(self.root)} "  # noqa: S608 - names of tables
            f"WHERE rowid {places} ORDER BY rowid"
        )
        yield f"DELETE FROM {_quote(self._late)} WHERE place {places}"  # noqa: S608 - our own name

    @property
    def keeping_late(self) -> str:
        """The statement that leaves the rows of a JSON array late for good: to index long texts would take long."""
        return f"INSERT OR REPLACE INTO {_quote(self._late)} SELECT value, 1 FROM json_each(?)"  # noqa: S608 - our own name

    @property
    def going_on(self) -> str:
        """The statement that notes the place up to which the older rows were indexed."""
        return f"UPDATE {_quote(self._late)} SET is_long = ? WHERE place = {_BEGUN}"  # noqa: S608 - our own name

    @property
    def ending(self) -> str:
        """The statement that notes that every row is indexed or late."""
        return f"DELETE FROM {_quote(self._late)} WHERE place = {_BEGUN}"  # noqa: S608 - our own name

    def merging(self, pages: int) -> str:
        """Return the statement that merges about so many pages of the index, as SQLite otherwise does less evenly."""
        texts = _quote(self._texts)
        return f"INSERT INTO {texts} ({texts}, rank) VALUES ('merge', {pages})"  # noqa: S608 - our own name

    def beginning(self, most: int) -> str:
        """Return the query for the first terms of three characters that begin with ``text``."""
        # One that is not less than a term and a character, and so greater than the term, is found without reading where
        # the term is.
        following = f"(SELECT term FROM {_quote(self._terms)} WHERE term >= {{}} ORDER BY term LIMIT 1)"  # noqa: S608 - our own name
        first, others = following.format(":text"), following.format("found.term || char(1)")
        begins = "substr(term, 1, length(:text)) = :text"
        return (
            f"WITH RECURSIVE found(term) AS (SELECT {first} UNION ALL SELECT {others} FROM found WHERE {begins}) "  # noqa: S608 - our own names
            f"SELECT term FROM found WHERE {begins} LIMIT {most}"
        )

    def _lengths(self) -> str:
        return " + ".join(f"ifnull(length({_quote(name)}), 0)" for name in self.columns)

    def through(self, table: sa.Table, *, newest_first: bool = False) -> Through:
        """Return the rows that may have what the parameter ``texts`` asks for, in order of insertion or reversed."""
        return _through_places(self._found("DESC" if newest_first else "ASC"), table)

    def _found(self, direction: str = "ASC") -> str:
        texts, late = _quote(self._texts), _quote(self._late)
        return (
            f'SELECT rowid AS "{_FOUND}" FROM {texts} WHERE {texts} MATCH :texts UNION SELECT place FROM {late} '  # noqa: S608 - our own names
            f'ORDER BY "{_FOUND}" {direction} LIMIT -1'
        )

    @property
    def _texts(self) -> str:
        return f"{self.root} texts"  # names of tables have no spaces

    @property
    def _terms(self) -> str:
        return f"{self.root} terms"

    @property
    def _late(self) -> str:
        return f"{self.root} late"


def in_order(table: sa.Table, key: str, *, descending: bool) -> Through:
    """Return the rows of a table in the order of an index on a key."""
    direction = "DESC" if descending else "ASC"
    places = f'SELECT rowid AS "{_FOUND}" FROM {_quote(table.name)} ORDER BY {key} {direction} LIMIT -1'  # noqa: S608 - names of tables
    return _through_places(places, table)


def _through_places(places: str, table: sa.Table) -> Through:
    """SQLite drops an order of places that has no limit."""
    found = sa.text(places).columns(sa.column(_FOUND, sa.BigInteger())).subquery("found")
    place: sa.ColumnElement[int] = sa.literal_column(f"{_quote(table.name)}.rowid")
    return Through(found, table, place == found.c[_FOUND])


def indexed_column(name: str) -> str:
    """Return the name that a column has in the index, quoted."""
    return _quote(_PREFIX + name)


def _folded(column: str) -> str:
    """Return the SQL of a column's texts as `UnicodeFolded` folds them; a plain text without a call of Python."""
    name = _quote(column)
    folded = f"iif({name} GLOB '*[^ -~]*', casefold(CAST({name} AS BLOB)), lower({name}))"
    return f"{folded} || {_literal(PADDING)}"


def _quote(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _literal(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))
