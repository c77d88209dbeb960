"""How often garbage is collected: worlds come and go, and each leaves more than Python's default is made for."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_OBJECTS = 50_000  # made between two collections; a scenario makes about half of them, which are small


def collect_seldom() -> None:
    """Collect seldom from now on: looking for garbage after every few objects costs a sixth of a scenario."""
    gc.set_threshold(_OBJECTS)


@contextmanager
def collected_seldom() -> Iterator[None]:
    """Collect seldom while the body runs."""
    before = gc.get_threshold()
    collect_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*before)
