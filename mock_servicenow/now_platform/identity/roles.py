"""Users with their roles, and the rules that end their rights with them."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from uuid import uuid4

import sqlalchemy as sa
from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.records.kernel import Fact
from mock_servicenow.now_platform.records.rows import VALUES_PER_STATEMENT, Record, Work
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext, Session
from mock_servicenow.now_platform.users import DIGESTED, Holder, User, digest

LIVES = "sys_id_life"
"""The sys_ids of deleted users and clients, each with the life that a later one of that sys_id has."""
_ALL = "everybody"
"""The row with the part of a life that everybody has in common."""
_PART = 16
"""Characters of either part that are used; both together fit where a life is stored."""
USER_TABLES = (
    "sys_user",
    LIVES,
    "sys_user_has_role",
    "sys_user_grmember",
    "sys_user_group",
    "sys_group_has_role",
    "sys_user_role",
    "sys_user_role_contains",
)
_ACTING = Fact("users who still act", *USER_TABLES)
_RIGHTS: Mapping[str, Sequence[tuple[str, str]]] = {
    "sys_user": (
        ("sys_user_has_role", "user"),
        ("sys_user_grmember", "user"),
        ("api_key", "user"),
        ("sys_user_certificate", "user"),
        ("oauth_credential", "user"),
    ),
    "oauth_entity": (
        ("oauth_credential", "peer"),
        ("jwt_verifier_map", "oauth_jwt"),
        ("oauth_jwt_claim_validation", "oauth_jwt"),
    ),
    "sys_user_group": (("sys_user_grmember", "group"), ("sys_group_has_role", "group")),
    "sys_user_role": (
        ("sys_user_has_role", "role"),
        ("sys_group_has_role", "role"),
        ("sys_user_role_contains", "role"),
        ("sys_user_role_contains", "contains"),
    ),
}
"""By table: the tables, each with a column that refers to it, whose rows give rights to, by or through its records."""


def find_by_credential(session: Session, table: str, column: str, presented: str, **equal: str) -> Record | None:
    """Return the record with the presented credential in a column and equal values in others.

    An empty credential finds nothing, although records without one may be stored.
    """
    if not presented:
        return None
    stored = digest(presented) if (table, column) in DIGESTED else presented
    return session.find(table, **equal, **{column: stored})


def load_user(session: Session, record: Record) -> User:
    """Return the user of a sys_user record, with the roles that the tables give them."""
    names = frozenset(_contained(session.work, session.dictionary, _granted(session.work, record.sys_id)))
    holder = Holder(record.sys_id, life(session, record.sys_id))
    return User(
        record.sys_id,
        record["user_name"],
        record["name"],
        names,
        record["time_zone"],
        record["date_format"],
        record["time_format"],
        holder=holder,
        rights_of=holder,
    )


def acting_user(session: Session, sys_id: str) -> User | None:
    """Return the user of that sys_id if they may act: active and not locked out."""
    record = find_by_credential(session, "sys_user", "sys_id", sys_id, active="true")
    return None if record is None or record["locked_out"] == "true" else load_user(session, record)


def holding_user(session: Session, holder: Holder) -> User | None:
    """Return the user who was given a credential if they may still act; nobody else, even with the same sys_id."""
    user = acting_user(session, holder.sys_id)
    return user if user is not None and user.holder == holder else None


def by_now(session: Session, user: User) -> User | None:
    """Return a user with their roles as of now; None if they may not act any more.

    A credential that somebody else made never gets more roles than it had when the work began.
    """
    holder = user.rights_of
    if holder is None:
        return user
    known = session.kernel.cache.get(_ACTING, holder, lambda: holding_user(session, holder))
    if known is None:
        return None
    return replace(user, roles=known.roles if user.made_by is None else known.roles & user.roles)


def may_log_in(session: Session, user: User) -> bool:
    """Return whether a user may open pages: some are for web services only."""
    return session.find("sys_user", sys_id=user.sys_id, web_service_access_only="true") is None


def page_user(session: Session, holder: Holder) -> User | None:
    """Return the user who has logged in if they may still open pages."""
    user = holding_user(session, holder)
    return user if user is not None and may_log_in(session, user) else None


def life(session: Session, sys_id: str) -> str:
    """Return the life of a sys_id: it differs from that of a deleted user or client with the same sys_id."""
    lives = {row["sys_id"]: row["life"][:_PART] for row in session.work.get_both(LIVES, _ALL, sys_id)}
    return lives.get(_ALL, "") + lives.get(sys_id, "")


def end_lives(session: Session) -> None:
    """End all sessions and codes, whichever process keeps them: each sys_id now means another user or client."""
    session.replace_row(LIVES, {"sys_id": _ALL, "life": uuid4().hex})  # never the same twice, whatever the seed


def is_granted(row: Mapping[str, str]) -> bool:
    """Return whether a row of sys_user_has_role gives a role; one that tells what a group gives does not."""
    return row["inherited"] != "true" or not row["granted_by"]


def _granted(work: Work, user_id: str) -> set[str]:
    """Return the roles granted to the user and to their groups, without those only requested."""
    mine = work.find("sys_user_has_role", {"user": user_id})
    granted = {row["role"] for row in mine if row["state"] in {"", "active"} and is_granted(row)}
    memberships = work.find("sys_user_grmember", {"user": user_id})
    groups = work.get_many("sys_user_group", {row["group"] for row in memberships})
    return granted.union(row["role"] for row in work.with_values("sys_group_has_role", "group", groups))


def _contained(work: Work, dictionary: Dictionary, ids: set[str]) -> Iterator[str]:
    """Yield the names of the roles that exist, with all the roles they contain; one may contain itself."""
    roles, contains = (dictionary.sql_table(name) for name in ("sys_user_role", "sys_user_role_contains"))
    named, wanted = sa.select(roles.c.sys_id, roles.c.name), list(ids)
    for start in range(0, len(wanted), VALUES_PER_STATEMENT):
        some = named.where(roles.c.sys_id.in_(wanted[start : start + VALUES_PER_STATEMENT])).cte(recursive=True)
        within = named.join(contains, contains.c.contains == roles.c.sys_id).join(
            some, contains.c.role == some.c.sys_id
        )
        yield from work.transaction.execute(sa.select(sa.func.coalesce(some.union(within).c.name, ""))).scalars()


def user_rules() -> list[BusinessRule]:
    """Return the rules that name users, and that end rights, sessions and codes with their records."""
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
    """Set the name of a user to first and last name, unless the write sets another one."""
    parts = [context.current["first_name"], context.current["last_name"]]
    if (context.changed("first_name") or context.changed("last_name")) and not context.changed("name"):
        context.current["name"] = " ".join(part for part in parts if part)


def _end_rights(owner: str, context: RuleContext) -> None:
    """Delete the rows that give rights, as the platform does by cascading: a later record may have the same sys_id."""
    session = context.session.of_system
    for table, column in _RIGHTS[owner]:
        for row in session.find_all(table, **{column: context.current["sys_id"]}):
            if table == "oauth_credential" and column == "peer" and not session.kernel.tokens_end_with_client:
                session.update(table, row.sys_id, {column: ""})
            else:
                session.delete(table, row.sys_id)


def _end_life(context: RuleContext) -> None:
    """End sessions and codes, which are not in the database."""
    session = context.session.of_system
    session.replace_row(LIVES, {"sys_id": context.current["sys_id"], "life": session.ids.hex(32)})


def _leave_clients(context: RuleContext) -> None:
    session = context.session.of_system
    for client in session.find_all("oauth_entity", user=context.current["sys_id"]):
        session.update("oauth_entity", client.sys_id, {"user": ""})
