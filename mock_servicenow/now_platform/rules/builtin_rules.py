"""Business rules that every instance has on its incidents and properties (platform 1.8)."""

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


def builtin_rules() -> list[BusinessRule]:
    """Return the rule of incidents, and those of properties: passwords are masked, misspelt names reported."""
    return [
        BusinessRule("calculate_priority", "incident", "before", _WRITES, calculate_priority),
        BusinessRule("mask_property", PROPERTIES, "before", _WRITES, _mask),
        BusinessRule("report_misspelt_property", PROPERTIES, "after", _WRITES, _report_misspelt),
    ]


def calculate_priority(context: RuleContext) -> None:
    """Derive an incident's priority from impact and urgency."""
    if context.changed("impact") or context.changed("urgency"):
        graded = (context.current["impact"], context.current["urgency"])
        context.current["priority"] = PRIORITIES.get(graded, context.current["priority"])


def _mask(context: RuleContext) -> None:
    if context.current["type"].lower().startswith("password"):
        context.session.kernel.secrets.add(context.current["value"])


def _report_misspelt(context: RuleContext) -> None:
    if context.changed("name"):
        report_misspelt(context.session, context.current["name"])


def report_misspelt(session: Session, name: str) -> None:
    """Report the record of a property that nothing reads, if its name is like that of one that is read."""
    if why := why_unread(name, (row["name"] for row in session.find_all(PROPERTIES))):
        session.findings.append(Finding("swallowed", "misspelt-property", why, "name"))
