"""Replays that a server sends to itself, followed to their exchange in its journal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from multidict import CIMultiDict

from privman_core.exchange import Exchange, Headers

REPLAY = "x-privman-replay"
"""The header that names a replay to the server of this process that sent it."""
Begin = Callable[[Exchange], None]
_names = map(str, count(1))
_waiting: dict[str, Begin] = {}


@contextmanager
def replaying(begin: Begin) -> Iterator[dict[str, str]]:
    """Yield the header of one replay to this process; ``begin`` gets its exchange when that has been journaled."""
    name = next(_names)
    _waiting[name] = begin
    try:
        yield {REPLAY: name}
    finally:
        _waiting.pop(name, None)


def take_replay(headers: Headers) -> tuple[Begin | None, Headers]:
    """Return who waits for the exchange of a replay, None for nobody, and its headers without `REPLAY`."""
    others = CIMultiDict(headers)
    return _waiting.pop(others.pop(REPLAY), None), others
