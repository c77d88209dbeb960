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
class Entry:
    """One entry of the navigation."""

    label: str
    url: str


MODULES = {
    "Privilege Manager": (Entry("Home", HOME), Entry("Manage Approvals", APPROVALS)),
    "Admin": (Entry("Configuration", CONFIGURATION), Entry("Users", USERS), Entry("Server Tasks", SERVER_TASKS)),
    "Endpoint": (Entry("Request approval", ENDPOINT),),
}
TABS = (
    Entry("Credentials", CREDENTIALS),
    Entry("Foreign Systems", FOREIGN_SYSTEMS),
    Entry("Messaging", MESSAGING),
    Entry("Advanced", ADVANCED),
)
