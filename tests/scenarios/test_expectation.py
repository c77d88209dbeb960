"""Expectations: what holds, and how a difference is told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privman_scenarios.errors import ExpectationError
from privman_scenarios.language.expectation import MISSING, holds, require
from privman_scenarios.language.expected_operands import operator_error


@pytest.mark.parametrize(
    ("expected", "got"),
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
        ({"contains": "mask"}, "unmasked"),
        ({"contains": "b"}, ["a", "b"]),
        ({"contains": ["b", {"a": 1}]}, [{"a": 1, "b": 2}, "b"]),
        ({"contains": {"a": 1}}, [{"a": 1, "b": 2}]),
        ({"one-of": ["a", "b"]}, "b"),
        ({"one-of": [200, 201]}, "201"),
        ({"unordered": ["a", "b"]}, ["b", "a"]),
        # Each expected item needs one of its own, so that the first must not take what only the second may have.
        ({"unordered": [{"matches": "^a"}, "ab", {"contains": "b"}]}, ["ab", "ac", "b"]),
        ({"<": 3}, 2),
        ({"<=": 3}, "3"),
        ({">": 2.5}, "2.75"),
        ({">=": "3"}, 3),
        ({">": 1, "<": 3}, 2),
        ({"not": {"contains": "secret"}}, "masked"),
        ({"not": {"one-of": ["a", "b"]}}, "c"),
        ({"not": {"one-of": [500, 503]}}, "200"),
        ({"not": {"matches": "secret"}}, "masked"),
        ({"not": [500, 503]}, [200, 404]),
        ({"not": []}, [500]),
    ],
)
def test_holds(expected: object, got: object) -> None:
    """Equality, subsets, items of lists, operators; the Table API's texts count as the values they print."""
    assert holds(expected, got)


@pytest.mark.parametrize(
    ("unwanted", "got"),
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
def test_an_unwanted_number_is_looked_for_in_text(unwanted: object, got: object) -> None:
    """YAML reads 7.0, 007 and True without quotes as no text, so that they never are equal to what came."""
    assert not holds({"not": unwanted}, got)


@pytest.mark.parametrize(
    ("unwanted", "got"),
    [(500, "200"), (500, 200), (500, ""), (True, "false"), ("Bad", None), ("5", "6"), ([7], ["8", "x"])],
)
def test_another_value_of_the_kind_is_not_unwanted(unwanted: object, got: object) -> None:
    """Nor is an empty column."""
    assert holds({"not": unwanted}, got)


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
        ("(?=ahead)x", "invalid regular expression '(?=ahead)x': invalid perl operator: (?=."),
        (r"(a)\1", "invalid escape sequence: \\1."),
        ("a" * 1_001, "it has 1001 characters, more than 1000."),
        ("\ud800", "it holds half a character."),
    ],
)
def test_what_takes_more_than_one_reading_is_refused(pattern: str, why: str) -> None:
    """When the file is loaded."""
    assert operator_error({"matches": pattern}).endswith(why)


@pytest.mark.parametrize(
    ("expected", "got", "wanted", "instead"),
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
def test_a_difference_is_told(expected: object, got: object, wanted: str, instead: str) -> None:
    """The error says where the value differs, what was expected and what came."""
    with pytest.raises(ExpectationError) as raised:
        require(expected, got, "status")
    assert (raised.value.expected, raised.value.got) == (wanted, instead)
    assert str(raised.value) == f"expected {wanted}; got {instead}"


@pytest.mark.parametrize(
    ("unwanted", "got"),
    [
        ([], {"a": 1}),
        ({"a": 1}, "text"),
        ({"json": {"a": 1}}, "Pending"),
        ({"json": {"a": 1}}, 5),
        ({"a": 1}, []),
        ("Deny", {"value": "Deny"}),
    ],
)
def test_what_a_value_can_never_be_proves_nothing(unwanted: object, got: object) -> None:
    """A value of another shape is not what it should not be, whatever happens."""
    assert not holds({"not": unwanted}, got)
    assert holds({"not": unwanted}, {"a": 2} if unwanted == {"a": 1} else [1] if unwanted == [] else '{"a": 2}')


PLAIN = st.sampled_from(["", "Approve", "Approv", "503", 0, 503, 7.5, True, False])
PATTERNS = st.sampled_from(["^App", "ve$", "[0-9]", ".", "", "a*", "("])
EXPECTED = st.recursive(
    PLAIN
    | st.none()
    | st.builds(lambda pattern: {"matches": pattern}, PATTERNS)
    | st.builds(lambda absent: {"absent": absent}, st.booleans()),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["Response", "Comment", "not"]), inner, max_size=2)
        | st.builds(lambda operand: {"not": operand}, inner)
        | st.builds(lambda operand: {"json": operand}, inner)
    ),
    max_leaves=4,
)
LEAVES: list[object] = [
    MISSING,
    None,
    "",
    "Approve",
    "Approv",
    "x",
    "503",
    "7.5",
    "true",
    "false",
    0,
    503,
    7.5,
    True,
    False,
    [],
    {},
]


