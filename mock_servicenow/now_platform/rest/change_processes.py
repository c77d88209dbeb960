"""Approvals, conflicts and configuration items of a change request (Docs: change-management-api)."""

from collections.abc import Sequence

from mock_servicenow.now_platform.dictionary.dictionary_rows import seed_id
from mock_servicenow.now_platform.dictionary.life_cycles import LifeCycle
from mock_servicenow.now_platform.dictionary.values import json_text
from mock_servicenow.now_platform.errors import AccessDenied, BadRequest
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import bounded_records, value_answer
from mock_servicenow.now_platform.rest.call import Answer, Call
from mock_servicenow.now_platform.rest.change_records import CHANGES, list_answer, record_answer, record_of, shown
from mock_servicenow.now_platform.rest.change_workers import begun, messages
from mock_servicenow.now_platform.rest.endpoints import Verbs
from mock_servicenow.now_platform.rest.formats import Document
from mock_servicenow.now_platform.rest.parameters import first_of
from mock_servicenow.now_platform.rest.record_bodies import longest_body, read_object
from mock_servicenow.now_platform.rules.approval_rules import APPROVALS, represented

CONFLICTS, ITEMS, RELATIONS = "conflict", "cmdb_ci", "cmdb_rel_ci"
MOST_CONFLICTS = 100
MOST_ITEMS = 1_000
"""Conflicts that a check finds, and items that a call may add (I)."""
# By type of association: the table, and its column with the item.
_ASSOCIATION = "association_type"
_ASSOCIATIONS = {
    "affected": ("task_ci", "ci_item"),
    "impacted": ("task_cmdb_ci_service", "cmdb_ci_service"),
    "offering": ("task_service_offering", "service_offering"),
}
_COMPLETE = "3"


def decide(call: Call, session: Session, sys_id: str) -> Answer:
    """Approve or reject a change for the caller, who must be one of its requested approvers or a delegate of one."""
    change = record_of(session, CHANGES, sys_id)
    body = read_object(call, longest_body(session))
    state, comments = body.get("state"), body.get("comments", "")
    if state not in ("approved", "rejected"):  # no set: a list has no hash
        raise BadRequest("Invalid state", f"state is '{state}'; expected approved or rejected")
    if not isinstance(comments, str):
        raise BadRequest("Invalid comments", f"comments is {json_text(comments)}; expected a text")
    if state == "rejected" and not comments:
        raise BadRequest("Comments are required", "A rejection gives its reason in comments")
    system = session.elevated
    requested = system.find_all(APPROVALS, sysapproval=change.sys_id, state="requested")
    asked = [approval for approval in requested if approval["approver"] in represented(session)]
    if not asked:
        raise BadRequest("Not authorized", f"{session.user.user_name} is not asked to approve {change['number']}")
    for approval in asked:
        system.update(APPROVALS, approval.sys_id, {"state": str(state), "comments": comments})
    return record_answer(call, session, CHANGES, record_of(session, CHANGES, sys_id))


# Conflicts


def _conflicts(call: Call, session: Session, sys_id: str) -> Answer:
    change = record_of(session, CHANGES, sys_id)
    found = bounded_records(session, CONFLICTS, f"change={change.sys_id}", limit=MOST_CONFLICTS)
    return value_answer(
        call,
        {
            "status": change["conflict_status"],
            "last_run": change["conflict_last_run"],
            "record_count": str(len(found)),
            "job_status": _COMPLETE if change["conflict_last_run"] else "",
            "conflicts": list[Document](shown(session, call, CONFLICTS, found)),
        },
    )


def _check_conflicts(call: Call, session: Session, sys_id: str) -> Answer:
    """Check at once which changes of the same item are planned for the same time (I).

    The outcome is written to the change, so the caller must have the right to write it (I).
    """
    change, system = record_of(session, CHANGES, sys_id), session.elevated
    if not session.allowed("write", [change]):
        raise AccessDenied("Update")
    for known in bounded_records(system, CONFLICTS, f"change={change.sys_id}", limit=MOST_CONFLICTS):
        system.delete(CONFLICTS, known.sys_id)
    planned = _at_the_same_time(system, change)
    others = session.get_many(CHANGES, [each.sys_id for each in planned]).values()
    about = {"change": change.sys_id, "type": "ci_already_scheduled", "configuration_item": change["cmdb_ci"]}
    for other in others:
        system.insert(CONFLICTS, {**about, "conflicting_change": other.sys_id, "last_checked": session.now})
    status = "Conflict" if others else "No Conflict"
    system.update(CHANGES, sys_id, {"conflict_status": status, "conflict_last_run": session.now})
    return value_answer(call, session.ids.sys_id())


def _at_the_same_time(session: Session, change: Record) -> list[Record]:
    item, start, end = (change[name] for name in ("cmdb_ci", "start_date", "end_date"))
    if not (item and start and end):
        return []
    query = f"active=true^cmdb_ci={item}^sys_id!={change.sys_id}^start_date<{end}^end_date>{start}"
    return bounded_records(session, CHANGES, query, limit=MOST_CONFLICTS)


def _cancel_conflicts(_call: Call, session: Session, sys_id: str) -> Answer:
    record_of(session, CHANGES, sys_id)
    raise BadRequest("Cancel request failed", "No conflict checking process is running")


