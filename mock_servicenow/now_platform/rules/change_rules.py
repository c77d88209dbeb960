"""Business rules of change requests: standard changes take their template, approvals move their change."""

from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext, Session

CHANGES, APPROVALS, VERSIONS = "change_request", "sysapproval_approver", "std_change_producer_version"
PRODUCERS, TEMPLATES = "std_change_record_producer", "sys_template"
# What an approved change waits for next, and where a rejected one begins anew (I: approvals are made by workflows).
_APPROVED = {"-4": "-3", "-3": "-2"}
_REJECTED = "-5"


def change_rules() -> list[BusinessRule]:
    """Return the rules."""
    return [
        BusinessRule("apply_standard_change_template", CHANGES, "before", frozenset({"insert"}), _apply_template),
        BusinessRule("roll_up_approvals", APPROVALS, "after", frozenset({"insert", "update"}), _roll_up),
    ]


def template_values(session: Session, version: str) -> dict[str, str]:
    """Return what the template of a version of a standard change sets, by column; nothing for an incomplete one."""
    step: Record | None = session.get(VERSIONS, version)
    for column, table in (("std_change_producer", PRODUCERS), ("template", TEMPLATES)):
        step = None if step is None else session.get(table, step[column])
    terms = "" if step is None else step["template"]
    pairs = (term.partition("=") for term in terms.split("^") if "=" in term)
    return {name: value for name, _, value in pairs}


def _apply_template(context: RuleContext) -> None:
    version = context.current["std_change_producer_version"]
    if not version:
        return
    values = template_values(context.session, version)
    columns = context.session.dictionary.columns(context.table)
    context.current.update(
        {name: value for name, value in values.items() if name in columns and name not in context.supplied}
    )


def _roll_up(context: RuleContext) -> None:
    """Give a task the outcome of its approvals once nobody is asked any more, or one has rejected."""
    session, task = context.session, context.current["sysapproval"]
    if not task or not context.changed("state"):
        return
    states = {row["state"] for row in session.find_all(APPROVALS, sysapproval=task)}
    outcome = "rejected" if "rejected" in states else "requested" if "requested" in states else "approved"
    approved = session.get("task", task)
    if approved is None or outcome not in states or approved["approval"] == outcome:
        return
    moved = _moved(session.get(CHANGES, task), outcome)
    session.update(approved.table, task, {"approval": outcome, **moved})


def _moved(change: Record | None, outcome: str) -> dict[str, str]:
    if change is None or change["state"] not in _APPROVED:
        return {}
    if outcome == "approved":
        return {"state": _APPROVED[change["state"]]}
    return {"state": _REJECTED} if outcome == "rejected" else {}
