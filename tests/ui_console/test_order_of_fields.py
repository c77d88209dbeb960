"""Each page has the tabs, buttons, fields and columns of its picture (thycotic/privman-docs), in their order."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from console_sim.settings import Settings
from tests.browser import Page

from .conftest import (
    ACTIONS,
    ADVANCED,
    API_CLIENT,
    APPROVALS,
    CONFIGURATION,
    CREDENTIALS,
    MESSAGING,
    POLICIES,
    PROCESSES,
    ROLES,
    SERVER,
    SYSTEMS,
    TYPES,
    USERS,
    Site,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")
FIDELITY = (Path(__file__).parents[2] / "docs" / "fidelity.md").read_text(encoding="utf-8")
OURS = " (Simulator only)"
Opening = Callable[[Site, Page], Awaitable[object]]
READ = """ours => {
  const visible = each => each.checkVisibility() && !each.closest('.hidden');
  const words = each => {
    const copy = each.cloneNode(true);
    copy.querySelectorAll('.extra, .hidden').forEach(part => part.remove());
    const mark = each.closest('.added') || each.querySelector('.extra') ? ours : '';
    return copy.textContent.replace(/[↑↓]/g, '').replace(/\\s+/g, ' ').trim() + mark;
  };
  const middle = each => each.getBoundingClientRect().top + each.getBoundingClientRect().height / 2;
  const left = each => each.getBoundingClientRect().left;
  const sameLine = (one, other) => Math.abs(middle(one) - middle(other)) < 8;
  const before = (one, other) =>
    sameLine(one, other) ? left(one) - left(other) : middle(one) - middle(other);
  const all = (selector, within) => [...(within || document.querySelector('main')).querySelectorAll(selector)]
    .filter(visible).sort(before);
  const labels = all('label, .label, dt');
  const titled = all('section[aria-labelledby]').filter(each => each.matches('.group, .card'));
  const loose = labels.filter(each => !titled.some(section => section.contains(each)));
  return {
    heading: all('h1').map(words).join(),
    tabs: all('.tabs li').map(words),
    buttons: all('button, a.button').filter(each => !each.closest('dd, .value')).map(words),
    columns: all('thead th').map(words).filter(each => each && each !== 'All'),
    fields: [
      ...(loose.length ? [['', loose.map(words)]] : []),
      ...titled.map(each => [words(each.querySelector('h2')), all('label, .label, dt', each).map(words)]),
    ],
  };
}"""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the vendor's, or several of one page, and how to open it.

    Names are separated by ``|``. One with ``-`` is on the picture alone, one with ``+`` on the page alone; each is the
    simulator's own, or a row of docs/fidelity.md with that picture names it.
    """

    file: str
    open: Opening
    heading: str
    tabs: str = ""
    buttons: str = ""
    columns: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    """By the title of their section; empty for those without one."""

    def __str__(self) -> str:
        return self.file


def names(listed: str, *, ours: bool = True) -> list[str]:
    """Return the names that the page has, without the simulator's own unless ``ours``."""
    own = [each for each in listed.split("|") if each and not each.startswith("-")]
    return [each.removeprefix("+") for each in own if ours or not each.endswith(OURS)]


def expected(picture: Picture, *, ours: bool = True) -> dict[str, object]:
    """Return what READ should find."""
    sections = [
        (name, listed)
        for title, listed in picture.fields.items()
        for name in (names(title, ours=ours) if title else [""])
    ]
    return {
        "heading": picture.heading,
        "tabs": names(picture.tabs),
        "buttons": names(picture.buttons),
        "columns": names(picture.columns, ours=ours),
        "fields": [[name, names(listed, ours=ours)] for name, listed in sections],
    }


def differences(picture: Picture) -> list[str]:
    """Return what page or picture have alone, without what has the mark Simulator only."""
    listed = "|".join([picture.tabs, picture.buttons, picture.columns, *picture.fields, *picture.fields.values()])
    return [
        each[1:].removesuffix(" *") for each in listed.split("|") if each[:1] in {*"+-"} and not each.endswith(OURS)
    ]


def at(path: str) -> Opening:
    """Open a page of a console that has been set up."""

    async def opened(site: Site, page: Page) -> None:
        await site.set_up()
        await page.goto(path)

    return opened


