"""The acting user, and the one-way forms in which passwords and tokens are stored."""

import hmac
from collections.abc import Callable
from functools import lru_cache
from hashlib import pbkdf2_hmac, sha256
from typing import NamedTuple

from msgspec import Struct

from privman_core.ids import Ids

ADMIN_ROLE = "admin"
_REMEMBERED = 100  # characters; nobody's own password is longer
_ROUNDS = 2_000  # the secrets of a mock are worth little, and each start of an instance pays for its users


class Holder(NamedTuple):
    """The owner of a credential that outlives its request.

    Attributes:
        sys_id: the user's or the client's; empty for nobody.
        life: differs between two records that had the same sys_id one after the other.
    """

    sys_id: str = ""
    life: str = ""


NOBODY = Holder()
"""A visitor who is not logged in, and the maker of tokens that were proven without their user, as by an assertion.

Such a token never acts for a privileged user.
"""


class User(Struct, frozen=True):
    """A user as one transaction sees it.

    Attributes:
        name: the display name.
        roles: names of all roles, including those inherited from groups and other roles.
        time_zone: IANA name; the instance's default if empty.
        date_format: such as ``dd/MM/yyyy``; the instance's default if empty.
        time_format: such as ``HH:mm:ss``; the instance's default if empty.
        unrestricted: acts without access control.
        opens_session: whether the user proved enough to get everything that their session would allow.
        holder: the owner of the user's sessions and codes.
        made_by: who made the credential that the user acts by; None if the user logged in or an administrator made it.
            Everything created with it, such as another credential, counts as made by the same user.
        rights_of: the owner of the roles in the tables; None for the instance itself and for guests.
    """

    sys_id: str
    user_name: str
    name: str = ""
    roles: frozenset[str] = frozenset()
    time_zone: str = ""
    date_format: str = ""
    time_format: str = ""
    unrestricted: bool = False
    opens_session: bool = False
    holder: Holder = NOBODY
    made_by: Holder | None = None
    rights_of: Holder | None = None

    def has_any(self, roles: tuple[str, ...]) -> bool:
        """Return whether the user has one of the roles; an administrator has every role."""
        return ADMIN_ROLE in self.roles or not self.roles.isdisjoint(roles)


SYSTEM = User("system", "system", "System", frozenset({ADMIN_ROLE}), unrestricted=True, holder=Holder("system"))
"""The instance itself, which acts without access control."""
GUEST = User("guest", "guest", "Guest", holder=Holder("guest"))
"""Reads public tables without credentials."""

OneWay = Callable[[str, Ids], str]


def hash_password(password: str, ids: Ids) -> str:
    """Return a salted one-way hash."""
    salt = ids.hex(32)
    return f"{salt}${_pbkdf2(password, salt)}"


def verify_password(password: str, stored: str) -> bool:
    """Return whether the hash was made from the password; an empty password never matches."""
    salt, _, hashed = stored.partition("$")
    hash_of = _pbkdf2 if len(password) <= _REMEMBERED else _pbkdf2.__wrapped__
    return bool(password and hashed) and hmac.compare_digest(hash_of(password, salt), hashed)


def digest(token: str, _ids: Ids | None = None) -> str:
    """Return the stored form of a token: tokens are long and random, so an unsalted hash finds them."""
    return sha256(token.encode()).hexdigest()


DIGESTED = frozenset({("api_key", "token"), ("oauth_credential", "token")})
"""Tables and columns whose secrets are found by their `digest`."""
_ONE_WAY: dict[tuple[str, str], OneWay] = {
    **dict.fromkeys(DIGESTED, digest),
    ("oauth_entity", "client_secret"): hash_password,
}


def one_way(root: str, column: str, kind: str) -> OneWay | None:
    """Return the function that makes the stored form of a secret; None if its column is stored as it is.

    Keys that sign assertions are stored as they are: nobody could check a signature by their hash.

    Args:
        root: the root of the table's hierarchy.
        column: its name.
        kind: its type.
    """
    return hash_password if kind == "password" else _ONE_WAY.get((root, column))


@lru_cache(maxsize=256)  # slow on purpose, and needed at each log-in
def _pbkdf2(password: str, salt: str) -> str:
    return pbkdf2_hmac("sha256", password.encode(), salt.encode(), _ROUNDS).hex()
