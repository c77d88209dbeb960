"""Replays that a server sends to itself, followed to their exchange in its journal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import token_hex

from multidict import CIMultiDict

from privman_core.exchange import Exchange, Headers
from privman_core.ids import is_same

REPLAY = "x-privman-replay"
"""The header that names a replay to the server of this process that sent it."""
Begin = Callable[[Exchange], None]
_waiting: dict[str, Begin] = {}


@contextmanager
def replaying(begin: Begin, draw: Callable[[], str] = token_hex) -> Iterator[dict[str, str]]:
    """Yield the header of one replay to this process; ``begin`` gets its exchange when that has been journaled.

    The header has a random text, so that no other request passes for the replay.
    """
    name = draw()
    _waiting[name] = begin
    try:
        yield {REPLAY: name}
    finally:
        _waiting.pop(name, None)


def take_replay(headers: Headers) -> tuple[Begin | None, Headers]:
    """Return who waits for the exchange of a replay, None for nobody, and its headers without `REPLAY`."""
    others = CIMultiDict(headers)
    given = others.pop(REPLAY)
    found = next((name for name in _waiting if is_same(name, given)), "")
    return _waiting.pop(found, None), others
