"""Time slots of change requests (Docs: change-management-api).

There are no maintenance schedules, so an item is free while no other active change of it is planned (I): between two
such changes, the first time that is long enough is a slot.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from mock_servicenow.now_platform.dictionary.values import date_time, utc_form
from mock_servicenow.now_platform.errors import AccessDenied, BadRequest
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import bounded_records
from mock_servicenow.now_platform.rest.call import Answer, Call
from mock_servicenow.now_platform.rest.change_records import CHANGES, record_of
from mock_servicenow.now_platform.rest.change_workers import Span, begun, messages
from mock_servicenow.now_platform.rest.record_bodies import longest_body, read_object
from privman_core.natural_numbers import natural_number

ITEMS = "cmdb_ci"
PARAMETERS = ("duration_in_seconds", "planned_start_time")
_WINDOW = Property("change.conflict.next_available.schedule_window", "90")
_MOST_CHANGES = 1_000
_MOST_SECONDS, _MOST_DAYS = 99_999_999, 9_999
_DATES = frozenset({"start_date", "end_date"})


def of_item(call: Call, session: Session, sys_id: str) -> Answer:
    """Find the slots of a configuration item for a change of the duration that the parameters say."""
    if session.get(ITEMS, sys_id) is None:
        raise BadRequest("Invalid cmdb_ci", f"there is no configuration item '{sys_id}'")
    length, start = _duration(call.query), _planned_start(session, call.query)
    asked = {"cmdb_ci_sys_id": sys_id, "planned_start_time": call.query.get("planned_start_time", "")}
    asked_length = {"duration_in_seconds": length // timedelta(seconds=1)}
    spans = list(_slots(session, sys_id, "", start, length))
    return _answer(call, session, {**asked, **asked_length}, spans)


def of_change(call: Call, session: Session, sys_id: str) -> Answer:
    """Find the slots of a change request that has an item and is planned: as long as planned, from then on."""
    change = record_of(session, CHANGES, sys_id)
    item = _item(change)
    if not (change["start_date"] and change["end_date"] > change["start_date"]):
        raise BadRequest("Invalid change request", f"{change['number']} has no planned start and end times")
    start, end = (datetime.fromisoformat(change[name]) for name in ("start_date", "end_date"))
    spans = list(_slots(session, item, change.sys_id, start, end - start))
    return _answer(call, session, {"change_sys_id": change.sys_id}, spans)


def first_available(call: Call, session: Session, sys_id: str) -> Answer:
    """Plan a change request for the first slot of its item."""
    change = record_of(session, CHANGES, sys_id)
    item, body = _item(change), read_object(call, longest_body(session))
    length, start = _duration(body), _planned_start(session, body)
    if _DATES & session.sight.locked(change.table):
        raise AccessDenied("Update")
    found = next(_slots(session, item, change.sys_id, start, length), None)
    told = f"No slots found for {_days(session)} days from now"
    if found is not None:
        session.update(CHANGES, change.sys_id, {"start_date": found[0], "end_date": found[1]})
        told = "Change has been updated"
    asked = {"change_sys_id": change.sys_id, "duration_in_seconds": length // timedelta(seconds=1)}
    return _answer(call, session, asked, infos=(told,))


def _answer(
    call: Call,
    session: Session,
    asked: Mapping[str, object],
    spans: list[Span] | None = None,
    infos: tuple[str, ...] = (),
) -> Answer:
    request = {**asked, "timezone": str(session.formats.zone)}
    return begun(call, session, "schedule", request, messages(infoMessages=infos), spans=spans or ())


def _item(change: Record) -> str:
    if not change["cmdb_ci"]:
        raise BadRequest("Invalid change request", f"{change['number']} has no configuration item (cmdb_ci)")
    return change["cmdb_ci"]


def _duration(given: Mapping[str, object]) -> timedelta:
    text = str(given.get("duration_in_seconds", ""))
    seconds = natural_number(text)
    if not seconds or seconds > _MOST_SECONDS:
        raise BadRequest(
            "Invalid duration_in_seconds", f"duration_in_seconds is '{text}'; expected a number of seconds"
        )
    return timedelta(seconds=seconds)


def _planned_start(session: Session, given: Mapping[str, object]) -> datetime:
    text = str(given.get("planned_start_time", ""))
    stored = date_time(text or session.now)
    if stored is None:
        expected = "expected yyyy-mm-dd hh:mm:ss"
        raise BadRequest("Invalid planned_start_time", f"planned_start_time is '{text}'; {expected}")
    return datetime.fromisoformat(stored)


def _days(session: Session) -> int:
    days = natural_number(session.system_property(_WINDOW))
    return int(_WINDOW.usual) if days is None or days > _MOST_DAYS else days


def _slots(session: Session, item: str, change: str, start: datetime, length: timedelta) -> Iterator[Span]:
    """Yield the slots of an item from a moment on, within the schedule window."""
    try:
        last = utc_form(start + timedelta(days=_days(session)) - length)
    except OverflowError:
        return
    free = utc_form(start)
    for other in _planned(session, item, change, free):
        if free <= last and other["start_date"] >= _after(free, length):
            yield free, _after(free, length)
        free = max(free, other["end_date"])
    if free <= last:
        yield free, _after(free, length)


def _planned(session: Session, item: str, change: str, start: str) -> list[Record]:
    """Return the other active changes of an item that end later, by their start."""
    query = (
        f"active=true^cmdb_ci={item}^sys_id!={change or 'none'}^start_dateISNOTEMPTY^end_date>{start}^ORDERBYstart_date"
    )
    return bounded_records(session, CHANGES, query, limit=_MOST_CHANGES)


def _after(moment: str, length: timedelta) -> str:
    return utc_form(datetime.fromisoformat(moment) + length)