def item(path: str, name: str) -> Opening:
    """Open an item from its list."""

    async def opened(site: Site, page: Page) -> None:
        await at(path)(site, page)
        await page.get_by_role("link", name=name, exact=True).click()

    return opened


async def process(site: Site, page: Page) -> None:
    """Open a new approval process with a server."""
    await site.set_up()
    await site.admin("POST", "/approval-processes", {"name": PROCESS, "server": "ServiceNow"})
    await page.goto(PROCESSES)
    await page.get_by_role("link", name=PROCESS).click()


async def active_policy(site: Site, page: Page) -> None:
    """Open a policy that asks."""
    await site.admin(
        "POST", "/policies", {"name": "HelpDesk", "approval_type": "Default Execute Application Request Type"}
    )
    await page.goto(POLICIES)
    await page.get_by_role("link", name="HelpDesk", exact=True).click()


async def saved_server(site: Site, page: Page) -> None:
    """Open a server with nothing to save."""
    await site.set_up(use_webhook=False)
    await page.goto(SERVER)


async def changed_server(site: Site, page: Page) -> None:
    """Change the description of a server."""
    await saved_server(site, page)
    await page.get_by_label("Description").fill("New ServiceNow Server")


async def server_with_webhook(site: Site, page: Page) -> None:
    """Tick Use Webhook."""
    await saved_server(site, page)
    await page.get_by_label("Use Webhook").check()


async def unfolded(site: Site, page: Page) -> None:
    """Unfold a request of the manual process."""
    await site.ask(UserReason="This is not for work, but I want it.")
    await page.goto(APPROVALS)
    await page.locator(".expand summary").click()


async def approving(site: Site, page: Page) -> None:
    """Approve a request, and be asked for how long."""
    await unfolded(site, page)
    await page.locator(".more").get_by_role("button", name="Approve").click()


async def members(site: Site, page: Page) -> None:
    """Edit a role that one of two users has."""
    await site.set_up()
    await site.admin(
        "POST", "/api-users", {"display_name": "jdoe", "roles": ["Privilege Manager Users"], "credential": "jdoe"}
    )
    await page.goto(f"{ROLES}/role/members?name=Privilege+Manager+Users")


async def changed_members(site: Site, page: Page) -> None:
    """Add a user to a role."""
    await site.set_up()
    await page.goto(f"{ROLES}/role/members?name=Privilege+Manager+Windows+Administrators")
    await page.get_by_role("button", name="Add API User").click()
    await page.get_by_role("button", name="Update").click()