def next_states(call: Call, session: Session, sys_id: str) -> Answer:
    """List the state of a change and those that may follow it in its life cycle; none is available while on hold."""
    change = record_of(session, CHANGES, sys_id)
    cycle = session.dictionary.life_cycle(CHANGES) or LifeCycle()
    labels = {choice.value: choice.label for choice in session.dictionary.columns(CHANGES)[cycle.column].choices}
    state = change[cycle.column]
    following = None if cycle.invalid_move == "allow" else cycle.following(state, change.values)
    available = [each for each in labels if each == state or following is None or each in following]
    moves: list[Document] = [
        [_move(change, cycle, each, f"{labels.get(state, state)} to {labels[each]}")]
        for each in available
        if each != state
    ]
    shown = {"available_states": list[Document](available), "state_transitions": moves}
    return value_answer(call, {**shown, "state_label": {each: labels[each] for each in available}})


def _move(change: Record, cycle: LifeCycle, state: str, label: str) -> Document:
    before = change[cycle.column]
    ready = change["on_hold"] != "true"
    condition = {"name": "Not On hold", "description": None, "sys_id": seed_id("sttrm_condition", "Not On hold")}
    return {
        "sys_id": seed_id("sttrm_state_transition", f"{cycle.kind_of(change.values)} {before} {state}"),
        "display_value": label,
        "from_state": before,
        "to_state": state,
        "transition_available": ready,
        "automatic_transition": False,
        "conditions": [{"passed": ready, "condition": condition}],
    }


CONFLICT: Verbs = {"GET": _conflicts, "POST": _check_conflicts, "DELETE": _cancel_conflicts}


# Configuration items


def items(call: Call, session: Session, sys_id: str) -> Answer:
    """List the items of an association."""
    change = record_of(session, CHANGES, sys_id)
    table, _ = _association(call.query.get(_ASSOCIATION))
    return list_answer(call, session, table, taken=(_ASSOCIATION,), task=change.sys_id)


def _association(kind: object) -> tuple[str, str]:
    """Return the table of an association, and its column with the item; raises BadRequest."""
    if not isinstance(kind, str) or kind not in _ASSOCIATIONS:
        expected = ", ".join(_ASSOCIATIONS)
        raise BadRequest("Invalid association_type", f"association_type is '{kind}'; expected one of {expected}")
    return _ASSOCIATIONS[kind]


def add_items(call: Call, session: Session, sys_id: str) -> Answer:
    """Associate items with a change at once, and answer with a worker that has finished."""
    change = record_of(session, CHANGES, sys_id)
    body = read_object(call, longest_body(session))
    kind, given = body.get("association_type"), body.get("cmdb_ci_sys_ids")
    table, column = _association(kind)
    ids = given.split(",") if isinstance(given, str) else given
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise BadRequest("Invalid cmdb_ci_sys_ids", "cmdb_ci_sys_ids is no list of sys_ids")
    distinct = list(dict.fromkeys(each.strip() for each in ids))
    wanted = first_of(call, "cmdb_ci_sys_ids", distinct, MOST_ITEMS)
    told = _associate(session, change, table, column, wanted)
    asked = {"cmdb_ci_sys_ids": wanted, "association_type": kind, "task": change.sys_id}
    return begun(call, session, str(kind), asked, told)


def _associate(session: Session, change: Record, table: str, column: str, ids: Sequence[str]) -> dict[str, list[str]]:
    """Add the rows and return messages about those that are not added."""
    target = session.dictionary.columns(table)[column].reference or ITEMS
    known = _of_class(session, target, ids)
    there = {row[column] for row in session.find_all(table, task=change.sys_id)}
    for each in ids:
        if each in known and each not in there:
            session.insert(table, {"task": change.sys_id, column: each})
    return messages(
        errorMessages=[f"Invalid CMDB_CI sys_id provided: {each}" for each in ids if each not in known],
        infoMessages=[f"CMDB_CI sys_id already associated: {each}" for each in ids if each in there],
    )


def refresh_services(call: Call, session: Session, sys_id: str) -> Answer:
    """Associate the services above the change's item, by relationships of items (I)."""
    change = record_of(session, CHANGES, sys_id)
    table, column = _ASSOCIATIONS["impacted"]
    services = session.dictionary.columns(table)[column].reference or ITEMS
    told = _associate(session, change, table, column, _of_class(session, services, _dependents(session, change)))
    return begun(call, session, "impacted", None, told, status=200)


def _of_class(session: Session, table: str, ids: Sequence[str]) -> list[str]:
    """Return those of the items that are of that class, or of one that extends it."""
    found = session.get_many(table, ids)
    return [sys_id for sys_id, item in found.items() if table in session.dictionary.lineage(item.table)]


def _dependents(session: Session, change: Record) -> list[str]:
    """Return the change's item and the items that depend on it, directly or not; at most `MOST_ITEMS`."""
    found = dict.fromkeys([change["cmdb_ci"]] if change["cmdb_ci"] else ())
    level = [*found]
    while level and len(found) < MOST_ITEMS:
        related = bounded_records(session, RELATIONS, f"childIN{','.join(level)}", limit=MOST_ITEMS - len(found))
        level = [each for each in dict.fromkeys(row["parent"] for row in related) if each and each not in found]
        found.update(dict.fromkeys(level))
    return [*found]
