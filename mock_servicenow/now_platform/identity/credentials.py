"""Comparing what a caller presents with what is stored: an absent credential matches nothing, stored or not."""

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.record import Record
    from mock_servicenow.now_platform.records.session import Session


def holder(session: "Session", table: str, column: str, presented: str, **equal: str) -> "Record | None":
    """Return the record whose column holds the presented credential and whose others are equal.

    Nothing presented finds nothing, although records without a credential may be stored.
    """
    return session.find(table, **equal, **{column: presented}) if presented else None


def is_same(stored: str, presented: str) -> bool:
    """Compare two secrets in constant time; an empty one equals none."""
    return bool(stored and presented) and hmac.compare_digest(stored.encode(), presented.encode())
