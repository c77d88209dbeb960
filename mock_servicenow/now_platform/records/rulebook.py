"""The business rules and data policies that accompany a write, selected and run."""

from collections.abc import Callable, Iterable

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.errors import AbortedByRule, MandatoryFieldMissing, OperationFailed
from mock_servicenow.now_platform.records.kernel import Fact
from mock_servicenow.now_platform.records.session import BusinessRule, RuleAbort, RuleContext, When
from mock_servicenow.now_platform.records.view import View
from mock_servicenow.now_platform.users import ADMIN_ROLE

STORED_RULES = "sys_script"
EVERY_TABLE = "global"


class Policy(Struct, frozen=True):
    """A data policy: columns that must not be empty in records that meet its condition."""

    condition: str
    mandatory: tuple[str, ...]


Accompanying = tuple[tuple[BusinessRule, ...], tuple[Policy, ...]]


class Rulebook:
    """The business rules of the platform and its apps, and the rules and data policies stored as records.

    Args:
        rules: those of the platform.
        table_rules: returns those that follow from the definition of a table.
        stored_rules: loads the stored rules of a table, without those of its parents.
        policies: loads the data policies of a table and its parents.
        sources: the tables that both read.
    """

    def __init__(
        self,
        rules: Iterable[BusinessRule],
        table_rules: Callable[[Dictionary, str], Iterable[BusinessRule]],
        stored_rules: Callable[[View, str], list[BusinessRule]],
        policies: Callable[[View, str], tuple[Policy, ...]],
        sources: tuple[str, ...],
    ) -> None:
        self._rules = list(rules)
        self._table_rules = table_rules
        self._load_rules = stored_rules
        self._load_policies = policies
        self._accompanying = Fact("rules and policies that accompany a write", *sources)
        self._of_table = Fact("stored rules of a table", *sources)

    def add(self, rule: BusinessRule) -> None:
        """Apply a rule from the next write on, once the cache of facts is cleared."""
        self._rules.append(rule)

    def run(self, when: When, context: RuleContext) -> None:
        """Run the rules that accompany a write, in order; before a write check the data policies, too.

        No stored rule keeps administrators from deleting or deactivating one.

        Raises:
            AbortedByRule: a rule aborts the write.
            OperationFailed: a rule aborts it with a message.
            MandatoryFieldMissing: a mandatory column is empty.
        """
        key = when, context.operation, context.table
        rules, policies = context.kernel.cache.get(self._accompanying, key, lambda: self._select(when, context))
        if context.table == STORED_RULES and _takes_rule_away(context):
            rules = tuple(rule for rule in rules if not rule.sys_id)
        for rule in rules:
            if rule.given and not context.current[rule.given]:
                continue
            if not rule.condition or context.meets(rule.condition):
                _execute(rule, context)
        if policies:
            _check_policies(policies, context)

    def _select(self, when: When, context: RuleContext) -> Accompanying:
        view, table, operation = context.session, context.table, context.operation
        tables = {*view.dictionary.lineage(table), EVERY_TABLE}
        # Whoever stores a rule sees whether it acts: on a closed table that would reveal what the table holds.
        closed = table in view.schema.queries.closed
        stored = [] if closed else [rule for name in sorted(tables) for rule in self._stored(view, name)]
        chosen = [
            rule
            for rule in (*self._table_rules(view.dictionary, table), *self._rules, *stored)
            if rule.table in tables and rule.when == when and operation in rule.operations
        ]
        checked = when == "before" and operation != "delete"
        policies = self._load_policies(view, table) if checked else ()
        return tuple(sorted(chosen, key=lambda rule: rule.order)), policies

    def _stored(self, view: View, table: str) -> list[BusinessRule]:
        return view.kernel.cache.get(self._of_table, table, lambda: self._load_rules(view, table))


def _takes_rule_away(context: RuleContext) -> bool:
    if ADMIN_ROLE not in context.session.user.roles:
        return False
    return context.operation == "delete" or (context.operation == "update" and context.current["active"] == "false")


def _execute(rule: BusinessRule, context: RuleContext) -> None:
    stack = context.work.rules
    stack.append(rule.name)
    try:
        rule.run(context)
    except RuleAbort as abort:
        reason = str(abort)
        context.report("rule-aborted", f"business rule '{rule.name}' on {context.table}: {reason}", rule.name)
        if abort.message:
            raise OperationFailed(abort.message) from None
        raise AbortedByRule(context.table, rule.name, rule.id, stack[::-1], reason) from None
    finally:
        stack.pop()


def _check_policies(policies: tuple[Policy, ...], context: RuleContext) -> None:
    columns = context.session.dictionary.columns(context.table)
    missing = [
        columns[name].label
        for policy in policies
        if context.meets(policy.condition)
        for name in policy.mandatory
        if not context.current[name]
    ]
    if missing:
        raise MandatoryFieldMissing(missing)
