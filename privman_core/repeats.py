"""Requests that a server sends to itself again, followed to their exchange in its journal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from multidict import CIMultiDict

from privman_core.exchange import Exchange, Headers

REPEAT = "x-privman-repeat"
"""The header that names a repeated request to the server of this process that sent it."""
Begin = Callable[[Exchange], None]
_names = map(str, count(1))
_waiting: dict[str, Begin] = {}


@contextmanager
def repeating(begin: Begin) -> Iterator[dict[str, str]]:
    """Yield the header of one request to this process; ``begin`` gets its exchange when that has been journaled."""
    name = next(_names)
    _waiting[name] = begin
    try:
        yield {REPEAT: name}
    finally:
        _waiting.pop(name, None)


def take_repeat(headers: Headers) -> tuple[Begin | None, Headers]:
    """Return who waits for the exchange of a request, None for nobody, and its headers without `REPEAT`."""
    others = CIMultiDict(headers)
    return _waiting.pop(others.pop(REPEAT), None), others
