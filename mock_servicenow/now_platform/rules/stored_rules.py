"""Business rules that administrators keep as records: conditions and actions, no script (platform 8.5)."""

from typing import TYPE_CHECKING

from mock_servicenow.now_platform.records.intake import Intake
from mock_servicenow.now_platform.rules.rules import BusinessRule, Operation, RuleContext, When

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.record import Record
    from mock_servicenow.now_platform.records.session import Session

RULES = "sys_script"
_KINDS: dict[str, When] = {"before": "before", "after": "after"}
_OPERATIONS: tuple[Operation, ...] = ("insert", "update", "delete")


def load(session: "Session") -> list[BusinessRule]:
    """Return the active rules of every table, by table."""
    records = sorted(session.find_all(RULES, active="true"), key=lambda record: record["collection"])
    return [rule for record in records if (rule := _to_rule(record)) is not None]


def _to_rule(record: "Record") -> BusinessRule | None:
    when = _KINDS.get(record["when"])  # other kinds accompany no write
    if when is None:
        return None
    operations = frozenset(name for name in _OPERATIONS if record[f"action_{name}"] == "true")
    return BusinessRule(
        name=record["name"],
        table=record["collection"],
        when=when,
        operations=operations,
        run=RuleAction(record["template"], record["message"], aborts=record["abort_action"] == "true"),
        order=int(record["order"] or 100),
        condition=record["filter_condition"],
        sys_id=record.sys_id,
    )


class RuleAction:
    """Sets values as the rule's template says, then aborts if the rule does."""

    def __init__(self, template: str, message: str, *, aborts: bool) -> None:
        terms = [term.partition("=") for term in template.split("^") if "=" in term]
        self._values = {name: value for name, _, value in terms}
        self._message = message
        self._aborts = aborts

    def __call__(self, context: RuleContext) -> None:
        """Act on one write."""
        intake = Intake(context.session, context.table)
        context.current.update(intake.take(self._values, with_sys_id=False))
        if self._aborts:
            context.abort(self._message or "the rule aborts every write that meets its condition")
