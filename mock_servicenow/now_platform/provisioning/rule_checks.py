"""Checks of the access rules in files of tables that need an instance: its roles, and what its queries understand."""

from collections.abc import Collection, Iterable

from mock_servicenow.now_platform.dictionary.table_files import PlacedRule
from mock_servicenow.now_platform.records.unit_of_work import Platform
from privman_core.near_words import hint


def check_rules(instance: Platform, rules: Iterable[PlacedRule]) -> None:
    """Raise DictionaryError for a rule with a role that nobody can have, or with a condition that is not understood."""
    with instance.transaction(instance.system) as session:
        roles = [record["name"] for record in session.find_all("sys_user_role")]
        for rule in rules:
            _check_roles(rule, roles)
            for finding in session.compiled(rule.table, rule.acl.condition).findings:
                raise rule.error("condition", f"has condition '{rule.acl.condition}': {finding.message}")


def _check_roles(rule: PlacedRule, roles: Collection[str]) -> None:
    for role in rule.acl.roles:
        if role not in roles:
            expected = "a role that ships or is in a file of rows"
            raise rule.error("roles", f"has role '{role}'{hint(role, roles, len(roles))}; expected {expected}")
