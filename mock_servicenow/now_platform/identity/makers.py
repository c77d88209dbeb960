"""The makers of credentials: a credential gives no rights that its maker could not grant.

A user may become an administrator after somebody else has made a key for them and knows its token.
"""

from functools import partial

from msgspec.structs import replace

from mock_servicenow.now_platform.identity.privileges import is_privileged
from mock_servicenow.now_platform.identity.roles import holding_user
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext, Session
from mock_servicenow.now_platform.users import ADMIN_ROLE, NOBODY, Holder, User
from privman_core.findings import Finding

MAKERS = "sys_credential_maker"
"""The sys_ids of credentials that others than administrators have made; those without a row are trusted."""
_SECRETS = {"api_key": "token", "oauth_credential": "token", "oauth_entity": "client_secret"}
_EXTENDS = frozenset({"user", "type", "peer", "scopes", "expires"})
"""Columns of a credential that say for whom it acts, for what, and how long."""


def maker_rules() -> list[BusinessRule]:
    """Return the rules that note who makes a credential, or changes its secret or its use."""
    writes: frozenset[Operation] = frozenset({"insert", "update"})
    return [
        *(
            BusinessRule(f"note_maker_{table}", table, "after", writes, partial(_note, secret))
            for table, secret in _SECRETS.items()
        ),
        *(BusinessRule(f"forget_maker_{table}", table, "after", frozenset({"delete"}), _forget) for table in _SECRETS),
    ]


def maker(session: Session, credential: str) -> Holder | None:
    """Return the maker of a credential; None for administrators and the instance itself."""
    row = session.work.get(MAKERS, credential)
    return None if row is None else Holder(row["maker"], row["life"])


def note_maker(session: Session, credential: str, made_by: Holder | None) -> None:
    """Note the maker of a credential; None is not noted."""
    if made_by is not None:
        row = {"sys_id": credential, "maker": made_by.sys_id, "life": made_by.life}
        session.of_system.replace_row(MAKERS, row)


def why_not(session: Session, made_by: Holder | None, user: User) -> str:
    """Return why a credential may not act for a user; empty if it may."""
    if made_by is None or not is_privileged(session, user.sys_id):
        return ""
    known = holding_user(session, made_by)
    if known is not None and ADMIN_ROLE in known.roles:
        return ""
    named = "its client" if made_by == NOBODY else f"user '{made_by.sys_id if known is None else known.user_name}'"
    return f"{named} is not an administrator and cannot speak for '{user.user_name}', who holds a privileged role"


def acting_by(session: Session, credential: str, user: User) -> User | None:
    """Return a user as a credential acts for them; None, and a finding, if it may not."""
    made_by = maker(session, credential)
    why = why_not(session, made_by, user)
    if not why:
        return replace(user, made_by=made_by)
    message = f"a credential is refused: {why}; an administrator has to give it a new secret"
    session.findings.append(Finding("swallowed", "credential-refused", message))
    return None


def _note(secret: str, context: RuleContext) -> None:
    """Note the maker; with a new secret from an administrator, whoever knew the last one no longer counts."""
    session, user = context.session, context.session.user
    trusted = user.unrestricted or ADMIN_ROLE in user.roles
    if trusted and context.changed(secret):
        _forget(context)
    elif not trusted and any(context.changed(column) for column in {secret, *_EXTENDS} & context.current.keys()):
        note_maker(session, context.current["sys_id"], user.made_by or user.holder)


def _forget(context: RuleContext) -> None:
    session, credential = context.session.of_system, context.current["sys_id"]
    if maker(session, credential) is not None:
        session.delete(MAKERS, credential)
