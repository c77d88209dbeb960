"""Transform maps, which turn a row of a staging table into a record."""

from collections.abc import Mapping

from msgspec import Struct

from mock_servicenow.now_platform.errors import InvalidTable, ViewIsReadOnly
from mock_servicenow.now_platform.records.intake import Intake
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from privman_core.findings import Finding

MAPS = "sys_transform_map"
ENTRIES = "sys_transform_entry"
MOST_MAPS = 100
"""Transform maps of a staging table that are used, the first ones: each row goes through all of them (I)."""
UNCHANGED = "No field values changed"


class FieldMap(Struct, frozen=True):
    """The source and the target of one value.

    Attributes:
        coalesce: whether a record with the same value is changed, instead of a new one being inserted.
    """

    source: str
    target: str
    coalesce: bool


class TransformMap(Struct, frozen=True):
    """The mapping from rows of one table to records of another.

    Attributes:
        copies_empty: whether empty values overwrite others.
    """

    sys_id: str
    name: str
    table: str
    fields: tuple[FieldMap, ...]
    copies_empty: bool


class Outcome(Struct, frozen=True):
    """The result of a map for one row.

    Attributes:
        status: ``inserted``, ``updated``, ``ignored`` or ``error``.
        sys_id: of the record; empty if there is none.
        message: why nothing was changed.
    """

    map: TransformMap
    status: str
    sys_id: str = ""
    message: str = ""


def load_maps(session: Session, source_table: str) -> list[TransformMap]:
    """Return the active maps of a staging table in their order."""
    maps = session.find_all(MAPS, source_table=source_table, active="true")
    maps.sort(key=lambda record: int(record["order"] or 100))
    if len(maps) > MOST_MAPS:
        left = f"table {source_table} has {len(maps):,} transform maps: the first {MOST_MAPS} of them are used"
        session.findings.append(Finding("swallowed", "transform-map-ignored", left))
    return [_load(session, record) for record in maps[:MOST_MAPS]]


def transform(session: Session, transform_map: TransformMap, row: Mapping[str, str]) -> Outcome:
    """Insert or update the record of a row; raises PlatformError.

    Tables that are defined as closed to web services are never written: no import reaches the Secret of a registration.
    """
    target = transform_map.table
    if target in session.schema.queries.closed:
        raise InvalidTable(target)
    if session.dictionary.is_view(target):
        raise ViewIsReadOnly(target)
    given = {field.target: row.get(field.source, "") for field in transform_map.fields}
    key = {field.target: given[field.target] for field in transform_map.fields if field.coalesce}
    empty = [name for name, value in key.items() if not value]
    if empty:
        return Outcome(transform_map, "ignored", message=f"Coalesce fields without a value: {', '.join(empty)}")
    values = {name: value for name, value in given.items() if value or transform_map.copies_empty}
    existing = _existing(session, target, key) if key else None
    if existing is None:
        return Outcome(transform_map, "inserted", session.insert(target, values).sys_id)
    changed = session.update(target, existing.sys_id, values)
    if changed["sys_mod_count"] == existing["sys_mod_count"]:
        return Outcome(transform_map, "ignored", existing.sys_id, UNCHANGED)
    return Outcome(transform_map, "updated", existing.sys_id)


def _load(session: Session, record: Record) -> TransformMap:
    entries = session.find_all(ENTRIES, map=record.sys_id)
    fields = (FieldMap(each["source_field"], each["target_field"], each["coalesce"] == "true") for each in entries)
    copies_empty = record["copy_empty_fields"] == "true"
    return TransformMap(record.sys_id, record["name"], record["target_table"], tuple(fields), copies_empty)


def _existing(session: Session, table: str, key: Mapping[str, str]) -> Record | None:
    """Return the record with these values; None if a column cannot hold one of them."""
    if session.dictionary.table(table) is None:
        raise InvalidTable(table)
    stored = Intake(session, table).take(key, with_sys_id=True)
    if len(stored) < len(key):
        return None
    query = session.equal_query(table, stored.items())
    return next(iter(session.page(table, query, limit=1, offset=0)), None)
