"""Today's documentation, clicked through from an empty console to a decided approval."""

import pytest

from tests.browser import expect

from .automation import create_policy, create_process, select_process
from .conftest import Products
from .gallery import Gallery
from .instance import open_request

pytestmark = pytest.mark.asyncio(loop_scope="session")
TITLE = "Webhook-based setup, in the words of today's documentation"
API_CREDENTIAL = "API user credentials"
ADMIN_CREDENTIAL = "ServiceNow admin credentials"
SERVER = "ServiceNow server"
PROCESS = "New ServiceNow Approval Process"
ACTION = "ServiceNow Approval Request Form Action"
POLICY = "Elevate requiring approval"


class CurrentProcedure:
    """The steps of the pages "webhook-based setup" and "Privilege Manager ServiceNow Configuration"."""

    def __init__(self, products: Products, gallery: Gallery) -> None:
        self._products = products
        self._console = products.console
        self._gallery = gallery
        self._client_id = ""
        self._secret = ""

    async def enable_api(self) -> None:
        """Enable the API, which the steps presuppose."""
        page = self._console
        await page.goto("/admin/configuration/advanced")
        await page.get_by_label("API Enabled").check()
        await page.get_by_role("button", name="Save Changes").click()

    async def create_api_user(self) -> None:
        """Step 1: User Type API Client, copy the Client ID and Secret value, select Create; then a role."""
        page = self._console
        await page.get_by_role("link", name="Users").click()
        await page.get_by_role("link", name="Create").click()
        await page.get_by_label("User Type").select_option("API Client")
        self._client_id = await page.locator("#client-id").inner_text()
        self._secret = await page.locator("#secret").inner_text()
        await self._shoot("Step 1: Copy the Client ID and Secret value. Select Create")
        await page.get_by_role("button", name="Create").click()
        name = await page.get_by_label("Display Name").input_value()
        await page.get_by_role("link", name="here").click()
        await page.get_by_role("link", name="Privilege Manager Helpdesk Users").click()
        await page.get_by_role("link", name="Edit").click()
        await page.get_by_role("button", name=f"Add {name}").click()
        await page.get_by_role("button", name="Update").click()
        await page.get_by_role("button", name="Save Changes").click()
        await expect(page.get_by_role("status")).to_contain_text("Changes saved")

    async def create_credentials(self) -> None:
        """Steps 2 and 3: Password, Edit, enter it, Save Password, then Save."""
        await self._create_credential(API_CREDENTIAL, self._client_id, self._secret)
        await self._shoot("Step 2: Account Name is the Client ID. Select Save Password and then Save")
        await self._create_credential(ADMIN_CREDENTIAL, "privman.integration", "admin")

    async def _create_credential(self, name: str, account_name: str, password: str) -> None:
        page = self._console
        await page.get_by_role("link", name="Configuration", exact=True).click()
        await page.get_by_role("link", name="Credentials", exact=True).click()
        await page.get_by_role("link", name="Create").click()
        await page.get_by_label("Name", exact=True).fill(name)
        await page.get_by_label("Description").fill("For ServiceNow")
        await page.get_by_label("Account Name").fill(account_name)
        await page.get_by_text("Edit", exact=True).click()
        await page.get_by_label("Password").fill(password)
        await page.get_by_role("button", name="Save Password").click()
        await expect(page.get_by_text("A password is set")).to_be_visible()
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("link", name=name)).to_be_visible()

    async def configure_webhook(self) -> None:
        """Step 4: the ServiceNow link, Create, the page New, then the server's page."""
        page = self._console
        await page.get_by_role("link", name="Foreign Systems").click()
        await page.get_by_role("link", name="ServiceNow", exact=True).click()
        await page.get_by_role("link", name="Create").click()
        await expect(page.get_by_role("heading", name="New", exact=True)).to_be_visible()
        await page.get_by_label("Name").fill(SERVER)
        await page.get_by_label("Base URL").fill(f"{self._products.servicenow_url}/")
        await self._shoot("Step 4: The New page opens. Enter Name and Base URL. Select Create to proceed")
        await page.get_by_role("button", name="Create").click()
        details = page.get_by_role("region", name="Foreign System Details")
        await details.get_by_label("Name").fill(SERVER)
        await details.get_by_label("Description").fill("Our instance")
        settings = page.get_by_role("region", name="Settings")
        await settings.get_by_label("Credential", exact=True).select_option(ADMIN_CREDENTIAL)
        await settings.get_by_label("Use Webhook").check()
        await settings.get_by_label("API Credential").select_option(API_CREDENTIAL)
        post_uri = f"{self._products.console_url}/Tms/services/api/v1/approval/approve"
        await settings.get_by_label("Privilege Manager Post Uri").fill(post_uri)
        await self._shoot("Foreign System Details and Settings of the ServiceNow server")
        await page.get_by_role("button", name="Save Changes").click()
        await expect(page.get_by_role("status")).to_contain_text("Changes saved")

    async def define_policies_and_actions(self) -> None:
        """Approval process, approval type, a duplicated action, and a policy with it."""
        page = self._console
        await create_process(page, PROCESS, SERVER)
        await self._shoot("Under the Settings, specify your ServiceNow Server, select Save Changes")
        await select_process(page, PROCESS)
        await page.get_by_role("link", name="Actions").first.click()
        name = "Approval Request (with ServiceNow Request Item Number) Form Action"
        await page.get_by_role("link", name=name).click()
        await page.get_by_role("link", name="Duplicate").click()
        await page.get_by_label("Name *").fill(ACTION)
        await page.get_by_role("button", name="Create").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(ACTION)
        await create_policy(page, POLICY, ACTION)
        await self._shoot("The policy has the new action and is Active")

    async def ask(self) -> None:
        """Start the application; again, while the request is pending."""
        page = self._console
        await page.get_by_role("link", name="Request approval").click()
        await page.get_by_label("Policy *", exact=True).fill(POLICY)
        await page.get_by_label("User", exact=True).fill("Endpoint user")
        await page.get_by_label("Computer").fill("0433-vm-catalina")
        await page.get_by_label("File path").fill("/usr/local/bin/rg")
        await page.get_by_label("Reason").fill("Testing rg command")
        for outcome in ("Approval requested", "Status pending"):
            await page.get_by_role("button", name="Request approval").click()
            await expect(page.get_by_role("status")).to_contain_text(outcome)

    async def approve_in_servicenow(self) -> None:
        """Approve the request in the instance, and run the application once."""
        page = self._products.servicenow
        await open_request(page)
        await expect(page.get_by_text(POLICY, exact=True)).to_be_visible()
        await page.get_by_role("button", name="Approve", exact=True).click()
        await expect(page.get_by_role("status")).to_have_text("Decision recorded")
        await page.get_by_role("link", name="Responses", exact=True).first.click()
        await expect(page.get_by_role("cell", name="200", exact=True)).to_be_visible()
        await self._console.get_by_role("button", name="Request approval").click()
        await expect(self._console.get_by_role("status")).to_contain_text("Allowed")
        await self._shoot("The application may run")

    async def approve_in_the_console(self) -> None:
        """Approve in Manage Approvals, One Time."""
        page = self._console
        await page.get_by_role("button", name="Request approval").click()
        await expect(page.get_by_role("status")).to_contain_text("Approval requested")
        await page.get_by_role("link", name="Manage Approvals").click()
        await page.locator("summary").click()
        await self._shoot("Expand the approval you want to either approve or deny")
        await page.get_by_role("button", name=f"Approve {POLICY}").click()
        await expect(page.get_by_label("One Time")).to_be_checked()
        await self._shoot("Confirm Approval")
        await page.get_by_role("button", name="Approve").click()
        await page.get_by_role("link", name="Refresh").click()
        await expect(page.get_by_text("No requests are awaiting approval")).to_be_visible()

    async def _shoot(self, step: str) -> None:
        await self._gallery.take(self._console, TITLE, step)


@pytest.mark.long
async def test_current_documentation(products: Products, gallery: Gallery) -> None:
    """From an empty console to a decided approval, every step of today's pages works as written."""
    procedure = CurrentProcedure(products, gallery)
    await procedure.enable_api()
    await procedure.create_api_user()
    await procedure.create_credentials()
    await procedure.configure_webhook()
    await procedure.define_policies_and_actions()
    await procedure.ask()
    await procedure.approve_in_servicenow()
    await procedure.approve_in_the_console()
    assert len([picture for picture in gallery.pictures if picture.story == TITLE]) == 9
