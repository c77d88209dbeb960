"""The page about Python names whatever the packages export, and what the exported classes have."""

import re
from pathlib import Path
from types import ModuleType

import pytest

import console_sim
import mock_servicenow
import privman_scenarios

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`(\w+)[`(]", PAGE))
# For the classes themselves: what the servers of both packages are made of.
INTERNAL = {"create", "running", "started", "wait_for"}
CLASSES = (
    console_sim.ConsoleSim,
    console_sim.EmbeddedClock,
    console_sim.EmbeddedFaults,
    console_sim.EmbeddedSnapshots,
    console_sim.Settings,
    mock_servicenow.MockServiceNow,
    mock_servicenow.Settings,
)


@pytest.mark.parametrize("package", [mock_servicenow, console_sim, privman_scenarios])
def test_each_export_is_named(package: ModuleType) -> None:
    """Classes and errors alike."""
    assert {name for name in package.__all__ if not re.search(rf"`[\w.]*\b{name}\b", PAGE)} == set()


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_each_member_is_named(kind: type) -> None:
    """Each attribute and method that is for tests."""
    public = {name for name in dir(kind) if not name.startswith("_")} - INTERNAL
    assert public - NAMED == set()
