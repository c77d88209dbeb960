"""Queries that the platform would not understand, and those that want to break something."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.definitions import Acl
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.query import Compilations, Parser, Sight, compile_query, parse

from .conftest import CONTEXT, TABLES, Desk

STRICT = replace(CONTEXT, invalid_returns_no_rows=True)


@pytest.fixture
def shelf(desk: Desk) -> Desk:
    """Two incidents."""
    desk.add("incident", "one", number="A")
    desk.add("incident", "two", number="B")
    return desk


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("number=A", "one"),
        ("number=A^nothing=x", ""),
        ("number=A^ORnumber@B", ""),
        ("nothing=x", ""),
        ("number=javascript:while(true){}", ""),
        ("number=A^^ORDERBYnothing^GROUPBYx", "one"),
        ("number=A^123TEXTINDEXGROUP321=x", "one"),
        ("number=A^123TEXTQUERY321= ", "one"),
        ("priority=high^ORnumber=A", "one"),
        ("number=A^priorityINSTANCEOFtask", ""),
    ],
)
def test_returns_no_rows(shelf: Desk, query: str, rows: str) -> None:
    """glide.invalid_query.returns_no_rows turns an ignored condition into no rows."""
    assert shelf.ask(query, context=STRICT) == rows.split()


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("number=A^ORnothing=x", "one"),
        ("nothing=x^ORnumber=A", "one"),
        ("nothing=x^NQnumber=A", "one"),
        ("number=A^NQnothing=x", "one"),
    ],
)
def test_ignored_term_leaves_the_rest(shelf: Desk, query: str, rows: str) -> None:
    """A dropped condition neither widens nor narrows what stands beside it."""
    assert shelf.ask(query) == rows.split()


def test_very_many_unknown_terms(shelf: Desk) -> None:
    """2 300 unknown conditions and a good one return one row (8.3 test_extra_long_query)."""
    assert shelf.ask("".join(f"a{number}=BBBB^" for number in range(2_300)) + "sys_id=one") == ["one"]
    assert len(shelf.findings) == 21
    assert shelf.findings[-1].message == "2280 more terms have no effect"


def test_long_term_is_quoted_in_part(shelf: Desk) -> None:
    """A finding quotes the beginning of a long term only (trap 1)."""
    for term in ("nothing=" + "x" * 5_000, "a" * 5_000 + "=x", "number=javascript:" + "x" * 5_000):
        shelf.ask(term)
        assert len(shelf.ignored()[0]) <= 401


@pytest.mark.long
@pytest.mark.parametrize(
    "query",
    [
        "^OR".join(["number=A", *["number=x"] * 5_000]),
        "^".join(["number=A", *["sys_idISNOTEMPTY"] * 5_000]),
        "^NQ".join(["number=A", *["number=x^number=A"] * 3_000]),
        "^OR".join(["number=A", *[f"short_descriptionLIKE{number}" for number in range(400)]]),
        "sys_idINone," + ",".join(map(str, range(10_000))),
        "numberINA," + ",".join(f"é{number}" for number in range(2_000)),
        "^OR".join(["number=A", *["caller_id.manager.manager.name=x"] * 1_000]),
        "^OR".join(["number=A", *["opened_atMORETHANdue_date@day@before@1"] * 200]),
        "number=A^" + "RLQUERYtask.parent,>=0^" * 2_000,
        "SUBQUERYsys_id,sys_id,task^" * 3 + "^OR".join(["number=A", *["number=x"] * 3_000]),
        "number=A^NQ" + "JOINincident.sys_id=task.sys_id!number=x" * 2_000,
        "number=A^123TEXTQUERY321=" + "a " * 10_000,
        "number=A^NQnumber=" + "x" * 100_000,
        "number=A^NQshort_descriptionLIKE" + "%" * 60_000,
        "number=A^NQnumberLIKE" + "É" * 20_000,
    ],
    ids=lambda query: query[:40],
)
def test_large_queries(shelf: Desk, query: str) -> None:
    """Very long queries are answered like short ones: no limit of the database shows."""
    assert shelf.ask(query) == ["one"]


@pytest.mark.parametrize(("length", "unusable"), [(49_998, 0), (49_999, 1), (50_002, 1)])
def test_longest_pattern(shelf: Desk, length: int, unusable: int) -> None:
    """A text to look for that no column holds is found in none; that it is too long for a pattern is told."""
    assert shelf.ask("numberLIKE" + "x" * length) == []
    assert [finding.rule for finding in shelf.findings] == ["query-value-unusable"] * unusable


@pytest.mark.long
@pytest.mark.parametrize("term", ["number=", "short_descriptionLIKE", "opened_atMORETHANdue_date@day@before@"])
def test_too_large(shelf: Desk, term: str) -> None:
    """A query of too many values or conditions returns no row and says so."""
    assert shelf.ask("^OR".join(["number=A", *[f"{term}{number}" for number in range(20_000)]])) == []
    assert [finding.rule for finding in shelf.findings] == ["query-too-large"]


@pytest.mark.long
@pytest.mark.parametrize(("count", "found"), [(14_999, ["one"]), (15_000, [])])
def test_long_lists(shelf: Desk, count: int, found: list[str]) -> None:
    """A list of 15,000 values is one that every database takes."""
    assert shelf.ask("sys_idIN" + ",".join(["one", *(f"A{number}" for number in range(count))])) == found
    assert [finding.rule for finding in shelf.findings] == ["query-too-large"] * (not found)


@pytest.mark.long
@pytest.mark.parametrize(("count", "found"), [(499, ["one"]), (500, [])])
def test_many_conditions(shelf: Desk, count: int, found: list[str]) -> None:
    """Five hundred conditions are answered, one more is too many."""
    conditions = ["numberLIKEA", *(f"short_descriptionLIKE{number}" for number in range(count))]
    assert shelf.ask("^OR".join(conditions)) == found
    assert [finding.rule for finding in shelf.findings] == ["query-too-large"] * (not found)


def test_too_many_sort_keys(shelf: Desk) -> None:
    """Of many sort keys the first ones count, and each counts once."""
    names = [f"{'parent.' * steps}{name}" for name in ("short_description", "number") for steps in range(8)]
    keys = "^".join(f"ORDERBY{direction}{name}" for direction in ("", "DESC") for name in names)
    assert sorted(shelf.ask(f"{keys}^{keys}", context=STRICT)) == ["one", "two"]
    assert [finding.rule for finding in shelf.findings] == ["query-term-ignored"] * 12


def test_a_path_walks_through_eight_references(desk: Desk) -> None:
    """What people read for the record at the end counts as a step, too; the ninth is not taken."""
    for number in range(10):
        desk.add("incident", f"row{number}", number=f"INC{number}", parent=f"row{number + 1}")
    assert desk.ask("parent." * 8 + "number=INC9") == ["row1"]
    assert desk.ask("parent." * 7 + "parentLIKEINC9") == ["row1"]
    assert desk.ask("parent." * 8 + "parentLIKErow9") == ["row0"]
    assert desk.findings == ()
    assert len(desk.ask("parent." * 9 + "number=INC9")) == 10
    assert desk.ignored()[0].endswith("is ignored: it walks through more than 8 references")


def test_the_first_words_of_a_search_count(desk: Desk) -> None:
    """Of many words those up to the thirty-second have to occur."""
    words = [f"w{number:02}" for number in range(33)]
    desk.add("incident", "all", description=" ".join(words))
    desk.add("incident", "but_the_last", description=" ".join(words[:32]))
    desk.add("incident", "but_two", description=" ".join(words[:31]))
    assert desk.ask("123TEXTQUERY321=" + " ".join(words)) == ["all", "but_the_last"]


def test_clauses_nest_three_deep(desk: Desk) -> None:
    """A clause in the fourth level is left out as a whole, and what follows it counts again."""
    desk.add("incident", "one", number="A")
    for clause, end in (("SUBQUERYsys_id,sys_id,task", "ENDSUBQUERY"), ("RLQUERYtask.sys_id,>0", "ENDRLQUERY")):
        for depth, ignored in ((3, 0), (4, 1), (5, 1)):
            inner = f"{'^'.join([clause] * depth)}^number=B^{'^'.join([end] * depth)}"
            assert desk.ask(f"number=A^{inner}") == ([] if not ignored else ["one"])
            assert len(desk.ignored()) == ignored


@pytest.mark.parametrize("junk", ["\0", "\ud800", "\U0001f600" * 5_000, "'; DROP TABLE task; --", '"', "%s %(x)s :x ?"])
def test_strange_characters(shelf: Desk, junk: str) -> None:
    """Any character may stand anywhere in a query (trap 1)."""
    for query in (f"number={junk}", f"{junk}=1", f"number{junk}1", f"numberIN{junk},{junk}", f"numberLIKE{junk}"):
        shelf.ask(query + "^ORDERBY" + junk)
    assert shelf.ask("") == ["one", "two"]


def test_values_are_never_part_of_the_statement(desk: Desk) -> None:
    """What a caller sends reaches the database as bound parameters only."""
    marker = "marker"
    operators = ("=", "!=", "<", "LIKE", "NOT LIKE", "STARTSWITH", "IN", "NOT IN", "BETWEENmarker@", "IN_HIERARCHYx@")
    terms = [f"{column}{operator}{marker}" for operator in operators for column in ("number", "parent", "active")]
    clauses = [
        f"RLQUERYtask.parent,>0^number={marker}^ENDRLQUERY",
        f"JOINtask.sys_id=task.parent!number={marker}",
        f"SUBQUERYsys_id,parent,task^number={marker}^ENDSUBQUERY",
        f"123TEXTQUERY321={marker}",
        f"{marker}=1",
        f"RLQUERY{marker}.{marker},>0",
        f"ORDERBY{marker}",
        f"caller_id.{marker}=x",
    ]
    compiled = compile_query(parse("^".join(terms + clauses)), "incident", Sight(desk.dictionary), CONTEXT)
    statement = sa.select(sa.func.count()).where(compiled.where).order_by(*compiled.order_by)
    text = str(statement.compile(desk.connection))
    assert marker not in text.lower()


def test_compiled_queries_are_remembered_for_who_asks(desk: Desk) -> None:
    """A query that is asked a third time is not compiled again, unless another asks or it is too large to keep."""
    queries, me = Compilations(desk.dictionary), "opened_by=javascript:gs.getUserID()"
    long = "^".join(f"numberLIKE{number}" for number in range(300))
    all_ = queries.everything
    _, mine = (queries.compile(me, "incident", all_, CONTEXT) for _ in range(2))
    assert queries.compile(me, "incident", all_, CONTEXT) is mine
    assert queries.compile(me, "incident", all_, replace(CONTEXT, user_id="other")) is not mine
    assert queries.compile(me, "incident", queries.sight(frozenset(), frozenset()), CONTEXT) is not mine
    assert queries.compile(long, "incident", all_, CONTEXT) is not queries.compile(long, "incident", all_, CONTEXT)


@pytest.mark.parametrize(
    ("term", "depends"),
    [
        ("number=A", False),
        ("opened_at>2026-01-01 00:00:00", False),
        ("opened_by=javascript:gs.getUserID()", True),
        ("numberINA,javascript:gs.getUserName()", False),
        ("opened_at>javascript:gs.hoursAgo(1)", True),
        ("opened_atRELATIVEGT@hour@ago@1", True),
        ("opened_byDYNAMIC90d1921e5f510100a9ad2572f2b477fe", True),
        ("RLQUERYtask.parent,>0^opened_atRELATIVEGT@hour@ago@1^ENDRLQUERY", True),
        ("ORDERBYnumber", False),
    ],
)
def test_a_query_is_compiled_again_for_another_moment_only_if_it_depends_on_it(
    desk: Desk,
    term: str,
    depends: bool,  # noqa: FBT001 - a row of a table
) -> None:
    """Nor for another user with the same rights."""
    queries = Compilations(desk.dictionary)
    later = replace(CONTEXT, now=CONTEXT.now + timedelta(hours=2), user_id="other")
    known = [queries.compile(term, "incident", queries.everything, CONTEXT) for _ in range(3)][-1]
    assert (queries.compile(term, "incident", queries.everything, later) is known) != depends


def test_a_query_under_a_rule_about_the_user_is_compiled_for_each_user() -> None:
    """The condition of an access rule depends on who asks, even if the query does not."""
    mine = Acl("read", condition="opened_by=javascript:gs.getUserID()")
    tables = [replace(table, acls=(mine,)) if table.name == "task" else table for table in TABLES]
    queries = Compilations(Dictionary(tables))
    sight, other = queries.sight(frozenset(), frozenset()), replace(CONTEXT, user_id="other")
    known = [queries.compile("number=A", "incident", sight, CONTEXT) for _ in range(3)][-1]
    assert queries.compile("number=A", "incident", sight, CONTEXT) is known
    assert queries.compile("number=A", "incident", sight, other) is not known


def test_parser_remembers() -> None:
    """A query that is asked a third time is not read again, unless it is too long to keep."""
    parser = Parser()
    parser.parse("number=A")
    assert parser.parse("number=A") is parser.parse("number=A")
    long = "number=A^" * 1_000
    assert parser.parse(long) == parser.parse(long)
    assert parser.parse(long) is not parser.parse(long)
