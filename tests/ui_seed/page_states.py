"""States of pages that no link leads to: open dialogs, refused forms and refusals, each a picture of the gallery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .gallery import Gallery

if TYPE_CHECKING:
    from tests.browser import Page

OPENERS = "details.menu > summary, [popovertarget]:not([popovertargetaction])"
SCOPE = "x_thyti_thycotic_p_"


@dataclass(frozen=True, slots=True)
class PageState:
    """A form that is refused, or a page that says what is wrong.

    Attributes:
        sentence: below the picture.
        first_link: whether to follow the first link of the page's table.
        values: to fill in, by label.
        button: to press; empty for none.
    """

    sentence: str
    path: str
    first_link: bool = False
    values: Mapping[str, str] = field(default_factory=dict)
    button: str = ""

    async def reach(self, page: "Page") -> None:
        """Open the page and bring it into the state."""
        await page.goto(self.path)
        if self.first_link:
            await page.locator("tbody").get_by_role("link").first.click()
        for label, text in self.values.items():
            await page.get_by_label(label, exact=True).first.fill(text)
        if self.button:
            await page.get_by_role("button", name=self.button, exact=True).first.click()
            await page.wait_for_load_state()


SERVICENOW = (
    PageState("Wrong password", "/login.do", values={"User name": "admin", "Password": "x"}, button="Log in"),
    PageState("Blank mandatory fields", f"/{SCOPE}activity_type.do?sys_id=-1", button="Submit"),
    PageState(
        "Invalid duration of a decision",
        f"/{SCOPE}request_list.do",
        first_link=True,
        values={"Hours": "soon"},
        button="Approve",
    ),
    PageState("Condition that is ignored", "/incident_list.do?sysparm_query=nonsense=1"),
    PageState("No record matches", "/incident_list.do?sysparm_query=number=none"),
    PageState("Row beyond the last", "/sys_user_list.do?sysparm_first_row=9000"),
    PageState("Unknown table", "/no_table_list.do"),
    PageState("Unknown record", "/incident.do?sys_id=none"),
)
CONSOLE = (
    PageState("No user type", "/admin/users/create", button="Create"),
    PageState(
        "Credential without a name",
        "/admin/configuration/credentials/create",
        values={"Name": ""},
        button="Save Changes",
    ),
    PageState(
        "Invalid Base URL",
        "/admin/configuration/foreign-systems/servicenow/create",
        values={"Name": "Dev", "Base URL": "dev1"},
        button="Create",
    ),
    PageState(
        "Approval process without a name",
        "/admin/tasks/automation/approval-processes/create",
        values={"Name *": ""},
        button="Create",
    ),
    PageState("Approval type without a name", "/admin/tasks/automation/approval-types/create", button="Create"),
    PageState("Policy without a name", "/application-policies/create", button="Create Policy"),
    PageState("Request without a policy", "/endpoint", button="Request approval"),
    PageState("Nothing matches the search", "/manage-approvals?search=nothing+matches"),
)
COCKPIT = (
    PageState("Unknown word of a search", "/__cockpit?find=metod:POST"),
    PageState("Nothing matches the search", "/__cockpit?find=method:BREW"),
    PageState(
        "Invalid fault",
        "/__cockpit/faults?status=401&method=POST&path=*/logon/token",
        values={"Requests to let pass first": "soon"},
        button="Arm",
    ),
    PageState("Exchange that is not kept", "/__cockpit/exchanges/servicenow-99999"),
    PageState("Unknown request", "/__cockpit/requests/00000000-0000-0000-0000-000000000000"),
)


async def take_states(gallery: Gallery, page: "Page", story: str, states: Sequence[PageState]) -> None:
    """Take a picture of each state."""
    for state in states:
        await state.reach(page)
        await gallery.take(page, story, f"{state.sentence} ({state.path})")


async def take_dialogs(gallery: Gallery, page: "Page", story: str, seen: set[str]) -> None:
    """Open each menu and dialog of the page whose name was not seen yet, and take a picture."""
    path = page.url
    for opener in await page.locator(OPENERS).all():
        name = ((await opener.text_content()) or "").strip()
        name = "Preview" if name.startswith("Preview ") else name
        if name in seen or not await opener.is_visible():
            continue
        seen.add(name)
        await opener.click()
        await gallery.take(page, story, f"Opened: {name} ({await page.title()})")
        await page.goto(path)
