"""How terms combine, and what is not a term at all."""

import pytest

from mock_servicenow.now_platform.query import parse

from .conftest import Desk


@pytest.fixture
def shelf(desk: Desk) -> Desk:
    """Three incidents whose columns spell out a truth table."""
    desk.add("incident", "one", number="A", priority=1, short_description="x")
    desk.add("incident", "two", number="B", priority=1, short_description="y")
    desk.add("incident", "three", number="C", priority=2, short_description="x")
    return desk


def test_caret_means_and(shelf: Desk) -> None:
    """TermList joined by ^ all have to hold."""
    assert shelf.ask("priority=1^short_description=x") == ["one"]


def test_or_binds_tighter_than_and(shelf: Desk) -> None:
    """A^B^ORC is A and (B or C)."""
    assert shelf.ask("priority=1^number=B^ORnumber=C") == ["two"]


def test_or_before_and(shelf: Desk) -> None:
    """A^ORB^C is (A or B) and C."""
    assert shelf.ask("number=A^ORnumber=B^short_description=y") == ["two"]


def test_nq_separates_whole_queries(shelf: Desk) -> None:
    """A^B^NQC^D is (A and B) or (C and D)."""
    assert shelf.ask("priority=1^short_description=x^NQpriority=2^number=C") == ["one", "three"]


@pytest.mark.parametrize("query", ["^number=A", "number=A^EQ", "number=A^", "number=A^OR", "^NQ^number=A^NQ"])
def test_decoration_has_no_effect(shelf: Desk, query: str) -> None:
    """A leading caret, ^EQ and connectors without a term change nothing."""
    assert shelf.ask(query) == ["one"]
    assert shelf.findings == ()


def test_empty_query_returns_every_row(shelf: Desk) -> None:
    """No condition keeps every row."""
    assert shelf.ask("") == ["one", "three", "two"]


def test_doubled_caret_is_no_escape(shelf: Desk) -> None:
    """^^ is an empty condition, ignored and reported."""
    assert shelf.ask("number=A^^priority=1") == ["one"]
    assert shelf.ignored() == ["'^^' is ignored: it is an empty condition, not an escaped caret"]


@pytest.mark.long
def test_order_in_the_order_given(shelf: Desk) -> None:
    """ORDERBY sorts up and ORDERBYDESC down, the first one first."""
    assert shelf.ask("ORDERBYDESCpriority^ORDERBYnumber") == ["three", "one", "two"]


def test_order_only(shelf: Desk) -> None:
    """A query of nothing but ORDERBYsys_id returns every row, sorted."""
    assert shelf.ask("ORDERBYsys_id") == ["one", "three", "two"]


def test_group_by_is_accepted(shelf: Desk) -> None:
    """GROUPBY is understood and has no effect on the rows."""
    assert shelf.ask("priority=2^EQ^GROUPBYnumber") == ["three"]
    assert parse("priority=2^EQ^GROUPBYnumber").group_by == ("number",)


def test_unknown_column_is_ignored(shelf: Desk) -> None:
    """A condition on an unknown column is dropped and the rest applies."""
    assert shelf.ask("number=A^second=asdf") == ["one"]
    assert shelf.ignored() == ["'second=asdf' is ignored: table 'incident' has no column 'second'"]


def test_only_invalid_terms_return_every_row(shelf: Desk) -> None:
    """A query of only invalid parts keeps every row."""
    assert len(shelf.ask("second=asdf^third>1")) == 3
