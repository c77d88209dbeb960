"""Guards of the tables that grant an administrator's rights: only administrators may grant or remove them.

Removing them is guarded because others may change a user who is no administrator. A stored rule, a data policy or a
transform map acts for the user who writes or loads, so only administrators may keep one on such a table. Only they may
widen the limits of a token or a key of a privileged user, too.

A role is privileged if it is the administrator's, needs elevation, acts as the system (its holders store rules, data
policies or transform maps, which access control does not limit), or contains such a role.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import sqlalchemy as sa

from mock_servicenow.now_platform.errors import AccessDenied
from mock_servicenow.now_platform.identity.roles import is_granted
from mock_servicenow.now_platform.records.kernel import Fact
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext, Session
from mock_servicenow.now_platform.users import ADMIN_ROLE

_PRIVILEGED_ROLES = Fact("privileged roles", "sys_user_role", "sys_user_role_contains")
_PRIVILEGED = frozenset({ADMIN_ROLE, "security_admin", "business_rule_admin", "import_admin", "data_policy_admin"})
_LOG_IN = frozenset(
    {
        *("user_password", "enable_multifactor_authn", "user_name", "active", "locked_out"),
        *("failed_attempts", "web_service_access_only", "internal_integration_user"),
    }
)
# These columns decide which program gets the consent that users give to a client.
_LEADS = ("client_id", "client_secret", "public_client", "redirect_url", "active")
_VERBS = {"insert": "Insert", "update": "Update", "delete": "Delete"}
Concerns = Callable[[RuleContext], bool]


def privilege_rules() -> list[BusinessRule]:
    """Return the rules that refuse such writes; they run last, so that they see the changes of other rules."""
    writes: frozenset[Operation] = frozenset({"insert", "update", "delete"})
    return [
        BusinessRule(f"guard_privileges_{table}", table, "before", writes, _guard(concerns), order=math.inf)
        for table, concerns in _GUARDED.items()
    ]


def is_privileged(session: Session, user_id: str) -> bool:
    """Return whether a user holds a privileged role, through a group or not."""
    mine = session.find_all("sys_user_has_role", user=user_id)
    granted = {row["role"] for row in mine if is_granted(row.values)}
    memberships = session.find_all("sys_user_grmember", user=user_id)
    roles = granted.union(*(_group_roles(session, row["group"]) for row in memberships))
    return not roles.isdisjoint(_privileged_roles(session))


def _guard(concerns: Concerns) -> Callable[[RuleContext], None]:
    def guard(context: RuleContext) -> None:
        user = context.session.user
        trusted = user.unrestricted or ADMIN_ROLE in user.roles
        if (trusted and not context.rewritten) or not concerns(context):
            return
        if trusted:
            _undo_rules(context)
            return
        message = (
            f"'{user.user_name}' is not an administrator, and the write to {context.table} concerns privileged roles"
        )
        context.report("privilege-refused", message)
        raise AccessDenied(_VERBS[context.operation]).because(message)

    return guard


def _undo_rules(context: RuleContext) -> None:
    """Undo the changes of stored rules: whoever stored them may not be an administrator."""
    changed = ", ".join(context.rewritten)
    message = f"stored rules changed {changed} in a write to {context.table} that concerns privileged roles: undone"
    context.report("privilege-refused", message)
    context.current.update(context.rewritten)


def _privileged_roles(session: Session) -> frozenset[str]:
    """Return the sys_ids of the privileged roles."""
    return session.kernel.cache.get(_PRIVILEGED_ROLES, "", lambda: _load(session))


def _load(session: Session) -> frozenset[str]:
    containing: dict[str, set[str]] = {}
    for row in session.find_all("sys_user_role_contains"):
        containing.setdefault(row["contains"], set()).add(row["role"])
    new = {role.sys_id for role in session.find_all("sys_user_role") if _is_privileged_role(role.values)}
    known: set[str] = set()
    while new := new - known:
        known |= new
        new = {role for contained in new for role in containing.get(contained, ())}
    return frozenset(known)


def _is_privileged_role(values: Mapping[str, str]) -> bool:
    return values["name"].lower() in _PRIVILEGED or values["elevated_privilege"] == "true"


def _group_roles(session: Session, group: str) -> set[str]:
    return {row["role"] for row in session.find_all("sys_group_has_role", group=group)}


def _values(context: RuleContext, column: str) -> set[str]:
    """Return the value of a column after and before the write."""
    return {context.current[column], "" if context.previous is None else context.previous[column]}


def _is_missing(context: RuleContext, table: str, sys_id: str) -> bool:
    """Return whether a named record does not exist: it may be created later, with unforeseen rights."""
    return bool(sys_id) and context.operation != "delete" and context.session.get(table, sys_id) is None


def _names_role(column: str) -> Concerns:
    """Return the check whether a column names a privileged role, or one that does not exist."""

    def concerns(context: RuleContext) -> bool:
        privileged = not _privileged_roles(context.session).isdisjoint(_values(context, column))
        return privileged or _is_missing(context, "sys_user_role", context.current[column])

    return concerns


def _joins_group(context: RuleContext) -> bool:
    privileged = any(_has_privileges(context.session, group) for group in _values(context, "group"))
    return privileged or _is_missing(context, "sys_user_group", context.current["group"])


def _makes_group(context: RuleContext) -> bool:
    """Return whether a new or deleted group has privileges; a new one may have the sys_id of a deleted one."""
    return context.operation != "update" and _has_privileges(context.session, context.current["sys_id"])


def _has_privileges(session: Session, group: str) -> bool:
    return not _group_roles(session, group).isdisjoint(_privileged_roles(session))


def _makes_role(context: RuleContext) -> bool:
    previous = context.previous
    return _is_privileged_role(context.current) or (previous is not None and _is_privileged_role(previous.values))


def _deletes_role(context: RuleContext) -> bool:
    """Return whether a deleted role is privileged by the roles that it contains."""
    return context.operation == "delete" and context.current["sys_id"] in _privileged_roles(context.session)


def _takes_user_over(context: RuleContext) -> bool:
    """Return whether a write may take over a privileged user; a new one may have the sys_id of a deleted one."""
    changes = context.operation != "update" or any(context.changed(column) for column in _LOG_IN)
    return changes and is_privileged(context.session, context.current["sys_id"])


def _speaks_for_user(context: RuleContext) -> bool:
    """Return whether a credential is, or was, a privileged user's: the writer may know its secret."""
    privileged = any(is_privileged(context.session, user) for user in _values(context, "user") if user)
    return privileged or _is_missing(context, "sys_user", context.current["user"])


