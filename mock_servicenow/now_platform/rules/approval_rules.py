"""Business rules of approvals: who may make and decide one, and what the outcome does to its task.

Deciding takes no right to write the task, so the rules ask for more than the right to write approvals.
"""

import math

from mock_servicenow.now_platform.errors import AccessDenied
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext, Session

APPROVALS, DELEGATES, TASKS, CHANGES = "sysapproval_approver", "sys_user_delegate", "task", "change_request"
_APPROVAL_ADMIN = "approval_admin"
_WRITES: frozenset[Operation] = frozenset({"insert", "update"})
_OUTCOMES = frozenset({"approved", "rejected"})
_DECISION = frozenset({"state", "comments"})
"""The columns that an approver writes."""
# What an approved change waits for next, and where a rejected one begins anew (I: approvals are made by workflows).
_APPROVED = {"-4": "-3", "-3": "-2"}
_REJECTED = "-5"


def approval_rules() -> list[BusinessRule]:
    """Return the rules; the first runs late, so that it sees the changes of other rules."""
    return [
        BusinessRule("guard_approvals", APPROVALS, "before", _WRITES | {"delete"}, _guard, order=math.inf),
        BusinessRule("roll_up_approvals", APPROVALS, "after", _WRITES, _roll_up),
    ]


def represented(session: Session) -> frozenset[str]:
    """Return the sys_ids of those for whom the user decides: the user, and whoever delegates approvals to them."""
    now, rows = session.now, session.elevated.find_all(DELEGATES, delegate=session.user.sys_id, approvals="true")
    delegating = (row["user"] for row in rows if row["starts"] <= now and (not row["ends"] or now <= row["ends"]))
    return frozenset({session.user.sys_id, *delegating}) - {""}


def _guard(context: RuleContext) -> None:
    """Refuse an approval that its writer may not make, change or decide.

    Making or changing one takes the right to write its task, deciding it takes an approver or a delegate.
    """
    user = context.session.user
    if user.unrestricted or user.has_any((_APPROVAL_ADMIN,)):
        return
    if _is_decided(context) and context.current["approver"] not in represented(context.session):
        _refuse(context, "decides it without being its approver or a delegate")
    if _is_made_or_changed(context) and not _may_write_task(context):
        _refuse(context, "may not write the task that it is about")


def _is_decided(context: RuleContext) -> bool:
    if context.operation == "insert":
        return context.current["state"] in _OUTCOMES
    return context.operation == "update" and context.changed("state")


def _is_made_or_changed(context: RuleContext) -> bool:
    names = (name for name in context.current if name not in _DECISION)
    return context.operation != "update" or any(map(context.changed, names))


def _may_write_task(context: RuleContext) -> bool:
    """Return whether the user may write the approval's tasks, before and after the change; true where it has none."""
    writer = context.session.acting_for(context.session.user)
    before = "" if context.previous is None else context.previous["sysapproval"]
    ids = {context.current["sysapproval"], before} - {""}
    tasks = writer.get_many(TASKS, ids)
    return len(writer.allowed("write", list(tasks.values()))) == len(ids)


def _refuse(context: RuleContext, why: str) -> None:
    message = f"'{context.session.user.user_name}' writes an approval, but {why}"
    context.report("approval-refused", message)
    raise AccessDenied(context.operation.capitalize()).because(message)


def _roll_up(context: RuleContext) -> None:
    """Give a task the outcome of its approvals: rejected by one, or approved once no approver is still asked."""
    session, task = context.session, context.current["sysapproval"]
    if not task or not context.changed("state"):
        return
    states = {row["state"] for row in session.find_all(APPROVALS, sysapproval=task)}
    outcome = "rejected" if "rejected" in states else "requested" if "requested" in states else "approved"
    record = session.get(TASKS, task)
    if record is None or outcome not in states or record["approval"] == outcome:
        return
    entered = _entered(session.get(CHANGES, task), outcome)
    session.update(record.table, task, {"approval": outcome, **entered})


def _entered(change: Record | None, outcome: str) -> dict[str, str]:
    """Return the state that a change enters with the outcome of its approvals; nothing where it stays."""
    if change is None or change["state"] not in _APPROVED:
        return {}
    if outcome == "approved":
        return {"state": _APPROVED[change["state"]]}
    return {"state": _REJECTED} if outcome == "rejected" else {}
