"""How text is compared on each database, and which indexes serve."""

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.query import Sight, compile_query, parse

from .conftest import CONTEXT

SQLITE = sa.make_url("sqlite://").get_dialect()()
POSTGRESQL = sa.make_url("postgresql+psycopg://").get_dialect()()
LITERAL = {"literal_binds": True}


def where(dictionary: Dictionary, query: str, dialect: sa.Dialect) -> str:
    """Return the condition that a query becomes on a database."""
    compiled = compile_query(parse(query), "task", Sight(dictionary), CONTEXT)
    return str(compiled.where.compile(dialect=dialect))


def test_ascii_folds_by_rules_that_an_index_can_hold(dictionary: Dictionary) -> None:
    """A value of ASCII letters is compared without a call into Python, on every database."""
    assert where(dictionary, "number=INC1", SQLITE) == "task.number COLLATE NOCASE = ?"
    assert 'lower(task.number COLLATE "C") = ' in where(dictionary, "number=INC1", POSTGRESQL)


def test_other_letters_fold_by_unicode(dictionary: Dictionary) -> None:
    """A value with other letters is folded by the database's Unicode rules."""
    assert where(dictionary, "number=É", SQLITE) == "casefold(CAST(task.number AS BLOB)) = casefold(CAST(? AS BLOB))"
    folded = 'lower(lower(task.number COLLATE "C") COLLATE "default") = lower(lower('
    assert where(dictionary, "number=É", POSTGRESQL).startswith(folded)


def test_indexes_fold_as_comparisons_do(dictionary: Dictionary) -> None:
    """A look-up by an indexed text, by its beginning or by its order searches the index."""
    task = dictionary.sql_table("task")
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        dictionary.sql.create_all(connection)
        for query in ("number=inc1", "numberINinc1,inc2", "number>=inc1", "numberSTARTSWITHinc", "ORDERBYnumber"):
            compiled = compile_query(parse(query), "task", Sight(dictionary), CONTEXT)
            rows = sa.select(task.c.sys_id).where(compiled.where).order_by(*compiled.order_by)
            statement = rows.compile(connection, compile_kwargs=LITERAL)
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
            assert "task USING INDEX task.number" in str(plan), query
    engine.dispose()


def test_the_key_sorts_by_its_index(dictionary: Dictionary) -> None:
    """A sys_id is never empty, so its order needs no rule for empty values."""
    compiled = compile_query(parse("ORDERBYsys_id^ORDERBYDESCnumber"), "task", Sight(dictionary), CONTEXT)
    first, second = (str(term.compile(dialect=POSTGRESQL)) for term in compiled.order_by)
    assert first == "task.sys_id ASC"
    assert second.endswith("DESC NULLS LAST")
