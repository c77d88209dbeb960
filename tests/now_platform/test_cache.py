"""Facts that are worked out from tables."""

from mock_servicenow.now_platform.records.kernel import Cache


def test_facts_of_one_kind_are_bounded_in_number() -> None:
    """Callers who send ever other things find nothing kept but the last of them; other kinds are left alone."""
    cache, loaded = Cache(lambda: True), []

    def load(key: int) -> int:
        loaded.append(key)
        return key

    cache.get("properties", "", (), lambda: 1)
    for key in range(1_001):
        assert cache.get("users", key, (), lambda key=key: load(key)) == key  # type: ignore[misc]
    assert (cache.peek("users", 0), cache.peek("users", 1_000), cache.peek("properties", "")) == (None, 1_000, 1)
    assert len(loaded) == 1_001
