"""Accounts: the API Client Users that ServiceNow logs on with, their roles, and credentials."""

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import TypeVar

from console_sim.error_texts import brief
from console_sim.errors import BadRequestError
from console_sim.json_object import JsonObject
from console_sim.shelf import Moment
from privman_core.near_words import hint

_PREFIX = "Privilege Manager "


class Role(StrEnum):
    """The roles of the product, with the names that its Roles page prints."""

    ADMINISTRATORS = f"{_PREFIX}Administrators"
    FIELD_ENGINEERING = f"{_PREFIX}Field Engineering"
    HELPDESK_USERS = f"{_PREFIX}Helpdesk Users"
    MACOS_ADMINISTRATORS = f"{_PREFIX}MacOS Administrators"
    UNIX_ADMINISTRATORS = f"{_PREFIX}Unix/Linux Administrators"
    USERS = f"{_PREFIX}Users"
    VIEW_PASSWORDS = f"{_PREFIX}View Passwords Role"
    WINDOWS_ADMINISTRATORS = f"{_PREFIX}Windows Administrators"

    @property
    def may_approve(self) -> bool:
        """Whether the role has "Approve Approval Requests"."""
        return self not in {Role.FIELD_ENGINEERING, Role.VIEW_PASSWORDS}

    @classmethod
    def named(cls, name: str) -> "Role":
        """Return the role of that name, in any case, with or without "Privilege Manager"; raises ValueError."""
        found = _BY_NAME.get(_plain(name))
        if found is None:
            raise ValueError(name)
        return found


def _plain(name: str) -> str:
    return name.lower().removeprefix(_PREFIX.lower()).removesuffix(" role")


# app-roles.md writes "View Password Role" where the Roles page prints "View Passwords Role".
_BY_NAME = {_plain(role): role for role in Role} | {"view password": Role.VIEW_PASSWORDS}
DEFAULT_ROLE = Role.ADMINISTRATORS
_Default = TypeVar("_Default")


def read_roles(body: JsonObject, default: _Default) -> tuple[Role, ...] | _Default:
    """Return the roles under ``roles``, or the one under ``role``, null for none; raises BadRequestError."""
    if "roles" in body:
        return tuple(dict.fromkeys(_read_role("roles", name) for name in body.texts("roles")))
    if "role" not in body:
        return default
    name = body.text_or_null("role")
    return (_read_role("role", name),) if name else ()


def _read_role(key: str, name: str) -> Role:
    try:
        return Role.named(name)
    except ValueError:
        raise BadRequestError(
            f"{key!r} has {brief(name)}{hint(name, tuple(Role))}; expected {', '.join(Role)}"
        ) from None


@dataclass(frozen=True, slots=True)
class ApiClientUser:
    """An API Client User.

    Attributes:
        client_id: a GUID in lower case, the user name.
        secret_digest: of the password, which the product shows only once; a generated Secret needs no slow digest.
        display_name: "API User Created On Jun 10, 2020" until it is edited.
        active: the switch Active.
        locked_out: the switch Locked Out.
        expires_at: when it can no longer log on; None for never.
        last_modified: None until it is changed.
    """

    client_id: str = field(repr=False)
    secret_digest: str = field(repr=False)
    created_at: Moment
    display_name: str
    roles: tuple[Role, ...] = ()
    active: bool = True
    locked_out: bool = False
    expires_at: Moment | None = None
    last_modified: Moment | None = field(default=None, compare=False)  # a save without changes keeps the older time

    @property
    def may_approve(self) -> bool:
        """Whether a role of the user has "Approve Approval Requests"."""
        return any(role.may_approve for role in self.roles)

    def to_json(self) -> dict[str, object]:
        """Return what the user's page shows, without Client Id and Secret."""
        return {
            "display_name": self.display_name,
            "roles": list(self.roles),
            "may_approve": self.may_approve,
            "active": self.active,
            "locked_out": self.locked_out,
            "expires_at": None if self.expires_at is None else self.expires_at.isoformat(),
        }

    def accepts(self, secret: str) -> bool:
        """Return whether that is the user's Secret."""
        return hmac.compare_digest(digest(secret), self.secret_digest)

    def login_refusal(self, now: datetime) -> str:
        """Return why the user may not log on; empty if it may."""
        if not self.active:
            return "the API user is not active"
        if self.locked_out:
            return "the API user is locked out"
        if self.expires_at is not None and self.expires_at <= now:
            return f"the API user expired at {self.expires_at.isoformat()}"
        return ""


def digest(secret: str) -> str:
    """Return the digest of a Secret, which is all that is kept of it."""
    return sha256(secret.encode()).hexdigest()


CREDENTIAL_TYPE = "User Credential"


@dataclass(frozen=True, slots=True)
class Credential:
    """A named login for another system; without a password until one is saved.

    Attributes:
        last_modified: None if it was saved by an earlier version.
    """

    name: str
    account_name: str
    password: str = field(repr=False)
    description: str = ""
    last_modified: Moment | None = field(default=None, compare=False)  # a save without changes keeps the older time

    def __post_init__(self) -> None:
        """Raise ValueError for an empty name, which means no credential where one is selected."""
        if not self.name:
            raise ValueError("a credential has no name")
