"""Caches that are bounded by how much they hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privman_core.sized_cache import SizedCache

KEYS = st.integers(min_value=0, max_value=99)


@pytest.mark.long
@given(st.lists(st.tuples(KEYS, st.integers(min_value=0, max_value=2)), max_size=100))
def test_a_cache_never_holds_more_than_its_bound(given_values: list[tuple[int, int]]) -> None:
    """Whatever comes in which order, as often as it likes."""
    cache = SizedCache[int, int](640, lambda _key, value: 10 * value)
    for key, value in given_values:
        cache[key] = value
        assert sum(10 * (cache.get(each) or 0) for each in range(100)) <= 640


def test_what_was_asked_for_last_is_kept() -> None:
    """The value that nobody has asked for longest goes first."""
    cache = SizedCache[int, str](128, lambda _key, value: len(value))
    for key in (*range(64), *range(64)):
        assert cache.made(key, lambda: "ab") == "ab"
    assert cache.get(0) == "ab"
    cache[64] = cache[64] = "ab"
    assert cache.get(0) == "ab"
    assert cache.get(1) is None


def test_a_large_value_is_not_kept() -> None:
    """It would take the place of all the others."""
    cache = SizedCache[int, str](640, lambda _key, value: len(value))
    for _ in range(2):
        assert cache.made(1, lambda: "x" * 41) == "x" * 41
        assert cache.get(1) is None


def test_a_value_is_kept_from_the_second_time() -> None:
    """It is not known of an older one whether it was asked for before."""
    cache = SizedCache[int, str](128, lambda _key, value: len(value))
    cache[0] = "ab"
    assert cache.get(0) is None
    cache[0] = "ab"
    assert cache.get(0) == "ab"
    cache[1] = "ab"
    for key in range(2, 1_002):
        cache[key] = "ab"
    cache[1] = "ab"
    assert cache.get(1) is None
