"""What the packages export."""

from inspect import getmembers, ismodule
from types import ModuleType

import pytest

import console_sim
import mock_servicenow
import privman_scenarios

PACKAGES = (console_sim, mock_servicenow, privman_scenarios)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_all_is_sorted_and_every_name_can_be_imported(package: ModuleType) -> None:
    """`__all__` has each public name once, in order."""
    assert package.__all__ == sorted(set(package.__all__))
    assert all(getattr(package, name) for name in package.__all__)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_all_is_complete(package: ModuleType) -> None:
    """Nothing else without an underscore can be imported from the package but its modules."""
    members = {name for name, value in getmembers(package) if not name.startswith("_") and not ismodule(value)}
    assert members - {"TYPE_CHECKING"} <= set(package.__all__)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_unknown_names_are_refused(package: ModuleType) -> None:
    """A misspelt name raises what Python raises."""
    with pytest.raises(AttributeError, match="has no attribute 'Mock'"):
        getattr(package, "Mock")  # noqa: B009 - a name that mypy refuses
