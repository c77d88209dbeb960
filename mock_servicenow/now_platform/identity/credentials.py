"""Credentials that are only compared: an absent one matches nothing, stored or not."""

from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import DIGESTED, digest


def holder(session: Session, table: str, column: str, presented: str, **equal: str) -> Record | None:
    """Return the record whose column holds the presented credential and whose others are equal.

    Nothing presented finds nothing, although records without a credential may be stored.
    """
    if not presented:
        return None
    stored = digest(presented) if (table, column) in DIGESTED else presented
    return session.find(table, **equal, **{column: stored})
