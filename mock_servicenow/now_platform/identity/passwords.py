"""Passwords that are kept one way."""

import hmac
from functools import lru_cache
from hashlib import pbkdf2_hmac

from privman_core.ids import Ids

_REMEMBERED = 100  # characters; nobody's own password is longer
_ROUNDS = 2_000  # a fake's secrets are worth little; each start of an instance pays for its users


def hash_password(password: str, ids: Ids) -> str:
    """Return a salted one-way hash."""
    salt = ids.hex(32)
    return f"{salt}${_digest(password, salt)}"


def verify_password(password: str, stored: str) -> bool:
    """Return whether the hash was made from that password; an empty password is never right."""
    salt, _, digest = stored.partition("$")
    made = _digest if len(password) <= _REMEMBERED else _digest.__wrapped__
    return bool(password and digest) and hmac.compare_digest(made(password, salt), digest)


@lru_cache(maxsize=256)  # it is slow on purpose, and asked again whenever a user logs in
def _digest(password: str, salt: str) -> str:
    return pbkdf2_hmac("sha256", password.encode(), salt.encode(), _ROUNDS).hex()
