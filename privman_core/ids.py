"""Identifiers and secrets: drawn, and compared."""

import hmac
from random import Random, SystemRandom
from string import ascii_letters, digits
from typing import Any, Self
from uuid import UUID

_LETTERS_AND_DIGITS = ascii_letters + digits


class Ids:
    """A source of identifiers; the same seed gives the same identifiers in the same order.

    Without a seed they are random, and secrets come from the operating system.
    """

    def __init__(self, seed: int | str | None = None) -> None:
        self._seed = self._beginning = seed
        self._random = Random(seed)  # noqa: S311 - identifiers need not be secret
        self._secret = SystemRandom() if seed is None else self._random

    def restart(self) -> None:
        """Start the sequence again, if there is a seed."""
        if self._seed is not None:
            self._random.seed(self._beginning)

    def state(self) -> object:
        """Return the state of the generator, for `restore`; None without a seed."""
        return None if self._seed is None else self._random.getstate()

    def restore(self, state: Any) -> None:  # noqa: ANN401 - of `state`
        """Draw again what was drawn after that `state`, if there is a seed."""
        if state is not None:
            self._random.setstate(state)

    def go_on(self, start: int) -> None:
        """Start the sequence of the Nth start on the same database, so that no identifier is drawn twice."""
        if self._seed is not None:
            self._beginning = f"{self._seed}/start {start}"
            self._random.seed(self._beginning)

    def fork(self, name: str) -> Self:
        """Return an independent source, so that drawing from one does not shift the other."""
        return type(self)(None if self._seed is None else f"{self._seed}/{name}")

    def sys_id(self) -> str:
        """Return 32 lower-case hexadecimal characters, ServiceNow's form of a primary key."""
        return f"{self._random.getrandbits(128):032x}"

    def guid(self) -> str:
        """Return a version 4 GUID in lower case with dashes, without braces."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def token(self) -> str:
        """Return 64 hexadecimal characters, for secrets and access tokens."""
        return f"{self._secret.getrandbits(256):064x}"

    def secret(self) -> str:
        """Return 32 letters and digits, the form of a Secret that Privilege Manager generates."""
        return "".join(self._secret.choices(_LETTERS_AND_DIGITS, k=32))

    def hex(self, count: int) -> str:
        """Return that many lower-case hexadecimal digits."""
        return f"{self._random.getrandbits(4 * count):0{count}x}"


def is_same(known: str, presented: str) -> bool:
    """Compare two secrets in constant time; an empty one never matches."""
    if not known or not presented:
        return False
    return hmac.compare_digest(known.encode(errors="surrogatepass"), presented.encode(errors="surrogatepass"))
