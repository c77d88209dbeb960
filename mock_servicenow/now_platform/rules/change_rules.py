"""The business rule of change requests: standard changes take their template."""

from mock_servicenow.now_platform.records.intake import Intake
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext, Session

CHANGES, VERSIONS = "change_request", "std_change_producer_version"
PRODUCERS, TEMPLATES = "std_change_record_producer", "sys_template"


def change_rules() -> list[BusinessRule]:
    """Return the rules."""
    return [
        BusinessRule("apply_standard_change_template", CHANGES, "before", frozenset({"insert"}), _apply_template),
    ]


def template_values(session: Session, version: str) -> dict[str, str]:
    """Return what the template of a version of a standard change sets, by column.

    Nothing for an incomplete version, or one of which the user may not read a part.
    """
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
    writer = context.session.acting_for(context.session.user)
    values = {name: value for name, value in template_values(writer, version).items() if name not in context.supplied}
    context.current.update(Intake(writer, context.table).take(values, with_sys_id=False))