def _leads_elsewhere(context: RuleContext) -> bool:
    """Return whether a client of privileged users is deleted, or another program may get their consent."""
    changes = context.operation == "delete" or any(context.changed(column) for column in _LEADS)
    return changes and _serves_privileged(context.session, context.current["sys_id"])


def _serves_privileged(session: Session, client: str) -> bool:
    """Return whether a client has tokens of a privileged user, or acts for one."""
    rows = (*session.find_all("oauth_credential", peer=client), *session.find_all("oauth_entity", sys_id=client))
    return _is_one_privileged(session, (row["user"] for row in rows))


def _is_one_privileged(session: Session, users: Iterable[str]) -> bool:
    return any(is_privileged(session, user) for user in {*users} if user)


def _limits_client(context: RuleContext) -> bool:
    """Return whether a row limits, or limited, the scopes of a client that serves privileged users."""
    return any(_serves_privileged(context.session, client) for client in _values(context, "oauth_entity") if client)


def _widens_scope(context: RuleContext) -> bool:
    """Return whether a scope opens another API to a token of a privileged user, or to a client that serves one."""
    session, scope = context.session, context.current["scope"]
    if not scope or not _opens(context, ("scope", "api", "active")):
        return False
    tokens = session.dictionary.sql_table("oauth_credential")
    held = sa.select(tokens.c.user).where(tokens.c.scopes.contains(scope, autoescape=True)).distinct()
    if _is_one_privileged(session, session.work.transaction.execute(held).scalars()):
        return True
    limits = session.find_all("oauth_entity_scope", oauth_entity_scope=scope)
    return any(_serves_privileged(session, row["oauth_entity"]) for row in limits)


