"""The page for integration developers names whatever the pytest fixtures have."""

from pathlib import Path

import pytest

from privman_scenarios.fixtures import ConsoleFixture, ServiceNowFixture, WorldFixture
from privman_scenarios.party_fixture import ClockFixture, FaultsFixture
from privman_scenarios.user_fixture import UserFixture

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "connector.md").read_text(encoding="utf-8")
# For the plugin, which looks at them when a test ends, and for asynchronous examples of this project.
INTERNAL = {"broken_contracts", "idle", "idle_faults", "loop", "remember_idle", "reset", "world"}
KINDS = (ClockFixture, ConsoleFixture, FaultsFixture, ServiceNowFixture, UserFixture, WorldFixture)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_attribute_and_method_is_named(kind: type) -> None:
    """What is public, and not the plugin's own, is in the table, a method with its parentheses."""
    public = {name for name in dir(kind) if not name.startswith("_")} - INTERNAL
    table = PAGE.partition("### What the fixtures have")[2].partition("\n```")[0]
    assert {name for name in public if f"`{name}{'(' if callable(getattr(kind, name)) else '`'}" not in table} == set()