def observed(expected: object) -> list[object]:
    """Return values of all kinds, and values of the shape that is expected, each part one of all kinds."""
    found: list[object] = list(LEAVES)
    if isinstance(expected, list):
        each_of = [observed(each) for each in expected] or [list(LEAVES)]
        found += [[one] * length for parts in each_of for one in parts for length in (1, 2)]
        found += [[parts[turn % len(parts)] for parts in each_of] for turn in range(max(map(len, each_of)))]
    if isinstance(expected, dict):
        for operand in expected.values():
            found += observed(operand)
        rows = {key: observed(each) for key, each in expected.items()}
        for turn in range(max(map(len, rows.values()), default=0)):
            row = {key: each[turn % len(each)] for key, each in rows.items()}
            found.append({key: each for key, each in row.items() if each is not MISSING})
        found += [json.dumps(each) for each in observed_json(expected)]
    return found


def observed_json(expected: dict[str, object]) -> list[object]:
    """Return what may be in a text of JSON, where that is looked into."""
    return [each for each in observed(expected.get("json")) if each is not MISSING and MISSING not in walk(each)]


def walk(value: object) -> list[object]:
    """Return the value and all that it holds."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value, *(found for each in inner for found in walk(each))]


@pytest.mark.long
@given(EXPECTED)
def test_every_expectation_that_is_taken_can_fail(expected: object) -> None:
    """Some answer is not as expected, so that none holds whatever comes."""
    if not operator_error(expected):
        assert not all(holds(expected, each) for each in observed(expected)), expected


@pytest.mark.parametrize(
    ("expected", "got", "message"),
    [
        ({"contains": "mask"}, "Mask", "expected text that contains 'mask'; got 'Mask'"),
        ({"contains": "a"}, None, "expected text that contains 'a'; got None"),
        ({"contains": ["a", "b"]}, ["b"], "expected a list that contains 'a'; got ['b']"),
        ({"contains": ["a"]}, "a", "expected a list; got 'a'"),
        ({"one-of": ["a", "b"]}, "c", "expected one of 'a', 'b'; got 'c'"),
        ({"unordered": ["a", "a"]}, ["a", "b"], "expected an item for 'a'; got ['a', 'b']"),
        ({"unordered": ["a", "b"]}, ["a"], "expected ['a', 'b'] in any order; got ['a']"),
        ({"unordered": ["a", "b"]}, "ab", "expected ['a', 'b'] in any order; got 'ab'"),
        ({"<": 3}, 3, "expected a number < 3; got 3"),
        ({">": 1, "<": 3}, 3, "expected a number < 3; got 3"),
        ({">": 1}, True, "expected a number > 1; got True"),
        ({">": 1}, "many", "expected a number > 1; got 'many'"),
        ({">": "${many}"}, 3, "expected a number > ${many}; got 3"),
        ({"a": {">": 1}}, {}, "expected a a number > 1; got a nothing"),
        ({"not": {"one-of": ["a", "b"]}}, "b", "expected not {'one-of': ['a', 'b']}; got 'b'"),
        ({"not": {"one-of": [500, 503]}}, "503", "expected not {'one-of': [500, 503]}; got '503'"),
        ({"not": {"one-of": [500, 503]}}, "none", "expected a number, not {'one-of': [500, 503]}; got 'none'"),
    ],
)
def test_an_operator_that_does_not_hold(expected: object, got: object, message: str) -> None:
    """The message says what the operator wanted, and what was there."""
    with pytest.raises(ExpectationError) as caught:
        require(expected, got)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"contains": ""}, "'contains' is ''. Expected a part of a text, an item of a list, or up to 100 items."),
        ({"contains": []}, "'contains' is []."),
        ({"contains": ["a"] * 101}, "up to 100 items"),
        ({"contains": {}}, "{} is a subset of everything"),
        ({"one-of": "a"}, "'one-of' is 'a'. Expected 2 to 100 different texts, or numbers."),
        ({"one-of": ["a"]}, "'one-of' is ['a']."),
        ({"one-of": ["a", "a"]}, "different texts"),
        ({"one-of": ["a", 1]}, "'one-of' is ['a', 1]."),
        ({"one-of": ["a", 1.5]}, "'one-of' is ['a', 1.5]."),
        ({"one-of": [True, False]}, "'one-of' is [True, False]."),
        ({"unordered": [1]}, "'unordered' is [1]. Expected a list of 2 to 100 items."),
        ({"unordered": {"a": 1}}, "'unordered' is {'a': 1}."),
        ({"<": "many"}, "'<' is 'many'. Expected a number."),
        ({"<": 5, ">=": True}, "'>=' is True. Expected a number."),
        ({"not": {"<": 5}}, "is true for everything that is not a number. Expected '>=' without 'not'."),
        ({"not": {"unordered": [1, 2]}}, "is true for every list of another length."),
        ({"a": [{"not": None}]}, "'not' is null"),
    ],
)
def test_an_operand_that_proves_nothing(expected: object, message: str) -> None:
    """It is refused when the file is loaded."""
    assert message in operator_error(expected)
