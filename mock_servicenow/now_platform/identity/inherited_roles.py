"""The rows of sys_user_has_role that say which roles members of groups have through them.

They inform only: rights follow from memberships and from the roles of groups (`roles`).
"""

from collections.abc import Iterator, Mapping
from itertools import product

from mock_servicenow.now_platform.dictionary.dictionary_rows import seed_id
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext, Session
from privman_core.findings import Finding

ROLES_OF_USERS, MEMBERS, ROLES_OF_GROUPS = "sys_user_has_role", "sys_user_grmember", "sys_group_has_role"
MOST_ROWS = 1_000
"""Rows that one write adds or removes at most (I): a group may have any number of members."""
_CHANGES: frozenset[Operation] = frozenset({"insert", "update", "delete"})


def inherited_role_rules() -> list[BusinessRule]:
    """Return the rules that keep the rows as memberships and the roles of groups are."""
    return [
        BusinessRule(f"inherit_roles_{table}", table, "after", _CHANGES, _follow)
        for table in (MEMBERS, ROLES_OF_GROUPS)
    ]


def inherit_roles(session: Session) -> None:
    """Store the rows of memberships that were stored without rules."""
    for group in dict.fromkeys(row["group"] for row in session.find_all(ROLES_OF_GROUPS)):
        _store(session, group, {})


def _follow(context: RuleContext) -> None:
    session = context.session.of_system
    written = [context.current] if context.previous is None else [context.previous.values, context.current]
    for values in written:
        _store(session, values["group"], {name: values[name] for name in ("user", "role") if name in values})


def _store(session: Session, group: str, of: Mapping[str, str]) -> None:
    """Store the rows that members have from a group, those of one user or one role, and delete others."""
    expected = set(_pairs(session, group, of))
    rows = session.find_all(ROLES_OF_USERS, granted_by=group, inherited="true", **of)
    stored = {(row["user"], row["role"]): row.sys_id for row in rows}
    missing, extra = sorted(expected - stored.keys()), sorted(stored.keys() - expected)
    if len(missing) + len(extra) > MOST_ROWS:
        what = (
            f"{len(missing) + len(extra):,} rows of {ROLES_OF_USERS} follow from one write; {MOST_ROWS:,} were changed"
        )
        session.findings.append(Finding("swallowed", "inherited-roles-incomplete", what))
    for pair in extra[:MOST_ROWS]:
        session.work.delete(ROLES_OF_USERS, stored[pair])
    for user, role in missing[: max(0, MOST_ROWS - len(extra))]:
        row = {"user": user, "role": role, "granted_by": group, "inherited": "true"}
        session.replace_row(ROLES_OF_USERS, row | {"sys_id": seed_id(ROLES_OF_USERS, f"{group}.{user}.{role}")})


def _pairs(session: Session, group: str, of: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each user and role that members have from a group, those of one user or one role."""
    members = session.find_all(MEMBERS, group=group, **{name: of[name] for name in of if name == "user"})
    roles = session.find_all(ROLES_OF_GROUPS, group=group, **{name: of[name] for name in of if name == "role"})
    yield from product((row["user"] for row in members if row["user"]), (row["role"] for row in roles if row["role"]))