def _opens_to_keys(*columns: str, used_by: tuple[str, str] | None = None) -> Concerns:
    """Return the check whether the API keys of privileged users may open more than before.

    Args:
        columns: the columns that decide what is opened.
        used_by: a table, and its column that refers to the record; without a row in it nothing is opened.
    """

    def concerns(context: RuleContext) -> bool:
        session = context.session
        if not _opens(context, columns):
            return False
        if used_by is not None and not session.find_all(used_by[0], **{used_by[1]: context.current["sys_id"]}):
            return False
        return _is_one_privileged(session, (row["user"] for row in session.find_all("api_key")))

    return concerns


def _opens(context: RuleContext, columns: Sequence[str]) -> bool:
    """Return whether a record is active after the write, with a new value in one of the columns."""
    active = context.operation != "delete" and context.current.get("active", "true") == "true"
    return active and any(context.changed(column) for column in columns)


def _acts_on(column: str) -> Concerns:
    """Return the check whether a rule, a policy or a map acts on a table that concerns rights."""
    return lambda context: any(_concerns_rights(context.session, table) for table in _values(context, column))


def _is_part_of(column: str, table: str, acting_on: str) -> Concerns:
    """Return the check whether a row is part of a policy or a map that acts on such a table or does not exist yet."""

    def concerns(context: RuleContext) -> bool:
        session = context.session
        wholes = (session.get(table, sys_id) for sys_id in _values(context, column) if sys_id)
        acts = any(whole is not None and _concerns_rights(session, whole[acting_on]) for whole in wholes)
        return acts or _is_missing(context, table, context.current[column])

    return concerns


def _concerns_rights(session: Session, table: str) -> bool:
    """Return whether a table, or another one in its hierarchy, holds records that concern rights.

    One that does not exist may be defined as one that does, with what acts on it stored before.
    """
    if session.dictionary.table(table) is None:
        return bool(table)
    return not _RIGHTS.isdisjoint({*session.dictionary.lineage(table), *session.dictionary.family(table)})


_GUARDED: dict[str, Concerns] = {
    "sys_user_has_role": _names_role("role"),
    "sys_group_has_role": _names_role("role"),
    "sys_user_role_contains": _names_role("contains"),
    "sys_user_grmember": _joins_group,
    "sys_user_group": _makes_group,
    "sys_user_role": lambda context: _makes_role(context) or _deletes_role(context),
    "sys_user": _takes_user_over,
    "api_key": _speaks_for_user,
    "oauth_credential": _speaks_for_user,
    "oauth_entity": lambda context: _speaks_for_user(context) or _leads_elsewhere(context),
    "oauth_entity_scope": _limits_client,
    "oauth_api_scope": _widens_scope,
    "sys_api_access_policy": _opens_to_keys(
        *("active", "api", "api_path", "apply_global", "apply_all_methods", "http_method"),
        used_by=("sys_auth_profile_mapping", "api_access_policy"),
    ),
    "sys_auth_profile_mapping": _opens_to_keys("api_access_policy", "inbound_auth_profile"),
    "http_key_auth": _opens_to_keys(
        *("active", "auth_parameter"), used_by=("sys_auth_profile_mapping", "inbound_auth_profile")
    ),
    "sys_token_auth_parameter": _opens_to_keys(
        *("parameter_name", "type", "prefix"), used_by=("http_key_auth", "auth_parameter")
    ),
    "sys_script": _acts_on("collection"),
    "sys_data_policy2": _acts_on("model_table"),
    "sys_data_policy_rule": _is_part_of("sys_data_policy", "sys_data_policy2", "model_table"),
    "sys_transform_map": _acts_on("target_table"),
    "sys_transform_entry": _is_part_of("map", "sys_transform_map", "target_table"),
}
_RIGHTS = frozenset(
    {
        *_GUARDED,
        *("jwt_verifier_map", "oauth_jwt_claim_validation", "sys_certificate", "sys_public", "sys_properties"),
        "sys_user_certificate",
        *("sys_db_object", "sys_dictionary", "sys_import_set_row"),
    }
)
"""Tables that concern rights; imported rows do because an administrator's map may turn them into such records."""
