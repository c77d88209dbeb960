"""A cache bounded by the size of its values."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
_LARGEST_SHARE = 16
_ASKED_ONCE = 1_000  # keys


class SizedCache(Generic[K, V]):
    """A least recently used cache that keeps a value from the second request for it on; thread-safe.

    Values that are requested once leave nothing here. Kept ones reach the oldest generation of the garbage collector,
    whose collection blocks the process.

    Args:
        most: total size of all values. A value larger than a 16th of it is not kept.
        size: of a value with its key, in the same unit.
    """

    def __init__(self, most: int, size: Callable[[K, V], int]) -> None:
        self._most = most
        self._size = size
        self._held: dict[K, tuple[V, int]] = {}
        self._total = 0
        self._asked_once: dict[int, None] = {}  # hashes of keys
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """Return a value if it is kept, and mark it as used."""
        with self._lock:
            held = self._held.pop(key, None)
            if held is None:
                return None
            self._held[key] = held
            return held[0]

    def __setitem__(self, key: K, value: V) -> None:
        """Keep a value that is set for the second time, and drop the least recently used."""
        size = self._size(key, value)
        if size > self._most // _LARGEST_SHARE:
            return
        with self._lock:
            if key not in self._held and not self._is_second(hash(key)):
                return
            self._total += size - self._held.pop(key, (None, 0))[1]
            self._held[key] = value, size
            while self._total > self._most:
                self._total -= self._held.pop(next(iter(self._held)))[1]

    def made(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of that key; make it if it is not kept."""
        value = self.get(key)
        if value is None:
            value = self[key] = make()
        return value

    def _is_second(self, asked: int) -> bool:
        if asked in self._asked_once:
            del self._asked_once[asked]
            return True
        self._asked_once[asked] = None
        if len(self._asked_once) > _ASKED_ONCE:
            del self._asked_once[next(iter(self._asked_once))]
        return False
