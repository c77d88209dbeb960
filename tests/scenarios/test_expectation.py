"""Expectations: what holds, and how a difference is told."""

import pytest

from privman_scenarios.errors import ExpectationError
from privman_scenarios.expectation import MISSING, holds, operator_error, require


@pytest.mark.parametrize(
    ("expected", "came"),
    [
        ("Approve", "Approve"),
        (200, 200),
        (200, "200"),
        (True, "true"),
        (None, None),
        ({"a": 1}, {"a": 1, "b": 2}),
        ([1, {"a": 2}], [1, {"a": 2, "b": 3}]),
        ({"matches": "^PM"}, "PM Approval"),
        ({"matches": "a.b"}, "a\nb"),
        ({"absent": True}, ""),
        ({"absent": True}, None),
        ({"absent": False}, "there"),
        ({"a": {"absent": True}}, {}),
        ({"json": {"a": 1}}, '{"a": 1, "b": 2}'),
        ({"not": {"matches": "secret"}}, "masked"),
        ({"not": [500, 503]}, [200, 404]),
        ({"not": []}, [500]),
    ],
)
def test_holds(expected: object, came: object) -> None:
    """Equality, subsets, items of lists, operators; the Table API's texts count as the values they print."""
    assert holds(expected, came)


@pytest.mark.parametrize(
    ("unwanted", "came"),
    [
        (7.0, "7.0"),
        (7, "007"),
        (7.5, "7.50"),
        (200.0, "200"),
        (True, "True"),
        ({"Comment": 7.0}, {"Comment": "7.0"}),
        ([7.0], ["6", "7.0"]),
        ({"Messages": [7.0, "b"]}, {"Messages": ["7.0", "b"]}),
        # It could never have been that.
        (7200, "02:00:00"),
        (True, "200"),
        (False, 0),
        (0, False),
        ("5", 5),
    ],
)
def test_an_unwanted_number_is_looked_for_in_text(unwanted: object, came: object) -> None:
    """YAML reads 7.0, 007 and True without quotes as no text, so that they never are equal to what came."""
    assert not holds({"not": unwanted}, came)


@pytest.mark.parametrize(
    ("unwanted", "came"),
    [(500, "200"), (500, 200), (500, ""), (True, "false"), ("Bad", None), ("5", "6"), ([7], ["8", "x"])],
)
def test_another_value_of_the_kind_is_not_unwanted(unwanted: object, came: object) -> None:
    """Nor is an empty column."""
    assert holds({"not": unwanted}, came)


def deep(levels: int) -> object:
    """Return lists and mappings within each other."""
    value: object = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|a)*$", "(.*)*x", "(?:a?){50}a{50}$", "(x+x+)+y"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """Where other engines try every way there is, this one reads the text once."""
    assert not holds({"matches": pattern}, "a" * 100_000 + "!")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(?=ahead)x", "'(?=ahead)x' is no regular expression: invalid perl operator: (?=."),
        (r"(a)\1", "is no regular expression: invalid escape sequence: \\1."),
        ("a" * 1_001, "is no regular expression: it has 1001 characters, more than 1000."),
        ("\ud800", "is no regular expression: it holds half a character."),
    ],
)
def test_what_takes_more_than_one_reading_is_refused(pattern: str, why: str) -> None:
    """When the file is loaded."""
    assert operator_error({"matches": pattern}).endswith(why)


@pytest.mark.parametrize(
    ("expected", "came", "wanted", "instead"),
    [
        ("Approve", "Deny", "status 'Approve'", "status 'Deny'"),
        (1, True, "status 1", "status True"),
        ({"a": 1}, {"a": 2}, "status.a 1", "status.a 2"),
        ({"a": {"b": 1}}, {"a": {}}, "status.a.b 1", "status.a.b nothing"),
        ({"a": 1, "b": 2}, "text", "status a mapping with a, b", "status 'text'"),
        ([1], [1, 2], "status [1]", "status [1, 2]"),
        ([1], "1", "status [1]", "status '1'"),
        ([{"a": 1}], [{"a": 2}], "status[0].a 1", "status[0].a 2"),
        ({"matches": "^PM"}, "Old", "status text that matches '^PM'", "status 'Old'"),
        ({"matches": "^PM"}, 5, "status text that matches '^PM'", "status 5"),
        (
            {"not": {"matches": "("}},
            "a",
            "status a pattern that not every text matches",
            "'(' is no regular expression: missing ): (.",
        ),
        ({"a": 1}, deep(1_000), "status nested at most 200 deep", "a value that is nested deeper"),
        ([1], deep(201), "status nested at most 200 deep", "a value that is nested deeper"),
        ({"absent": True}, "there", "status nothing", "status 'there'"),
        ({"absent": False}, MISSING, "status something", "status nothing"),
        ({"json": {}}, "{", "status JSON text", "status '{'"),
        ({"json": {}}, "[" * 9_000, "status JSON text", f"status '{'[' * 9_000}'"),
        ({"json": {}}, 5, "status JSON text", "status 5"),
        ({"not": [500]}, [200, 500, 500], "status[1] not 500, status[2] not 500", "status[1] 500, status[2] 500"),
        ({"not": [500]}, [500], "status[0] not 500", "status[0] 500"),
        ({"not": []}, [], "status not []", "status []"),
        ({"not": "Pending"}, "Pending", "status not 'Pending'", "status 'Pending'"),
    ],
)
def test_a_difference_is_told(expected: object, came: object, wanted: str, instead: str) -> None:
    """The error says where the value differs, what was expected and what came."""
    with pytest.raises(ExpectationError) as raised:
        require(expected, came, "status")
    assert (raised.value.expected, raised.value.came) == (wanted, instead)
    assert str(raised.value) == f"expected {wanted}; came {instead}"


@pytest.mark.parametrize(
    ("unwanted", "came"),
    [
        ([], {"a": 1}),
        ({"a": 1}, "text"),
        ({"json": {"a": 1}}, "Pending"),
        ({"json": {"a": 1}}, 5),
        ({"a": 1}, []),
        ("Deny", {"value": "Deny"}),
    ],
)
def test_what_a_value_can_never_be_proves_nothing(unwanted: object, came: object) -> None:
    """A value of another shape is not what it should not be, whatever happens."""
    assert not holds({"not": unwanted}, came)
    assert holds({"not": unwanted}, {"a": 2} if unwanted == {"a": 1} else [1] if unwanted == [] else '{"a": 2}')
