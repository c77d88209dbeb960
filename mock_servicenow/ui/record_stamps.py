"""Stamps by which a posted form proves that nobody has changed its record since it was shown."""

import hmac
from collections.abc import Mapping

from mock_servicenow.now_platform.records.session import Session

COUNT, CREATED = "sys_mod_count", "sys_created_on"


def stamps(session: Session, table: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return the stamps of a record by column; a digest for a column that the user may not read.

    The time of creation is one of them, because another record may have got the sys_id of a deleted one.
    """
    columns = session.dictionary.columns(table)
    names = [name for name in (COUNT, CREATED) if name in columns]
    hidden = session.sight.hidden(table).intersection(names)
    kept = session.work.get(table, values["sys_id"]) if hidden else None
    return {name: _digest(session, kept or values, name) if name in hidden else values[name] for name in names}


def row_version(session: Session, table: str, values: Mapping[str, str]) -> str:
    """Return the sys_id and the stamps of a record as one word."""
    return ".".join((values["sys_id"], *stamps(session, table, values).values()))


def _digest(session: Session, values: Mapping[str, str], name: str) -> str:
    return hmac.digest(session.kernel.key.encode(), f"{values['sys_id']} {values[name]}".encode(), "sha256").hex()
