"""Business rules that every instance has on its incidents, attachments and properties."""

from mock_servicenow.now_platform.records import attachments
from mock_servicenow.now_platform.records.properties import why_unread
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext, Session
from privman_core.findings import Finding

PRIORITIES = {
    ("1", "1"): "1",
    ("1", "2"): "2",
    ("1", "3"): "3",
    ("2", "1"): "2",
    ("2", "2"): "3",
    ("2", "3"): "4",
    ("3", "1"): "3",
    ("3", "2"): "4",
    ("3", "3"): "5",
}
PROPERTIES = "sys_properties"
_WRITES: frozenset[Operation] = frozenset({"insert", "update"})
_INSERTS: frozenset[Operation] = frozenset({"insert"})
_UPDATES: frozenset[Operation] = frozenset({"update"})
_DELETES: frozenset[Operation] = frozenset({"delete"})
_PARENT = "parent_incident"
_LARGEST = 2**63 - 1


def builtin_rules() -> list[BusinessRule]:
    """Return the rules of incidents, of attachments, and of properties."""
    return [
        BusinessRule("calculate_priority", "incident", "before", _WRITES, calculate_priority),
        BusinessRule("count_new_child", "incident", "after", _INSERTS, _count_child, given=_PARENT),
        BusinessRule("count_moved_child", "incident", "after", _UPDATES, _count_child),
        BusinessRule("count_deleted_child", "incident", "after", _DELETES, _count_child, given=_PARENT),
        BusinessRule("check_extension", attachments.TABLE, "before", _WRITES, _check_extension),
        BusinessRule("mask_property", PROPERTIES, "before", _WRITES, _mask),
        BusinessRule("report_misspelt_property", PROPERTIES, "after", _WRITES, _report_misspelt),
    ]


def calculate_priority(context: RuleContext) -> None:
    """Derive an incident's priority from impact and urgency."""
    if context.changed("impact") or context.changed("urgency"):
        graded = (context.current["impact"], context.current["urgency"])
        context.current["priority"] = PRIORITIES.get(graded, context.current["priority"])


def _count_child(context: RuleContext) -> None:
    """Count an incident for the parent that it has got, and no longer for the one that it has lost."""
    before = "" if context.previous is None else context.previous[_PARENT]
    after = "" if context.operation == "delete" else context.current[_PARENT]
    if before != after:
        _add_children(context.session, before, -1)
        _add_children(context.session, after, 1)


def _add_children(session: Session, sys_id: str, number: int) -> None:
    parent = session.get("incident", sys_id) if sys_id else None
    if parent is not None:
        count = min(max(0, int(parent["child_incidents"] or 0) + number), _LARGEST)
        session.change_row(parent.table, sys_id, {"child_incidents": str(count)})


def _check_extension(context: RuleContext) -> None:
    if context.changed("file_name"):
        attachments.check_extension(context.session, context.current["file_name"])


def _mask(context: RuleContext) -> None:
    if context.current["type"].lower().startswith("password"):
        context.session.kernel.secrets.add(context.current["value"])  # no place tells that it is one


def _report_misspelt(context: RuleContext) -> None:
    if context.changed("name"):
        report_misspelt(context.session, context.current["name"])


def report_misspelt(session: Session, name: str) -> None:
    """Report the record of a property that nothing reads, if its name is like that of one that is read."""
    if why := why_unread(name, (row["name"] for row in session.find_all(PROPERTIES))):
        session.findings.append(Finding("swallowed", "misspelt-property", why, "name"))
