"""One ServiceNow instance without its network: the platform with its built-in rules and its ways to authenticate."""

from collections.abc import Iterable
from typing import Unpack

from mock_servicenow.now_platform.dictionary.table_files import PlacedRule
from mock_servicenow.now_platform.identity.api_keys import api_key, api_key_rules, report_refused_key
from mock_servicenow.now_platform.identity.authentication import Authentication
from mock_servicenow.now_platform.identity.certificates import certificate_user
from mock_servicenow.now_platform.identity.inherited_roles import inherited_role_rules
from mock_servicenow.now_platform.identity.makers import maker_rules
from mock_servicenow.now_platform.identity.oauth.clients import registry_rules
from mock_servicenow.now_platform.identity.oauth.tokens import bearer
from mock_servicenow.now_platform.identity.privileges import privilege_rules
from mock_servicenow.now_platform.identity.roles import by_now, user_rules
from mock_servicenow.now_platform.identity.web_sessions import WebSessions
from mock_servicenow.now_platform.records.attachments import attachment_rules
from mock_servicenow.now_platform.records.kernel import Parts
from mock_servicenow.now_platform.records.rulebook import Rulebook
from mock_servicenow.now_platform.records.unit_of_work import Platform
from mock_servicenow.now_platform.rules.approval_rules import approval_rules
from mock_servicenow.now_platform.rules.audit_rules import audit_rules
from mock_servicenow.now_platform.rules.builtin_rules import builtin_rules
from mock_servicenow.now_platform.rules.catalog_rules import catalog_rules
from mock_servicenow.now_platform.rules.change_rules import change_rules
from mock_servicenow.now_platform.rules.cors_rules import cors_rules
from mock_servicenow.now_platform.rules.dictionary_rules import dictionary_rules
from mock_servicenow.now_platform.rules.life_cycle_rules import life_cycle_rules
from mock_servicenow.now_platform.rules.stored_rules import SOURCES, load_policies, load_rules, stored_rule_checks
from privman_core.near_words import hint


class Instance(Platform):
    """One ServiceNow instance.

    Args:
        parts: those of `Kernel`.

    Attributes:
        web_sessions: the sessions of browsers and of clients that keep cookies.
        authentication: finds the user behind a request.
    """

    def __init__(self, **parts: Unpack[Parts]) -> None:
        rulebook = Rulebook(
            [
                *builtin_rules(),
                *catalog_rules(),
                *change_rules(),
                *cors_rules(),
                *approval_rules(),
                *user_rules(),
                *inherited_role_rules(),
                *attachment_rules(),
                *registry_rules(),
                *api_key_rules(),
                *maker_rules(),
                *stored_rule_checks(),
                *privilege_rules(),
                *dictionary_rules(),
            ],
            lambda dictionary, table: (*life_cycle_rules(dictionary, table), *audit_rules(dictionary, table)),
            load_rules,
            load_policies,
            SOURCES,
        )
        super().__init__(rulebook, by_now, **parts)
        self.web_sessions = WebSessions(self)
        self.authentication = Authentication(
            self, bearer, (api_key, self.web_sessions.authenticate, certificate_user), report_refused_key
        )

    def check_rules(self, rules: Iterable[PlacedRule]) -> None:
        """Check the access rules of files of tables against the roles of the instance, and what its queries understand.

        Raises DictionaryError for a rule with a role that nobody can have, or with a condition that is not understood.
        """
        with self.transaction(self.system) as session:
            known = [record["name"] for record in session.find_all("sys_user_role")]
            for rule in rules:
                for role in (each for each in rule.acl.roles if each not in known):
                    expected = "a role that ships or is in a file of rows"
                    raise rule.error("roles", f"has role '{role}'{hint(role, known, len(known))}; expected {expected}")
                for finding in session.compiled(rule.table, rule.acl.condition).findings:
                    raise rule.error("condition", f"has condition '{rule.acl.condition}': {finding.message}")
