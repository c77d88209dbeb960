"""Rules that administrators keep as records: business rules without scripts, and data policies."""

import re
from collections.abc import Callable, Mapping

from mock_servicenow.now_platform.records.intake import Intake
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.rulebook import STORED_RULES, Policy
from mock_servicenow.now_platform.records.session import (
    LONGEST_CONDITION,
    BusinessRule,
    Operation,
    RuleContext,
    When,
    too_long,
)
from mock_servicenow.now_platform.records.view import View

POLICIES = "sys_data_policy2"
POLICY_RULES = "sys_data_policy_rule"
SOURCES = (STORED_RULES, POLICIES, POLICY_RULES)
_KINDS: dict[str, When] = {"before": "before", "after": "after"}
_OPERATIONS: tuple[Operation, ...] = ("insert", "update", "delete")
# The platform fills every script field with this function, to be completed.
_UNTOUCHED = "(functionexecuteRule(current,previous){})(current,previous);"
_NO_CODE = re.compile(r"/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)|//[^\n]*|\s+")
_CONDITIONS = {STORED_RULES: ("collection", "filter_condition"), POLICIES: ("model_table", "conditions")}
"""Tables that hold conditions: the columns with the name of the table they are about, and with the query."""


def load_rules(view: View, table: str) -> list[BusinessRule]:
    """Return the active rules of a table, without those of its parents."""
    records = view.find_all(STORED_RULES, collection=table, active="true")
    return [rule for record in records if (rule := _to_rule(view, record)) is not None]


def stored_rule_checks() -> list[BusinessRule]:
    """Return the rules that report which parts of a stored rule or policy cannot run."""
    writes: frozenset[Operation] = frozenset({"insert", "update"})
    return [
        BusinessRule("report_script", STORED_RULES, "before", writes, _report_script),
        BusinessRule("report_kind", STORED_RULES, "before", writes, _report_kind),
        *(BusinessRule(f"report_closed_{table}", table, "before", writes, _report_closed) for table in _CONDITIONS),
        *(
            BusinessRule(f"report_condition_{table}", table, "before", writes, _report_condition)
            for table in _CONDITIONS
        ),
    ]


def _to_rule(view: View, record: Record) -> BusinessRule | None:
    when = _KINDS.get(record["when"])  # other kinds accompany no write
    if when is None:
        return None
    operations = frozenset(name for name in _OPERATIONS if record[f"action_{name}"] == "true")
    why = why_not_run(record.values)
    return BusinessRule(
        name=record["name"],
        table=record["collection"],
        when=when,
        operations=operations,
        run=NotRun(record["name"], why) if why else _action(view, record),
        order=int(record["order"] or 100),
        condition=record["filter_condition"],
        sys_id=record.sys_id,
    )


def _action(view: View, record: Record) -> Callable[[RuleContext], None]:
    roles = tuple(_role(view, entry) for entry in record["role_conditions"].split(",") if entry)
    return RuleAction(record["template"], record["message"], roles, aborts=record["abort_action"] == "true")


def _role(view: View, entry: str) -> str:
    """Return the name of a role that is given by its name or its sys_id."""
    role = view.get("sys_user_role", entry)
    return entry if role is None else role["name"]


def _scripts(values: Mapping[str, str]) -> list[str]:
    """Return the columns that hold code, even if the rule is not advanced: no source says whether that runs."""
    return [name for name in ("condition", "script") if _NO_CODE.sub("", values[name]) not in {"", _UNTOUCHED}]


def why_not_run(values: Mapping[str, str]) -> str:
    """Return why a rule never acts; empty if it can."""
    scripts = _scripts(values)
    if scripts:
        return f"no script runs here, and it has one in {' and '.join(scripts)}"
    length = len(values["template"]) + len(values["role_conditions"])
    return (
        f"template and role_conditions have {length:,} characters, more than {LONGEST_CONDITION:,}"
        if length > LONGEST_CONDITION
        else ""
    )


def _report_script(context: RuleContext) -> None:
    why = why_not_run(context.current)
    if why:
        _report_not_run(context, context.current["name"], why)


def _report_kind(context: RuleContext) -> None:
    when = context.current["when"]
    if when not in _KINDS:
        message = (
            f"business rule '{context.current['name']}' never acts: its when is '{when}', expected before or after"
        )
        context.report("business-rule-not-run", message, "when")


def _report_closed(context: RuleContext) -> None:
    named, _ = _CONDITIONS[context.table]
    table = context.current[named]
    if table in context.session.schema.queries.closed:
        message = f"{context.table}: never acts on '{table}', which is closed to web services"
        context.report("rule-on-closed-table", message, named)


def _report_not_run(context: RuleContext, name: str, why: str) -> None:
    context.report("business-rule-not-run", f"business rule '{name}' never acts: {why}", name)


def _report_condition(context: RuleContext) -> None:
    named, holding = _CONDITIONS[context.table]
    table, condition = context.current[named], context.current[holding]
    if context.session.dictionary.table(table) is None:
        return
    if len(condition) > LONGEST_CONDITION:
        context.report("condition-not-evaluated", f"{context.table}, {holding}: {too_long(condition)}", holding)
        return
    for finding in context.session.unknown_terms(table, condition):
        context.report("condition-not-evaluated", f"{context.table}, {holding}: {finding.message}", holding)


class NotRun:
    """Reports each write on which a rule would have run."""

    def __init__(self, name: str, why: str) -> None:
        self._name = name
        self._why = why

    def __call__(self, context: RuleContext) -> None:
        """Report one write."""
        _report_not_run(context, self._name, self._why)


class RuleAction:
    """Sets the values of the rule's template, then aborts the write if the rule says so.

    Args:
        roles: the rule acts only for users with one of them; empty for everybody.
    """

    def __init__(self, template: str, message: str, roles: tuple[str, ...], *, aborts: bool) -> None:
        terms = [term.partition("=") for term in template.split("^") if "=" in term]
        self._values = {name: value for name, _, value in terms}
        self._message = message
        self._roles = roles
        self._aborts = aborts

    def __call__(self, context: RuleContext) -> None:
        """Act on one write."""
        if self._roles and not context.session.user.has_any(self._roles):
            return
        intake = Intake(context.session, context.table)
        context.rewrite(intake.take(self._evaluated(context), with_sys_id=False))
        if self._aborts:
            context.abort(self._message or "the rule aborts every write that meets its condition")

    def _evaluated(self, context: RuleContext) -> dict[str, str]:
        """Return the template's values; scripts that queries may not contain either are reported and left out."""
        values = {name: context.session.evaluated(value) for name, value in self._values.items()}
        for name in (name for name, value in values.items() if value is None):
            message = f"a template sets '{name}' to '{self._values[name]}', which cannot be run: left as it was"
            context.report("template-not-evaluated", message, name)
        return {name: value for name, value in values.items() if value is not None}


def load_policies(view: View, table: str) -> tuple[Policy, ...]:
    """Return the active data policies of the table and of its parents.

    Tables that are closed to web services by definition have none: whoever stores a policy sees whether it is met.
    """
    if table in view.schema.queries.closed:
        return ()
    found = (
        record
        for name in view.dictionary.lineage(table)
        for record in view.find_all(POLICIES, model_table=name, active="true")
    )
    return tuple(Policy(record["conditions"], _demanded(view, table, record.sys_id)) for record in found)


def _demanded(view: View, table: str, policy: str) -> tuple[str, ...]:
    columns = view.dictionary.columns(table)
    rules = view.find_all(POLICY_RULES, sys_data_policy=policy, mandatory="true")
    return tuple(rule["field"] for rule in rules if rule["field"] in columns)
