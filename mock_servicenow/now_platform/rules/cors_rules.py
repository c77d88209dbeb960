"""The parts of a CORS rule that decide whether it can act; a record that never acts is reported when it is written."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from mock_servicenow.now_platform.dictionary.values import TRUE_WORDS
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext

CORS_RULES = "sys_cors_rule"
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# A wildcard stands right behind the scheme, for at least one label.
_DOMAIN = re.compile(r"(https?://)(\*\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[0-9]{1,5})?)", re.IGNORECASE)
_NOT_AN_ADDRESS = re.compile(r"[0-9.:]*")


class Domain(NamedTuple):
    """The pages' origins that a rule is about, in lower case.

    Attributes:
        host: what origins have after the scheme, or end with behind a wildcard.
        wildcard: whether any labels may come before that.
    """

    scheme: str
    host: str
    wildcard: bool


def read_domain(text: str) -> Domain | None:
    """Return the domain of a rule; None if the requirements do not allow it."""
    match = _DOMAIN.fullmatch(text.strip())
    if match is None or (match[2] and _NOT_AN_ADDRESS.fullmatch(match[3])):
        return None
    return Domain(match[1].lower(), match[3].lower(), bool(match[2]))


def allowed_verbs(values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the verbs that a rule allows."""
    return tuple(verb for verb in VERBS if values[f"method_{verb.lower()}"] in TRUE_WORDS)


def cors_rules() -> list[BusinessRule]:
    """Return the rule that reports CORS rules that never act."""
    return [BusinessRule("report_idle_cors_rule", CORS_RULES, "after", frozenset({"insert", "update"}), _report_idle)]


def _report_idle(context: RuleContext) -> None:
    values = context.current
    if values["active"] == "true" and (why := _why_idle(values)):
        context.report("cors-rule-idle", f"CORS rule '{values['name']}' never acts: {why}")


def _why_idle(values: Mapping[str, str]) -> str:
    if read_domain(values["domain"]) is None:
        return f"its domain is '{values['domain']}'; expected one such as https://shop.example.com or https://*.example.com"
    if not allowed_verbs(values):
        return "it allows no method"
    return "" if values["rest_api"].strip("/") else "it names no REST API"
