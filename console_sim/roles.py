"""Roles: what a user of the console may do."""

_PREFIX = "Privilege Manager "
DEFAULT = f"{_PREFIX}Administrators"
# integration 1: the roles with "Approve Approval Requests"
_APPROVING = frozenset(
    {
        "Administrators",
        "Helpdesk Users",
        "Users",
        "macOS Administrators",
        "Unix Administrators",
        "Windows Administrators",
    }
)


def may_approve(role: str) -> bool:
    """Tell whether the role has "Approve Approval Requests"; the product's name before the role's may be left out."""
    return role.removeprefix(_PREFIX) in _APPROVING
