"""The steps of "Define Policy and Actions", which both procedures have."""

from tests.browser import Page, expect

DEFAULT_TYPE = "Default Execute Application Request Type"


async def create_process(page: Page, name: str, server: str) -> None:
    """Create an approval process; its ServiceNow Server is empty at first."""
    await page.get_by_role("link", name="Tasks", exact=True).first.click()
    await page.get_by_role("link", name="Automation").click()
    await page.get_by_role("link", name="Approval Processes").click()
    await page.get_by_role("link", name="Create").click()
    await page.get_by_label("Name *").fill(name)
    await page.get_by_label("Description").fill("Decided in ServiceNow")
    await page.get_by_role("button", name="Create").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(name)
    await expect(page.get_by_label("ServiceNow Server")).to_have_value("")
    await page.get_by_label("ServiceNow Server").select_option(server)
    await page.get_by_role("button", name="Save Changes").click()
    await expect(page.get_by_role("status")).to_contain_text("Changes saved")


async def select_process(page: Page, name: str) -> None:
    """Select the process in the default approval type."""
    await page.get_by_role("link", name="Tasks", exact=True).first.click()
    await page.get_by_role("link", name="Automation").click()
    await page.get_by_role("link", name="Approval Types").click()
    await page.get_by_role("link", name=DEFAULT_TYPE).click()
    await page.get_by_label("Process Handler").select_option(name)
    await page.get_by_role("button", name="Save Changes").click()
    await expect(page.get_by_label("Process Handler")).to_have_value(name)


async def create_policy(page: Page, name: str, action: str = "Approval Request Form Action") -> None:
    """Create a policy with an approval action, and set the switch to Active."""
    await page.get_by_role("link", name="Application Policies").first.click()
    await page.get_by_role("link", name="Create Policy").click()
    await page.get_by_label("Name *").fill(name)
    await page.get_by_label("Approval action").select_option(action)
    await page.get_by_role("button", name="Create Policy").click()
    await page.get_by_label("Active").check()
    await page.get_by_role("button", name="Save Changes").click()
    await expect(page.get_by_role("status")).to_contain_text("Changes saved")
