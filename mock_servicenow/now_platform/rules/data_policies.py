"""Data policies: columns that must not be empty (platform 1.9)."""

from typing import TYPE_CHECKING

from mock_servicenow.now_platform.errors import MandatoryFieldMissing

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.session import Session
    from mock_servicenow.now_platform.rules.rules import RuleContext

POLICIES = "sys_data_policy2"
RULES = "sys_data_policy_rule"
Policy = tuple[str, tuple[str, ...]]


def enforce(context: "RuleContext") -> None:
    """Raise MandatoryFieldMissing if the record as it would be lacks what a policy of its table demands."""
    session, table = context.session, context.table
    policies = session.instance.cache.get("data_policies", table, (POLICIES, RULES), lambda: _load(session, table))
    missing = [
        name
        for condition, demanded in policies
        if context.meets(condition)
        for name in demanded
        if not context.current[name]
    ]
    if missing:
        columns = session.dictionary.columns(table)
        raise MandatoryFieldMissing([columns[name].label for name in missing])


def _load(session: "Session", table: str) -> list[Policy]:
    """Return the active policies of the table and of its parents: condition, and the columns that they demand.

    Tables that are defined as closed to web services have none: whoever stores a policy sees whether it is met.
    """
    if table in session.instance.queries.closed:
        return []
    found = [
        record
        for name in session.dictionary.lineage(table)
        for record in session.find_all(POLICIES, model_table=name, active="true")
    ]
    return [(record["conditions"], _demanded(session, table, record.sys_id)) for record in found]


def _demanded(session: "Session", table: str, policy: str) -> tuple[str, ...]:
    columns = session.dictionary.columns(table)
    rules = session.find_all(RULES, sys_data_policy=policy, mandatory="true")
    return tuple(rule["field"] for rule in rules if rule["field"] in columns)
