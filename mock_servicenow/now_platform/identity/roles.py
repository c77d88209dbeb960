"""Users with their roles, as the tables have them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from uuid import uuid4

from mock_servicenow.now_platform.identity.credentials import holder
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import Holder, User

LIVES = "sys_id_life"
"""The sys_ids of deleted users and clients, each with the life that a later one of that sys_id has."""
_ALL = "everybody"
"""The row with the part of a life that everybody has in common."""
_PART = 16
"""Characters of either part that count; both together fit where a life is stored."""
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


def load_user(session: Session, record: Record) -> User:
    """Return the user that a sys_user record describes."""
    roles = _contained(session, _granted(session, record.sys_id))
    names = frozenset(role["name"] for role in roles)
    own = life(session, record.sys_id)
    return User(
        record.sys_id,
        record["user_name"],
        record["name"],
        names,
        record["time_zone"],
        record["date_format"],
        record["time_format"],
        life=own,
        rights_of=Holder(record.sys_id, own),
    )


def acting_user(session: Session, sys_id: str) -> User | None:
    """Return the user of that sys_id if he may act: active and not locked out."""
    record = holder(session, "sys_user", "sys_id", sys_id, active="true")
    return None if record is None or record["locked_out"] == "true" else load_user(session, record)


def holding_user(session: Session, holder: Holder) -> User | None:
    """Return the user whom a credential was given if he may act still; nobody else, even with the same sys_id."""
    user = acting_user(session, holder.sys_id)
    return user if user is not None and user.holder == holder else None


def by_now(session: Session, user: User) -> User | None:
    """Return a user with the roles that he has by now; None if he may not act any more.

    By a credential that somebody else has made he gets no more of them than it was good for when the work began.
    """
    holder = user.rights_of
    if holder is None:
        return user
    known = session.kernel.cache.get("acting", holder, USER_TABLES, lambda: holding_user(session, holder))
    if known is None:
        return None
    return replace(user, roles=known.roles if user.made_by is None else known.roles & user.roles)


def may_log_in(session: Session, user: User) -> bool:
    """Tell whether a user may open pages: some are for web services alone."""
    return session.find("sys_user", sys_id=user.sys_id, web_service_access_only="true") is None


def page_user(session: Session, holder: Holder) -> User | None:
    """Return the user who has logged in if he may act on pages still."""
    user = holding_user(session, holder)
    return user if user is not None and may_log_in(session, user) else None


def life(session: Session, sys_id: str) -> str:
    """Return what tells the user or client of that sys_id from one that had it before."""
    lives = {row["sys_id"]: row["life"][:_PART] for row in session.reader.get_both(LIVES, _ALL, sys_id)}
    return lives.get(_ALL, "") + lives.get(sys_id, "")


def end_lives(session: Session) -> None:
    """End what anybody was given before, whichever process keeps it: whoever has his sys_id now is another one."""
    session.replace_row(LIVES, {"sys_id": _ALL, "life": uuid4().hex})  # never the same twice, whatever the seed


def _granted(session: Session, user_id: str) -> set[str]:
    """Return the roles of the user himself and of his groups, without those that are requested only."""
    mine = session.find_all("sys_user_has_role", user=user_id)
    granted = {row["role"] for row in mine if row["state"] in {"", "active"}}
    for membership in session.find_all("sys_user_grmember", user=user_id):
        if session.reader.get("sys_user_group", membership["group"]) is not None:
            granted |= {row["role"] for row in session.find_all("sys_group_has_role", group=membership["group"])}
    return granted


def _contained(session: Session, ids: set[str]) -> Iterator[Mapping[str, str]]:
    """Yield the roles that exist, and all that they contain."""
    known: set[str] = set()
    while new := ids - known:
        known |= new
        roles = [role for sys_id in new if (role := session.reader.get("sys_user_role", sys_id)) is not None]
        yield from roles
        contained = (session.find_all("sys_user_role_contains", role=role["sys_id"]) for role in roles)
        ids = {row["contains"] for rows in contained for row in rows}
