"""How text is compared on each database, and which indexes serve."""

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary import Dictionary
from mock_servicenow.now_platform.folding import Folded
from mock_servicenow.now_platform.query import compile_query, parse

from .conftest import CONTEXT

SQLITE = sa.make_url("sqlite://").get_dialect()()
POSTGRESQL = sa.make_url("postgresql+psycopg://").get_dialect()()
LITERAL = {"literal_binds": True}


def where(dictionary: Dictionary, query: str, dialect: sa.Dialect) -> str:
    """Return the condition that a query becomes on a database."""
    compiled = compile_query(parse(query), "task", dictionary, CONTEXT)
    return str(compiled.where.compile(dialect=dialect))


def test_ascii_folds_by_rules_that_an_index_can_hold(dictionary: Dictionary) -> None:
    """A value of ASCII letters is compared without a call into Python, on every database (platform 2.4)."""
    assert where(dictionary, "number=INC1", SQLITE) == "task.number COLLATE NOCASE = ?"
    assert 'lower(task.number COLLATE "C") = ' in where(dictionary, "number=INC1", POSTGRESQL)


def test_other_letters_fold_by_unicode(dictionary: Dictionary) -> None:
    """A value with other letters is folded by the database's Unicode rules (platform 2.4)."""
    assert where(dictionary, "number=É", SQLITE) == "casefold(task.number) = casefold(?)"
    assert where(dictionary, "number=É", POSTGRESQL).startswith("lower(task.number) = lower(")


def test_an_index_on_folded_text_is_used(dictionary: Dictionary) -> None:
    """A look-up by text or by its beginning searches an index that folds as comparisons do (platform 2.4)."""
    task = dictionary.sql_table("task")
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        task.create(connection)
        connection.execute(sa.schema.CreateIndex(_index_on(task)))
        for query in ("number=inc1", "numberINinc1,inc2", "number>=inc1", "numberSTARTSWITHinc"):
            compiled = compile_query(parse(query), "task", dictionary, CONTEXT)
            statement = sa.select(task.c.sys_id).where(compiled.where).compile(connection, compile_kwargs=LITERAL)
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
            assert "SEARCH task USING INDEX folded_number" in str(plan)
    engine.dispose()


def test_the_key_sorts_by_its_index(dictionary: Dictionary) -> None:
    """A sys_id is never empty, so its order needs no rule for empty values (platform 1.11)."""
    compiled = compile_query(parse("ORDERBYsys_id^ORDERBYDESCnumber"), "task", dictionary, CONTEXT)
    first, second = (str(term.compile(dialect=POSTGRESQL)) for term in compiled.order_by)
    assert first == "task.sys_id ASC"
    assert second.endswith("DESC NULLS LAST")


def _index_on(task: sa.Table) -> sa.Index:
    """Return an index of a copy of the table, so that the dictionary's own keeps what it has."""
    copy = task.to_metadata(sa.MetaData())
    return sa.Index("folded_number", Folded(copy.c.number))
