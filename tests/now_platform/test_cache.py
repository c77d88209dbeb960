"""Facts worked out from tables."""

from contextlib import suppress

import pytest

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.kernel import Fact

TOYS, COLORS = Fact("toys", "u_toy"), Fact("colors", "u_color")


def test_facts_of_one_kind_are_bounded_in_number(instance: Instance) -> None:
    """Callers who send ever new keys fill one kind only, and no more than so much of it."""
    loaded = []

    def load(key: int) -> int:
        loaded.append(key)
        return key

    with instance.transaction(instance.system):
        cache = instance.cache
        cache.get(COLORS, "", lambda: 1)
        for key in range(1_001):
            assert cache.get(TOYS, key, lambda key=key: load(key)) == key  # type: ignore[misc]
        assert (cache.peek(TOYS, 0), cache.peek(TOYS, 1_000), cache.peek(COLORS, "")) == (None, 1_000, 1)
    assert len(loaded) == 1_001


@pytest.mark.parametrize("committed", [True, False])
def test_facts_end_with_a_write_of_their_tables(instance: Instance, committed: bool) -> None:  # noqa: FBT001
    """Within the transaction that writes, and after it, whether or not it is committed."""

    def count() -> int:
        with instance.transaction(instance.system) as session:
            return instance.cache.get(TOYS, "", lambda: session.count("u_toy"))

    before = count()
    with suppress(ZeroDivisionError), instance.transaction(instance.system) as session:
        session.insert("u_toy", {"u_name": "Kite"})
        assert instance.cache.get(TOYS, "", lambda: session.count("u_toy")) == before + 1
        _ = 1 / committed
    assert count() == before + committed


def test_facts_are_loaded_once_until_a_write(instance: Instance) -> None:
    """On every store: on a shared one, other processes see by its version that something was written."""
    loaded = []

    def read() -> None:
        with instance.transaction(instance.system):
            instance.cache.get(TOYS, "", lambda: loaded.append(1))

    read()
    read()
    with instance.transaction(instance.system) as session:
        session.insert("u_toy", {"u_name": "Kite"})
    read()
    read()
    assert len(loaded) == 2
