"""Business rules that every instance has on its incidents and properties (platform 1.8)."""

from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext
from privman_core.near_words import misspelt

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
_PLATFORM = "glide."
_LIKE_A_TYPO = 0.92  # glide.sys.date_format and glide.sys.time_format are two properties
_WRITES: frozenset[Operation] = frozenset({"insert", "update"})


def builtin_rules() -> list[BusinessRule]:
    """Return the rule of incidents, and those of properties: passwords are masked, misspelt names reported."""
    return [
        BusinessRule("calculate_priority", "incident", "before", _WRITES, calculate_priority),
        BusinessRule("mask_property", "sys_properties", "before", _WRITES, _mask),
        BusinessRule("report_misspelt_property", "sys_properties", "after", _WRITES, _report_misspelt),
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
    """Report a property whose name is that of another one but for a typo: nothing reads it."""
    name = context.current["name"]
    if not (context.changed("name") and name.startswith(_PLATFORM)):
        return
    others = (row["name"] for row in context.session.find_all("sys_properties") if row["name"] != name)
    if near := misspelt(name, filter(_is_of_platform, others), _LIKE_A_TYPO):
        message = f"'{name}' is not the name of a property that is read; did you mean '{near}'?"
        context.report("misspelt-property", message, "name")


def _is_of_platform(name: str) -> bool:
    return name.startswith(_PLATFORM)