TABS = "General|Discovery|Reputation|Credentials|Foreign Systems|Advanced|Authentication|Messaging|Change History"
"""Of Configuration, as on the newest picture, webhook-3.png; the others lack Messaging."""
TITLE = "Configuration"
SERVER_DETAILS = {"Foreign System Details": "Name|Description|Type"}
REGISTRATION = {f"+Registration with ServiceNow App{OURS}": "Webhook|Instance Id|ActivityType Id"}
WINDOWS = "Privilege Manager Windows Administrators"
DEFAULT_TYPE = "Default Execute Application Request Type"
FORM_ACTION = "Approval Request (with ServiceNow Request Item Number) Form Action"
PROCESS = "New ServiceNow Approval Process"
WEBHOOK = "New Webhook for ServiceNow setting"
REQUEST = "User Reason|File Path|Computer"
OURS_OF_A_REQUEST = "|".join(f"+{each}{OURS}" for each in ("Approval process", "Request Id"))
PICTURES = (
    Picture(
        "api-user.png",
        at(API_CLIENT),
        "API User Created On Jan 5, 2026",
        "Details|Related Items|Change History",
        "Refresh|More|Reset Secret",
        fields={
            "": "Active",
            "User Details": f"Display Name|Client Id|Secret|Expires|+Expires at (UTC){OURS}|Locked Out",
        },
    ),
    Picture(
        "t1_user.png",
        at(USERS),
        "Users",
        buttons="Search|Create",
        columns="Name|Description|Last Modified By|Last Modified|Type",
    ),
    Picture(
        "select-user-type.png",
        at(f"{USERS}/create"),
        "Select a User Type",
        buttons="Cancel|Create",
        fields={"": "User Type"},
    ),
    Picture(
        "config-roles.png",
        at(ROLES),
        "Roles",
        buttons="Search|Create",
        columns=f"Name|Description|Last Modified By|Last Modified|+Approve Approval Requests{OURS}",
    ),
    Picture(
        "roles.png",
        at(ROLES),
        "Roles",
        buttons="Search|-New|+Create",
        columns=f"Name|Description|Last Modified By|Last Modified|+Approve Approval Requests{OURS}",
    ),
    Picture(
        "role-edit.png",
        item(ROLES, WINDOWS),
        WINDOWS,
        "Membership|Change History",
        "Refresh|More",
        fields={"Membership": "Windows Administrators Role Members"},
    ),
    Picture(
        "assign-user.png",
        members,
        "Privilege Manager Users: members",
        buttons="Search|Search|API User Created On Jan 5, 2026|Add|jdoe|Remove|Cancel|Update",
    ),
    Picture(
        "save.png",
        changed_members,
        WINDOWS,
        buttons="Cancel|Save Changes",
        fields={"Membership": "Windows Administrators Role Members"},
    ),
    Picture(
        "webhook-1.png",
        changed_server,
        "ServiceNow",
        buttons="Cancel|Save Changes",
        fields=SERVER_DETAILS | {"Settings": "Credential|Base URL|Use Webhook"} | REGISTRATION,
    ),
    Picture(
        "webhook-2.png",
        server_with_webhook,
        "ServiceNow",
        buttons="Cancel|Save Changes",
        fields=SERVER_DETAILS
        | {
            "Settings": "Credential|Base URL|Use Webhook|API Credential|Privilege Manager Post Uri"
            f"|+API Endpoint of this console{OURS}"
        }
        | REGISTRATION,
    ),
    Picture(
        "fs_link_credentials.png",
        saved_server,
        "ServiceNow",
        "Configuration|Change History",
        "Refresh|More",
        fields={
            "Foreign System Details": "Name|Description|+Type",
            "Settings": "Credential|-URL|+Base URL|+Use Webhook",
        }
        | REGISTRATION,
    ),
    Picture("fs_servicenow.png", at(SYSTEMS), TITLE, TABS, "Search", "Name|Count"),
    Picture(
        "webhook-3.png", at(MESSAGING), TITLE, TABS, "Search|Create", "Name|Description|Last Modified By|Last Modified"
    ),
    Picture(
        "webhook-4.png",
        item(MESSAGING, WEBHOOK),
        WEBHOOK,
        "Details|Change History",
        "Refresh|More",
        fields={"Details": "Name|Description|Type", "Settings": "Webhook Event|Credential|Endpoint URL|Enabled"},
    ),
    Picture(
        "config-credentials.png",
        at(CREDENTIALS),
        TITLE,
        TABS,
        "Search|Create",
        "Name|Description|Last Modified By|Last Modified On",
    ),
    Picture(
        "new-cred.png",
        at(f"{CREDENTIALS}/create"),
        "New User Credential",
        "Credential|Change History",
        "Refresh|More",
        fields={"Details": "Name|Description|+Type", "Settings": "Account Name|Password"},
    ),
    Picture(
        "general.png",
        at(f"{CONFIGURATION}/general"),
        TITLE,
        TABS,
        fields=dict.fromkeys(("Policy Targeting", "Approval Types", "Approval Processes", "Maintenance Settings"), ""),
    ),
    Picture("api.png", at(ADVANCED), TITLE, TABS, fields={"API Settings": "-Enable API *|+API Enabled"}),
    Picture(
        "action_new.png",
        at(f"{PROCESSES}/create"),
        "New",
        buttons="Cancel|Create",
        fields={"": "Template|Name *|Description"},
    ),
    Picture(
        "action_addserver.png",
        process,
        PROCESS,
        "Details|Change History",
        "Refresh|More",
        fields={
            "Service Now Approval Process Details": f"Name|Description|+Template{OURS}",
            "Settings": "ServiceNow Server *|Check request status every *|Timeout after *",
        },
    ),
    Picture("action_type.png", at(TYPES), "Tasks", "Tasks|Automation", "Search|Create|Export", "Name"),
    Picture(
        "action_type2.png",
        item(TYPES, DEFAULT_TYPE),
        DEFAULT_TYPE,
        "Details|Change History",
        "+Duplicate|Refresh|More",
        fields={
            "Approval Process Details": "Name|Description",
            "Settings": "",
            "Characteristics": "Policy Specific|File Specific",
            "Options": "Security Rating System(s)|Process Handler",
        },
    ),
    Picture(
        "appr_req_form_action.png",
        at(ACTIONS),
        "Actions",
        buttons="Search|Add Action",
        columns="Name|Description|Type",
    ),
    Picture(
        "new_req_form_action.png",
        item(ACTIONS, FORM_ACTION),
        FORM_ACTION,
        "Details|Related Items|Change History",
        "Duplicate|More",
        fields={
            "Action Details": "Name|Description",
            "Settings": "Require authentication|Approval Type",
            "Window Design": "",
        },
    ),
    Picture(
        "app-pol-1.png",
        at(POLICIES),
        "Application Policies",
        buttons="Search|Create Policy",
        columns="+Name|+Description|+Approval Type|+Active",
    ),
    Picture(
        "blank.png",
        at(f"{POLICIES}/create"),
        "Name this policy",
        buttons="-Previous Step|+Cancel|Create Policy",
        fields={"": "Name *|Description|-Priority *|+Approval action"},
    ),
    Picture(
        "helpdesk-1.png",
        active_policy,
        "HelpDesk",
        "General|Policy Events|Change History",
        "Refresh|More",
        fields={
            "": "-Inactive|+Active",
            "Policy Details": "Computer Groups Targeted|Deployment|Last Modified|Priority *|+Name|Description",
            "Conditions": "Applications Targeted|Inclusions|Exclusions",
            "Actions": "Actions|Child Actions|Audit Policy Events|+Approval action|+Approval Type",
        },
    ),
    Picture(
        "approvals.png manage-appr.png manage-appr-2.png",
        unfolded,
        "Manage Approvals",
        buttons="Refresh|Approve|Deny|Search|Approve|Deny",
        columns="Policy|User|User Reason|Requested",
        fields={"": f"{REQUEST}|{OURS_OF_A_REQUEST}"},
    ),
    Picture("manage-appr-3.png", approving, "Confirm Approval", buttons="Cancel|Approve", fields={"": "One Time|For:"}),
)


