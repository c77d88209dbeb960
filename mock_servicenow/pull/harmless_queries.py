"""Encoded queries that name nobody and hold no secret, such as reference qualifiers."""

import re
from collections.abc import Callable, Iterator

from mock_servicenow.now_platform.dictionary.definitions import is_name
from mock_servicenow.now_platform.dictionary.values import is_sys_id
from mock_servicenow.now_platform.query.syntax import Condition, Query, Term, parse

Test = Callable[[str], object]
_PLAIN = re.compile(r"|true|false|-?\d{1,6}(?:\.\d{1,4})?", re.ASCII)


def is_harmless(text: str, is_word: Test, is_secret: Test) -> bool:
    """Return whether a query compares columns with booleans, sys_ids, numbers of at most six digits and words alone.

    Scripts, searches for words, related lists and what cannot be parsed are none of these.

    Args:
        text: the query.
        is_word: whether a value is one of the known words.
        is_secret: whether the column of a name has secrets, so that even a number may be one.
    """
    query = parse(text)
    return all(_compares(term, is_word, is_secret) for term in _terms(query)) and all(map(is_name, _sorts_by(query)))


def _terms(query: Query) -> Iterator[Term]:
    return (term for group in query.groups for block in group for term in block)


def _sorts_by(query: Query) -> Iterator[str]:
    yield from (name for order in query.order for name in order.path)
    yield from (name for path in query.group_by for name in path.split("."))


def _compares(term: Term, is_word: Test, is_secret: Test) -> bool:
    if not isinstance(term, Condition) or any(map(is_secret, term.path)):
        return False
    return all(_PLAIN.fullmatch(each) or is_sys_id(each) or is_word(each) for each in term.value.split(","))
