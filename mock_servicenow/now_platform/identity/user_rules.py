"""Business rules that every instance has on its users."""

from mock_servicenow.now_platform.rules.rules import BusinessRule, RuleContext


def user_rules() -> list[BusinessRule]:
    """Return the rules."""
    return [BusinessRule("full_name", "sys_user", "before", frozenset({"insert", "update"}), full_name)]


def full_name(context: RuleContext) -> None:
    """Let a user be called by first and last name, unless the write names him otherwise."""
    parts = [context.current["first_name"], context.current["last_name"]]
    if (context.changed("first_name") or context.changed("last_name")) and not context.changed("name"):
        context.current["name"] = " ".join(part for part in parts if part)
