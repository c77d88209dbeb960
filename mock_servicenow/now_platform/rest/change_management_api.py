"""The Change Management API: change requests of every type, their tasks, and what is decided about them.

Docs: change-management-api.
"""

from functools import partial

from mock_servicenow.now_platform.errors import BadRequest
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest import change_processes as processes
from mock_servicenow.now_platform.rest import change_schedules as schedules
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.change_records import (
    CHANGES,
    TASKS,
    check_caller,
    list_answer,
    record_answer,
    record_of,
    written,
)
from mock_servicenow.now_platform.rest.change_workers import worker
from mock_servicenow.now_platform.rest.endpoints import Endpoint, Endpoints, Taking, Verbs
from mock_servicenow.now_platform.rules.change_rules import PRODUCERS, template_values

MODELS = "chg_model"
_CREATED = ("normal", "emergency")
_STANDARD = "standard"
_OF_TEMPLATE = frozenset({"description", "backout_plan", "test_plan", "implementation_plan"})
"""What a standard change has from its template alone, as documented."""


class ChangeManagementApi:
    """Answers calls on ``change``."""

    def __init__(self, instance: Instance) -> None:
        paths: dict[str, Verbs] = {
            "": {"GET": _listed(CHANGES), "POST": Taking(_create, None)},
            "{sys_id}": _of_type(),
            "standard/template": {"GET": _listed(PRODUCERS)},
            "standard/template/{sys_id}": {"GET": partial(_get, PRODUCERS)},
            "model": {"GET": _listed(MODELS)},
            "model/{sys_id}": {"GET": partial(_get, MODELS)},
            "worker/{sys_id}": {"GET": worker},
            "{sys_id}/task": {"GET": Taking(_tasks, None), "POST": Taking(_create_task, None)},
            "{sys_id}/task/{task}": {"PATCH": Taking(_update_task, None), "DELETE": _delete_task},
            "{sys_id}/approvals": {"PATCH": processes.decide},
            "{sys_id}/ci": {"GET": Taking(processes.items, None), "POST": processes.add_items},
            "{sys_id}/conflict": processes.CONFLICT,
            # Without conditions of risk a change keeps the risk that it has (I).
            "{sys_id}/risk": {"PATCH": partial(_get, CHANGES)},
            "standard/{sys_id}/risk": {"PATCH": partial(_get, CHANGES, type=_STANDARD)},
            "{sys_id}/refresh_impacted_services": {"POST": processes.refresh_services},
            "{sys_id}/schedule": {"GET": schedules.of_change},
            "{sys_id}/schedule/first_available": {"PATCH": schedules.first_available},
            "ci/{sys_id}/schedule": {"GET": Taking(schedules.of_item, schedules.PARAMETERS)},
            "{sys_id}/nextstates": {"GET": processes.next_states},
        }
        for kind in _CREATED:
            paths[kind] = {"GET": _listed(CHANGES, type=kind), "POST": Taking(partial(_create, type=kind), None)}
            paths[f"{kind}/{{sys_id}}"] = _of_type(type=kind)
        paths[_STANDARD] = {"GET": _listed(CHANGES, type=_STANDARD)}
        paths[f"{_STANDARD}/{{sys_id}}"] = {**_of_type(type=_STANDARD), "POST": Taking(_create_standard, None)}
        self._endpoints = Endpoints(instance, paths, check_caller)

    def answer(self, call: Call) -> Answer | Steps:
        """Answer a call; raises PlatformError."""
        return self._endpoints.answer(call, call.resource[1:])


def _of_type(**equal: str) -> Verbs:
    """Return the endpoints of a change request with these values."""
    endpoints: tuple[Endpoint, ...] = (_get, _update, _delete)
    get, update, delete = (partial(each, CHANGES, **equal) for each in endpoints)
    return {"GET": get, "PATCH": Taking(update, None), "DELETE": delete}


def _listed(table: str, **equal: str) -> Taking:
    endpoint: Endpoint = _list
    return Taking(partial(endpoint, table, **equal), None)


def _list(table: str, call: Call, session: Session, **equal: str) -> Answer:
    return list_answer(call, session, table, **equal)


def _get(table: str, call: Call, session: Session, sys_id: str, **equal: str) -> Answer:
    return record_answer(call, session, table, record_of(session, table, sys_id, **equal))


def _update(table: str, call: Call, session: Session, sys_id: str, **equal: str) -> Answer:
    record_of(session, table, sys_id, **equal)
    values, ignored = written(call, session, table)
    return record_answer(call, session, table, session.update(table, sys_id, values), ignored)


def _delete(table: str, call: Call, session: Session, sys_id: str, **equal: str) -> Answer:
    answer = record_answer(call, session, table, record_of(session, table, sys_id, **equal))
    session.delete(table, sys_id)
    return answer


def _create(call: Call, session: Session, **equal: str) -> Answer:
    values, ignored = written(call, session, CHANGES)
    named = values.get("chg_model", "")
    model = session.get(MODELS, named) or session.find_alike(MODELS, name=named) if named else None
    if named and model is None:
        raise BadRequest("Invalid change model", f"chg_model '{named}' is no change model")
    if model is not None:
        preset = dict(term.split("=", 1) for term in model["record_preset"].split("^") if "=" in term)
        preset.pop("sys_id", None)
        values = {**preset, **values, "chg_model": model.sys_id}
    if "type" in values:
        values["type"] = values["type"].lower()
    return record_answer(call, session, CHANGES, session.insert(CHANGES, values | equal), ignored)


def _create_standard(call: Call, session: Session, template: str) -> Answer:
    producer = record_of(session, PRODUCERS, template)
    values, ignored = written(call, session, CHANGES, kept=_OF_TEMPLATE)
    version = producer["current_version"]
    if not template_values(session, version):
        raise BadRequest("Invalid template", f"'{producer['name']}' has no current version with a template")
    fixed = {"type": _STANDARD, "std_change_producer_version": version}
    return record_answer(call, session, CHANGES, session.insert(CHANGES, values | fixed), ignored)


def _tasks(call: Call, session: Session, sys_id: str) -> Answer:
    record_of(session, CHANGES, sys_id)
    return list_answer(call, session, TASKS, change_request=sys_id)


def _create_task(call: Call, session: Session, sys_id: str) -> Answer:
    record_of(session, CHANGES, sys_id)
    values, ignored = written(call, session, TASKS)
    task = session.insert(TASKS, {**values, "change_request": sys_id, "parent": sys_id})
    return record_answer(call, session, TASKS, task, ignored)


def _update_task(call: Call, session: Session, sys_id: str, task: str) -> Answer:
    return _update(TASKS, call, session, task, change_request=sys_id)


def _delete_task(call: Call, session: Session, sys_id: str, task: str) -> Answer:
    return _delete(TASKS, call, session, task, change_request=sys_id)
