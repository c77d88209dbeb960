"""What the roles of API users allow, as the vendor's table says it (privman-docs, admin/roles/app-roles.md)."""

from collections.abc import Mapping
from enum import StrEnum

from console_sim.accounts import ApiClientUser, Role
from console_sim.errors import NotAllowedError


class Right(StrEnum):
    """A column of the table of application roles."""

    VIEW_REPORTS = "View Reports"
    RUN_TASKS = "Run Tasks"
    MODIFY_POLICIES = "Modify Policies, Filters, and LSS"
    VIEW_ITEMS = "View All Items"

    @property
    def acts(self) -> bool:
        """Whether an operation that needs it changes something."""
        return self in {Right.RUN_TASKS, Right.MODIFY_POLICIES}


_ADMINISTRATORS = frozenset(
    {Role.ADMINISTRATORS, Role.MACOS_ADMINISTRATORS, Role.UNIX_ADMINISTRATORS, Role.WINDOWS_ADMINISTRATORS}
)
_ROLES: Mapping[Right, frozenset[Role]] = {
    Right.VIEW_REPORTS: _ADMINISTRATORS | {Role.USERS},
    Right.RUN_TASKS: _ADMINISTRATORS,
    Right.MODIFY_POLICIES: _ADMINISTRATORS,
    Right.VIEW_ITEMS: _ADMINISTRATORS | {Role.USERS},
}
# The operating system whose policies a role may change; any for the others.
_ONLY = {Role.MACOS_ADMINISTRATORS: "mac", Role.UNIX_ADMINISTRATORS: "unix", Role.WINDOWS_ADMINISTRATORS: "win"}


def require_right(user: ApiClientUser, right: Right) -> None:
    """Raise NotAllowedError unless a role of the user has the right."""
    if _ROLES[right].isdisjoint(user.roles):
        raise NotAllowedError(f"the API user has no role with {str(right)!r}")


def require_policies_of(user: ApiClientUser, system: str) -> None:
    """Raise NotAllowedError unless a role of the user may change policies for that operating system."""
    allowed = (role for role in user.roles if role in _ROLES[Right.MODIFY_POLICIES])
    if not any(_ONLY.get(role, system) == system for role in allowed):
        raise NotAllowedError(f"no role of the API user may change policies for {system!r}")
