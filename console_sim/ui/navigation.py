"""The paths of the console's pages, and the navigation that leads to them."""

from collections.abc import Iterator
from itertools import chain
from urllib.parse import urlencode

from msgspec import Struct

HOME = "/"
LOG_IN = "/login"
LOG_OUT = "/logout"
APPROVALS = "/manage-approvals"
HISTORY = f"{APPROVALS}/history"
POLICIES = "/application-policies"
ACTIONS = "/admin/actions"
CONFIGURATION = "/admin/configuration"
GENERAL = f"{CONFIGURATION}/general"
CREDENTIALS = f"{CONFIGURATION}/credentials"
FOREIGN_SYSTEMS = f"{CONFIGURATION}/foreign-systems"
SERVERS = f"{FOREIGN_SYSTEMS}/servicenow"
MESSAGING = f"{CONFIGURATION}/messaging"
ADVANCED = f"{CONFIGURATION}/advanced"
ROLES = "/admin/roles"
TASKS = "/admin/tasks"
AUTOMATION = f"{TASKS}/automation"
PROCESSES = f"{AUTOMATION}/approval-processes"
TYPES = f"{AUTOMATION}/approval-types"
USERS = "/admin/users"
ENDPOINT = "/endpoint"


class NavigationEntry(Struct, frozen=True):
    """One entry of the navigation.

    Attributes:
        url: empty for a page that only the product has.
        extra: whether the vendor documents no such page.
    """

    label: str
    url: str = ""
    extra: bool = False


def _missing(*labels: str) -> Iterator[NavigationEntry]:
    return map(NavigationEntry, labels)


CONFIGURATION_TABS = (
    NavigationEntry("General", GENERAL),
    NavigationEntry("Discovery"),
    NavigationEntry("Reputation"),
    NavigationEntry("Credentials", CREDENTIALS),
    NavigationEntry("Foreign Systems", FOREIGN_SYSTEMS),
    NavigationEntry("Advanced", ADVANCED),
    NavigationEntry("Authentication"),
    NavigationEntry("Messaging", MESSAGING),
    NavigationEntry("Change History"),
)
TASK_TABS = (NavigationEntry("Tasks", TASKS), NavigationEntry("Automation", AUTOMATION))
AUTOMATION_FOLDERS = (NavigationEntry("Approval Processes", PROCESSES), NavigationEntry("Approval Types", TYPES))
_MODULES = {
    "Privilege Manager": (NavigationEntry("Home", HOME),),
    "Computer Groups": (
        NavigationEntry("Application Policies", POLICIES),
        *_missing("User Policies", "Group Policies", "Scheduled Jobs", "Agent Configuration"),
        *_missing("Client System Settings", "File Inventory", "Policy Events", "Reports"),
    ),
    "Tools": (
        *_missing("Disclose Password"),
        NavigationEntry("Manage Approvals", APPROVALS),
        NavigationEntry("Approval history", HISTORY, extra=True),
        *_missing("Offline Approvals"),
    ),
    "Admin": (
        NavigationEntry("Actions", ACTIONS),
        *_missing("Agents", "Config Feeds"),
        NavigationEntry("Configuration", CONFIGURATION),
        *_missing("Diagnostics", "File Upload", "Filters", "Folders", "Import Items", "Licenses"),
        *_missing("Personas", "Resources"),
        NavigationEntry("Roles", ROLES),
        *_missing("Server Logs", "Setup"),
        NavigationEntry("Tasks", TASKS),
        NavigationEntry("Users", USERS),
    ),
    "Endpoint": (NavigationEntry("Request approval", ENDPOINT),),
}
"""As printed (left-nav.png, admin.png); no picture shows Home and Endpoint."""


def link(path: str, **query: str) -> str:
    """Return an address with a query."""
    return f"{path}?{urlencode(query)}"


def entry_of(url: str) -> NavigationEntry:
    """Return the entry of the navigation with that address."""
    return next(each for each in chain(*_MODULES.values()) if each.url == url)


def section(path: str) -> NavigationEntry | None:
    """Return the entry of the navigation that a page is below; None if there is none."""
    below = [each for each in chain(*_MODULES.values()) if each.url and f"{path}/".startswith(f"{each.url}/")]
    return max(below, key=lambda each: len(each.url), default=None)


def modules(*, extras: bool) -> dict[str, tuple[NavigationEntry, ...]]:
    """Return the navigation by group, with or without what the vendor does not document."""
    return {group: tuple(each for each in entries if extras or not each.extra) for group, entries in _MODULES.items()}
