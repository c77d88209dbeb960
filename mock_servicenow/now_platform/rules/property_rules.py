"""Business rules that every instance has on its properties."""

from mock_servicenow.now_platform.rules.rules import BusinessRule, RuleContext


def property_rules() -> list[BusinessRule]:
    """Return the rule by which the values of properties of a password type are masked."""
    writes = BusinessRule("mask_property", "sys_properties", "before", frozenset({"insert", "update"}), _mask)
    return [writes]


def _mask(context: RuleContext) -> None:
    if context.current["type"].lower().startswith("password"):
        context.session.instance.learn(context.current["value"])
