"""Credentials that are only compared: stored one way, and an absent one matches nothing, stored or not."""

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.dictionary.column_types import PASSWORD_TYPES
from mock_servicenow.now_platform.identity.passwords import hash_password
from privman_core.ids import Ids

if TYPE_CHECKING:
    from mock_servicenow.now_platform.dictionary.definitions import Column
    from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
    from mock_servicenow.now_platform.records.record import Record
    from mock_servicenow.now_platform.records.session import Session


OneWay = Callable[[str, Ids], str]


def digest(token: str, _ids: Ids | None = None) -> str:
    """Return what is stored of a token: it is long and random, so it is found by a hash without a salt."""
    return sha256(token.encode()).hexdigest()


_DIGESTED = frozenset({("api_key", "token"), ("oauth_credential", "token")})
_ONE_WAY: dict[tuple[str, str], OneWay] = {
    **dict.fromkeys(_DIGESTED, digest),
    ("oauth_entity", "client_secret"): hash_password,
}


def one_way(dictionary: "Dictionary", table: str, column: "Column") -> OneWay | None:
    """Return what makes the stored form of a column's values; None for one whose values are read again.

    Those are the keys that sign assertions: nobody could check a signature by their hash.
    """
    if column.type == "password":
        return hash_password
    return _ONE_WAY.get((dictionary.root(table), column.name)) if column.type in PASSWORD_TYPES else None


def holder(session: "Session", table: str, column: str, presented: str, **equal: str) -> "Record | None":
    """Return the record whose column holds the presented credential and whose others are equal.

    Nothing presented finds nothing, although records without a credential may be stored.
    """
    if not presented:
        return None
    stored = digest(presented) if (table, column) in _DIGESTED else presented
    return session.find(table, **equal, **{column: stored})