@pytest.mark.long
@pytest.mark.parametrize("picture", PICTURES, ids=str)
async def test_page_is_as_on_its_picture(site: Site, page: Page, picture: Picture) -> None:
    """In the order in which they are seen: from top to bottom, and from left to right."""
    await picture.open(site, page)
    assert await page.evaluate(READ, OURS) == expected(picture)


@pytest.mark.long
@pytest.mark.parametrize("settings", [Settings(documented_only=True)], ids=[""])
@pytest.mark.parametrize("picture", [each for each in PICTURES if OURS in repr(each)], ids=str)
async def test_documented_page_has_nothing_of_ours(site: Site, page: Page, picture: Picture) -> None:
    """With --documented-only a page lacks what has the mark Simulator only, and nothing else."""
    await picture.open(site, page)
    assert await page.evaluate(READ, OURS) == expected(picture, ours=False)


@pytest.mark.parametrize("picture", PICTURES, ids=str)
async def test_differences_from_pictures_are_documented(picture: Picture) -> None:
    """A row with that picture names each."""
    rows = "".join(line for line in FIDELITY.splitlines() if pictures_of(line) & {*str(picture).split()}).lower()
    assert [each for each in differences(picture) if each.lower() not in rows] == []


async def test_every_picture_of_the_documents_is_compared() -> None:
    """Those that the rows about the console's pages cite."""
    section = FIDELITY.partition("## The console's pages, picture by picture")[2].partition("\n## ")[0]
    cited = set[str]().union(*(pictures_of(line.split(" | ")[0]) for line in section.splitlines()))
    assert cited - {file for each in PICTURES for file in str(each).split()} == set()


def pictures_of(line: str) -> set[str]:
    """Return the pictures that a line of the page about fidelity names."""
    return {*re.findall(r"[\w-]+\.png", line)}
