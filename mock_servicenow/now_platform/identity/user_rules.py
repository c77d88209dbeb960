"""Business rules that every instance has on its users."""

from collections.abc import Mapping, Sequence
from functools import partial

from mock_servicenow.now_platform.identity.oauth.jwt_bearer import CLAIMS
from mock_servicenow.now_platform.identity.roles import LIVES
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext

# Table to the tables, each with a column that refers to it, whose rows give rights to, by or through its records.
_RIGHTS: Mapping[str, Sequence[tuple[str, str]]] = {
    "sys_user": (
        ("sys_user_has_role", "user"),
        ("sys_user_grmember", "user"),
        ("api_key", "user"),
        ("oauth_credential", "user"),
    ),
    "oauth_entity": (("oauth_credential", "peer"), ("jwt_verifier_map", "oauth_jwt"), (CLAIMS, "oauth_jwt")),
    "sys_user_group": (("sys_user_grmember", "group"), ("sys_group_has_role", "group")),
    "sys_user_role": (
        ("sys_user_has_role", "role"),
        ("sys_group_has_role", "role"),
        ("sys_user_role_contains", "role"),
        ("sys_user_role_contains", "contains"),
    ),
}


def user_rules() -> list[BusinessRule]:
    """Return the rules."""
    naming = BusinessRule("full_name", "sys_user", "before", frozenset({"insert", "update"}), full_name)
    endings = (
        BusinessRule(f"end_rights_{table}", table, "after", frozenset({"delete"}), partial(_end_rights, table))
        for table in _RIGHTS
    )
    lives = (
        BusinessRule(f"end_life_{table}", table, "after", frozenset({"delete"}), _end_life)
        for table in ("sys_user", "oauth_entity")
    )
    clients = BusinessRule("leave_clients", "sys_user", "after", frozenset({"delete"}), _leave_clients)
    return [naming, *endings, *lives, clients]


def full_name(context: RuleContext) -> None:
    """Let a user be called by first and last name, unless the write names him otherwise."""
    parts = [context.current["first_name"], context.current["last_name"]]
    if (context.changed("first_name") or context.changed("last_name")) and not context.changed("name"):
        context.current["name"] = " ".join(part for part in parts if part)


def _end_rights(owner: str, context: RuleContext) -> None:
    """Delete what gave rights with the record, as the platform does by cascading: a later one may have its sys_id."""
    session = context.session.of_system
    for table, column in _RIGHTS[owner]:
        for row in session.find_all(table, **{column: context.current["sys_id"]}):
            if table == "oauth_credential" and column == "peer" and not session.kernel.tokens_end_with_client:
                session.update(table, row.sys_id, {column: ""})
            else:
                session.delete(table, row.sys_id)


def _end_life(context: RuleContext) -> None:
    """End what is not in the database: sessions and codes."""
    session = context.session.of_system
    session.replace_row(LIVES, {"sys_id": context.current["sys_id"], "life": session.ids.hex(32)})


def _leave_clients(context: RuleContext) -> None:
    session = context.session.of_system
    for client in session.find_all("oauth_entity", user=context.current["sys_id"]):
        session.update("oauth_entity", client.sys_id, {"user": ""})
