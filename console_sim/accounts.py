"""Accounts: the API Client User that ServiceNow logs on with, its roles, and credentials (integration 1, 2.2, 2.4)."""

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from console_sim.shelf import Moment

_ROLE_PREFIX = "Privilege Manager "
DEFAULT_ROLE = f"{_ROLE_PREFIX}Administrators"
# integration 1: the roles with "Approve Approval Requests"
APPROVING_ROLES = (
    DEFAULT_ROLE,
    f"{_ROLE_PREFIX}Helpdesk Users",
    f"{_ROLE_PREFIX}Users",
    f"{_ROLE_PREFIX}macOS Administrators",
    f"{_ROLE_PREFIX}Unix Administrators",
    f"{_ROLE_PREFIX}Windows Administrators",
)


def role_may_approve(role: str) -> bool:
    """Return whether the role has "Approve Approval Requests"; the prefix "Privilege Manager" may be left out."""
    return role in APPROVING_ROLES or f"{_ROLE_PREFIX}{role}" in APPROVING_ROLES


class UserState(StrEnum):
    """The state of a user on the Users page."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"
    LOCKED_OUT = "LockedOut"


@dataclass(frozen=True, slots=True)
class ApiClientUser:
    """An API Client User.

    Attributes:
        client_id: a GUID, the user name.
        secret_digest: of the password, which the product shows only once; 256 random bits need no slow digest.
        role: empty until one is added.
        expires_at: when it can no longer log on; None for never.
    """

    client_id: str = field(repr=False)
    secret_digest: str = field(repr=False)
    created_at: Moment
    role: str = ""
    state: UserState = UserState.ACTIVE
    expires_at: Moment | None = None

    @property
    def display_name(self) -> str:
        """The name that the product gives a new API user."""
        return f"API User Created On {self.created_at:%Y-%m-%d}"

    @property
    def may_approve(self) -> bool:
        """Whether a role of the user has "Approve Approval Requests"."""
        return role_may_approve(self.role)

    def to_json(self) -> dict[str, object]:
        """Return what the Users page shows, without Client Id and Secret."""
        return {
            "display_name": self.display_name,
            "role": self.role,
            "may_approve": self.may_approve,
            "state": self.state,
            "expires_at": None if self.expires_at is None else self.expires_at.isoformat(),
        }

    def accepts(self, client_id: str, secret: str) -> bool:
        """Return whether these are the user's Client Id and Secret."""
        same_user = client_id.lower() == self.client_id
        return hmac.compare_digest(digest(secret), self.secret_digest) and same_user

    def why_shut_out(self, now: datetime) -> str:
        """Return why the user may not log on; empty if it may."""
        if self.state is not UserState.ACTIVE:
            return f"the API user is {self.state}"
        if self.expires_at is not None and self.expires_at <= now:
            return f"the API user expired at {self.expires_at.isoformat()}"
        return ""


def digest(secret: str) -> str:
    """Return the digest of a Secret, which is all that is kept of it."""
    return sha256(secret.encode()).hexdigest()


CREDENTIAL_TYPE = "User Credential"


@dataclass(frozen=True, slots=True)
class Credential:
    """A named login for another system."""

    name: str
    account_name: str
    password: str = field(repr=False)
