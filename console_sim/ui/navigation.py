"""The paths of the console's pages, and the navigation that leads to them."""

from dataclasses import dataclass

HOME = "/"
LOG_IN = "/login"
LOG_OUT = "/logout"
APPROVALS = "/manage-approvals"
CONFIGURATION = "/admin/configuration"
CREDENTIALS = f"{CONFIGURATION}/credentials"
FOREIGN_SYSTEMS = f"{CONFIGURATION}/foreign-systems"
MESSAGING = f"{CONFIGURATION}/messaging"
ADVANCED = f"{CONFIGURATION}/advanced"
USERS = "/admin/users"
SERVER_TASKS = "/admin/server-tasks"
ENDPOINT = "/endpoint"


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """One entry of the navigation."""

    label: str
    url: str


MODULES = {
    "Privilege Manager": (NavigationEntry("Home", HOME), NavigationEntry("Manage Approvals", APPROVALS)),
    "Admin": (
        NavigationEntry("Configuration", CONFIGURATION),
        NavigationEntry("Users", USERS),
        NavigationEntry("Server Tasks", SERVER_TASKS),
    ),
    "Endpoint": (NavigationEntry("Request approval", ENDPOINT),),
}
TABS = (
    NavigationEntry("Credentials", CREDENTIALS),
    NavigationEntry("Foreign Systems", FOREIGN_SYSTEMS),
    NavigationEntry("Messaging", MESSAGING),
    NavigationEntry("Advanced", ADVANCED),
)
