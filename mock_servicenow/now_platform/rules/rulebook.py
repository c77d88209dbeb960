"""All business rules of an instance, and their execution."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.errors import AbortedByRule
from mock_servicenow.now_platform.rules import stored_rules
from mock_servicenow.now_platform.rules.rules import EVERY_TABLE, BusinessRule, RuleAbort, RuleContext, When
from mock_servicenow.now_platform.users import ADMIN_ROLE
from privman_core.findings import Finding

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.session import Session


class Rulebook:
    """The business rules that come with the platform and its apps, and those stored as records."""

    def __init__(self, rules: Iterable[BusinessRule]) -> None:
        self._rules = list(rules)

    def add(self, rule: BusinessRule) -> None:
        """Let a rule act from the next write on."""
        self._rules.append(rule)

    def run(self, when: When, context: RuleContext) -> None:
        """Run what accompanies this write, in order; raises AbortedByRule.

        No stored rule keeps administrators from deleting or deactivating one.
        """
        rules = self._applicable(when, context)
        if context.table == stored_rules.RULES and _takes_rule_away(context):
            rules = tuple(rule for rule in rules if not rule.sys_id)
        for rule in rules:
            if context.meets(rule.condition):
                _execute(rule, context)

    def _applicable(self, when: When, context: RuleContext) -> tuple[BusinessRule, ...]:
        return context.session.instance.cache.get(
            "rules",
            (when, context.operation, context.table),
            (stored_rules.RULES,),
            lambda: self._select(when, context),
        )

    def _select(self, when: When, context: RuleContext) -> tuple[BusinessRule, ...]:
        tables = {*context.session.dictionary.lineage(context.table), EVERY_TABLE}
        # Whoever stores a rule sees whether it acts, so a rule on a closed table would tell what the table holds.
        closed = context.table in context.session.instance.queries.closed
        chosen = [
            rule
            for rule in (*self._rules, *(() if closed else _stored(context.session)))
            if rule.table in tables and rule.when == when and context.operation in rule.operations
        ]
        return tuple(sorted(chosen, key=lambda rule: rule.order))


def _takes_rule_away(context: RuleContext) -> bool:
    if ADMIN_ROLE not in context.session.user.roles:
        return False
    return context.operation == "delete" or (context.operation == "update" and context.current["active"] == "false")


def _stored(session: "Session") -> list[BusinessRule]:
    return session.instance.cache.get("stored rules", "", (stored_rules.RULES,), lambda: stored_rules.load(session))


def _execute(rule: BusinessRule, context: RuleContext) -> None:
    stack = context.session.work.rules
    stack.append(rule.name)
    try:
        rule.run(context)
    except RuleAbort as abort:
        reason = str(abort)
        context.session.findings.append(
            Finding("swallowed", "rule-aborted", f"business rule '{rule.name}' on {context.table}: {reason}", rule.name)
        )
        raise AbortedByRule(context.table, rule.name, rule.id, stack[::-1], reason) from None
    finally:
        stack.pop()
