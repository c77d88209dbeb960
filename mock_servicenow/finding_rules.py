"""The rules by which a party reports what it swallowed."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

_REPORTED = re.compile(r'(?:"swallowed",|swallowed\(|report\()\s*"([a-z-]+)"')


@cache
def finding_rules(product: str = "mock_servicenow") -> tuple[str, ...]:
    """Return the rules of one product, read off the modules that report them, so that no list can miss one."""
    packages = map(resources.files, (product, "privman_contracts", "privman_core"))
    return tuple(sorted({rule for each in packages for text in _sources(each) for rule in _REPORTED.findall(text)}))


def _sources(folder: Traversable) -> Iterator[str]:
    for file in folder.iterdir():
        if file.is_dir():
            yield from _sources(file)
        elif file.name.endswith(".py"):
            yield file.read_text(encoding="utf-8")
