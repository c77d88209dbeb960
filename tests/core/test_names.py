"""The names of modules and classes: whoever searches for one finds one."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import console_sim
import mock_servicenow
import privman_contracts
import privman_core
import privman_scenarios

PACKAGES = (mock_servicenow, console_sim, privman_contracts, privman_scenarios, privman_core)
# Names that are taken more than once, each with the reason.
TWINS = {
    "admin": "each product has calls of its own under /__admin",
    "app": "each product is one application",
    "cli": "each command is read in the module of that name",
    "errors": "each package draws its tree of errors there",
    "Policy": "a console's is the vendor's word, an instance's that of its rules",
    "settings": "each product has settings",
    "Settings": "each product has settings",
}


def sources(package: ModuleType) -> Iterator[Path]:
    """Yield the modules of a package but those that Python names."""
    for folder in package.__path__:
        yield from (file for file in Path(folder).rglob("*.py") if not file.stem.startswith("__"))


@pytest.mark.long
@pytest.mark.once
def test_no_name_is_taken_twice() -> None:
    """Neither of a module nor of a class in the five packages, unless the products have the same thing, and say why."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for file in (file for package in PACKAGES for file in sources(package)):
        classes = (node.name for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, ast.ClassDef))
        for name in (file.stem, *classes):
            found[name].append(str(file))
    taken_twice = {name: places for name, places in found.items() if len(places) > 1}
    unexplained = {name: places for name, places in taken_twice.items() if name not in TWINS}
    assert not unexplained, "two things of one name: rename one, or give the reason in TWINS"
    assert taken_twice.keys() == TWINS.keys()
