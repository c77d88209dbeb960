"""Roles: what a user of the console may do."""

_PREFIX = "Privilege Manager "
DEFAULT = f"{_PREFIX}Administrators"
# integration 1: the roles with "Approve Approval Requests"
APPROVING = (
    DEFAULT,
    f"{_PREFIX}Helpdesk Users",
    f"{_PREFIX}Users",
    f"{_PREFIX}macOS Administrators",
    f"{_PREFIX}Unix Administrators",
    f"{_PREFIX}Windows Administrators",
)


def may_approve(role: str) -> bool:
    """Tell whether the role has "Approve Approval Requests"; the product's name before the role's may be left out."""
    return role in APPROVING or f"{_PREFIX}{role}" in APPROVING
