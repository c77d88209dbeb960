"""The documented procedure "Setting up a ServiceNow Webhook Connection", clicked through step by step."""

from collections.abc import Awaitable, Callable

import pytest

from tests.browser import Page, expect

from .automation import create_policy, create_process, select_process
from .conftest import Products
from .gallery import Gallery
from .instance import log_in

pytestmark = pytest.mark.asyncio(loop_scope="session")
TITLE = "Setting up a ServiceNow Webhook Connection"
API_CREDENTIAL = "API Credential for ServiceNow"
SERVICENOW_CREDENTIAL = "ServiceNow user"
SYSTEM = "ServiceNow dev instance"
WEBHOOK = f"New Webhook for {SYSTEM} setting"
POLICY = "Elevate <installers> & updaters"
PROCESS = "ServiceNow approvals"
Shoot = Callable[[Page, str], Awaitable[None]]


class Procedure:
    """The steps of the document, each with a screenshot."""

    def __init__(self, products: Products, shoot: Shoot) -> None:
        self._products = products
        self._console = products.console
        self._servicenow = products.servicenow
        self._shoot = shoot
        self._client_id = ""
        self._secret = ""

    async def establish_foreign_system(self) -> None:
        """Create the foreign system and enable the API, which the document presupposes."""
        page = self._console
        await page.goto("/")
        await page.get_by_role("link", name="Configuration", exact=True).click()
        await page.get_by_role("link", name="Advanced").click()
        await page.get_by_label("API Enabled").check()
        await page.get_by_role("button", name="Save Changes").click()
        await expect(page.get_by_role("status")).to_contain_text("Changes saved")
        await self._shoot(page, "Admin | Configuration | Advanced: API Enabled")
        await self._create_credential(SERVICENOW_CREDENTIAL, "privman.integration", "admin")
        await page.get_by_role("link", name="Foreign Systems").click()
        await page.get_by_role("link", name="ServiceNow", exact=True).click()
        await page.get_by_role("link", name="Create").click()
        await page.get_by_label("Name", exact=True).fill(SYSTEM)
        await page.get_by_label("Base URL").fill(f"{self._products.servicenow_url}/")
        await page.get_by_role("button", name="Create").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(SYSTEM)
        await page.get_by_label("Credential", exact=True).select_option(SERVICENOW_CREDENTIAL)
        await page.get_by_role("button", name="Save Changes").click()
        await expect(page.get_by_role("status")).to_contain_text("Changes saved")
        await self._shoot(page, "You have your foreign system established in the Privilege Manager Console")

    async def create_api_client_user(self) -> None:
        """Create an API Client User, copy the Client Id and Secret, and add a role."""
        page = self._console
        await page.get_by_role("link", name="Users").click()
        await page.get_by_role("link", name="Create").click()
        await page.get_by_label("User Type").select_option("API Client")
        await page.get_by_role("button", name="Create").click()
        self._client_id = await page.locator("#client-id").inner_text()
        self._secret = await page.locator("#secret").inner_text()
        await self._shoot(page, "Create an API Client User. Copy the Client Id and Secret for the credential")
        name = await page.get_by_label("Display Name").input_value()
        await page.get_by_role("link", name="here").click()
        await page.get_by_role("link", name="Privilege Manager Administrators").click()
        await page.get_by_role("link", name="Edit").click()
        await page.get_by_role("button", name=f"Add {name}").click()
        await page.get_by_role("button", name="Update").click()
        await page.get_by_role("button", name="Save Changes").click()
        await expect(page.get_by_role("link", name=name)).to_be_visible()
        await self._shoot(page, "Add Roles to Users")

    async def configure_api_credential(self) -> None:
        """Create the API Credential with Client Id and Secret."""
        await self._create_credential(API_CREDENTIAL, self._client_id, self._secret)
        await self._shoot(
            self._console,
            "For Account Name enter the Client Id. For Password enter the Secret. Click Save Changes",
        )

    async def configure_webhook(self) -> None:
        """Select Use Webhook on the foreign system, and save."""
        page = self._console
        await page.get_by_role("link", name="Foreign Systems").click()
        await page.get_by_role("link", name="ServiceNow", exact=True).click()
        await page.get_by_role("link", name=SYSTEM).click()
        await page.get_by_label("Use Webhook").check()
        await self._shoot(page, "Select Use Webhook")
        await page.get_by_label("API Credential").select_option(API_CREDENTIAL)
        post_uri = f"{self._products.console_url}/Tms/services/api/v1/approval/approve"
        await expect(page.get_by_label("Privilege Manager Post Uri")).to_have_value("")
        await page.get_by_label("Privilege Manager Post Uri").fill(post_uri)
        await page.get_by_role("button", name="Save Changes").click()
        await expect(page.get_by_role("link", name=WEBHOOK)).to_be_visible()
        await self._shoot(page, "Once the foreign system is saved, a new webhook is created in the background")
        await page.get_by_role("link", name="Server Tasks").click()
        await expect(page.get_by_text(f"Register webhook of '{SYSTEM}' with ServiceNow App").first).to_be_visible()
        await expect(page.get_by_text("Failed")).to_have_count(0)
        await self._shoot(page, "A server task is triggered to register the webhook with the ServiceNow App")

    async def verify_webhook(self) -> None:
        """Find the webhook on the Messaging tab, and its details."""
        page = self._console
        await page.get_by_role("link", name="Configuration", exact=True).click()
        await page.get_by_role("link", name="Messaging").click()
        await expect(page.get_by_role("heading", name="Webhook Configuration")).to_be_visible()
        await self._shoot(page, "Under Webhook Configuration, verify your webhook is listed")
        await page.get_by_role("link", name=WEBHOOK).click()
        await expect(page.get_by_label("Webhook Event")).to_have_value("Approval Request Event")
        url = f"{self._products.servicenow_url}/api/now/table/x_thyti_thycotic_p_request"
        await expect(page.get_by_label("Endpoint URL")).to_have_value(url)
        await self._shoot(page, "From the list of configured webhooks, click on the one you just created")

    async def see_registration(self) -> None:
        """Find the registration and the activity type in the ServiceNow instance."""
        page = self._servicenow
        await self._log_in("privman.admin")
        await page.get_by_role("link", name="Integration Configuration").first.click()
        await page.locator("tbody").get_by_role("row").first.get_by_role("link").first.click()
        await expect(page.get_by_label("Value of Username")).to_have_value(self._client_id)
        await expect(page.get_by_label("Value of Password")).not_to_have_value(self._secret)
        await self._shoot(
            page,
            "The registration request body is visible in the ServiceNow instance on the Integration Configuration tab",
        )
        await page.get_by_role("link", name="Activity types").first.click()
        await page.get_by_role("link", name="PM Approval Request").first.click()
        await expect(page.get_by_label("Valid responses")).to_have_value("Approve,Deny")
        await self._shoot(page, "The Activity type supports two valid responses: Approve, Deny")
        await page.get_by_role("button", name="Log out").click()

    async def define_policy_and_actions(self) -> None:
        """Send the default approval type's requests to ServiceNow, and create a policy that asks."""
        page = self._console
        await create_process(page, PROCESS, SYSTEM)
        await select_process(page, PROCESS)
        await self._shoot(page, "Approval Types: select your ServiceNow Approval Process. Click Save Changes")
        await create_policy(page, POLICY)
        await self._shoot(page, "The new policy has an approval request form action and is Active")

    async def ask(self) -> None:
        """Ask for an approval as an endpoint user, and find the request in ServiceNow."""
        page = self._console
        await page.get_by_role("link", name="Request approval").click()
        await page.get_by_label("Policy *", exact=True).fill(POLICY)
        await page.get_by_label("User", exact=True).fill("CORP\\endpoint-user")
        await page.get_by_label("Reason").fill("Für das Büro")
        await page.get_by_role("button", name="Request approval").click()
        await page.get_by_role("link", name="Manage Approvals").click()
        await expect(page.get_by_label(f"Select {POLICY}")).to_be_visible()
        await self._shoot(page, "Manage Approvals: an approval request is pending, and was sent to ServiceNow")
        await page.get_by_role("link", name="Approval history").click()
        await expect(page.get_by_text("Pending")).to_be_visible()
        await self._log_in("privman.approver")
        await self._servicenow.get_by_role("link", name="Requests").first.click()
        await self._servicenow.locator("tbody").get_by_role("row").first.get_by_role("link").first.click()
        await expect(self._servicenow.get_by_text(POLICY, exact=True)).to_be_visible()
        await self._shoot(self._servicenow, "The request and its metadata in the ServiceNow instance")

    async def decide(self, response: str, state: str) -> None:
        """Decide as the approver; the open page of the console shows it."""
        page = self._servicenow
        await page.get_by_label("Comment").first.fill("As discussed")
        await page.get_by_role("button", name=response, exact=True).click()
        await expect(page.get_by_role("status")).to_have_text("Decision recorded")
        await self._shoot(page, f"{response} the request")
        await expect(self._console.get_by_text(state, exact=True)).to_be_visible()
        await self._console.locator(".history .summary").click()
        await expect(self._console.get_by_text("As discussed")).to_be_visible()
        await self._shoot(self._console, f"Approval history: the request is {state}")
        await page.get_by_role("link", name="Responses", exact=True).first.click()
        await expect(page.get_by_role("cell", name="200", exact=True)).to_be_visible()
        await page.locator("tbody").get_by_role("row").first.get_by_role("link").first.click()
        await expect(page.get_by_role("main")).to_contain_text("Response status code")
        await self._shoot(page, "The response that was delivered to the Privilege Manager Post Uri")

    async def look_into_the_cockpit(self) -> None:
        """Open the page of the request in the cockpit of the console."""
        page = self._console
        await page.get_by_role("link", name="Tester's cockpit").click()
        await page.get_by_role("link", name="Approvals").click()
        await page.get_by_role("main").get_by_role("link").first.click()
        await expect(page.get_by_role("heading", name="Why is it like this?").first).to_be_visible()
        await self._shoot(page, "Tester's cockpit: the approval request at both parties, its time line and sequence")

    async def _create_credential(self, name: str, account_name: str, password: str) -> None:
        page = self._console
        await page.get_by_role("link", name="Configuration", exact=True).click()
        await page.get_by_role("link", name="Credentials").click()
        await page.get_by_role("link", name="Create").click()
        await page.get_by_label("Name", exact=True).fill(name)
        await page.get_by_label("Account Name").fill(account_name)
        await page.get_by_text("Edit", exact=True).click()
        await page.get_by_label("Password").fill(password)
        await page.get_by_role("button", name="Save Changes").click()
        await expect(page.get_by_role("link", name=name)).to_be_visible()

    async def _log_in(self, user_name: str) -> None:
        await log_in(self._servicenow, user_name)


@pytest.mark.long
@pytest.mark.parametrize(("response", "state"), [("Approve", "Approved"), ("Deny", "Denied")])
async def test_documented_procedure(products: Products, gallery: Gallery, response: str, state: str) -> None:
    """From an empty console to a decided request, every step of the documentation works as written."""
    story = f"{TITLE}: a request is {state}"

    async def shoot(page: Page, step: str) -> None:
        await gallery.take(page, story, step)

    procedure = Procedure(products, shoot)
    await procedure.establish_foreign_system()
    await procedure.create_api_client_user()
    await procedure.configure_api_credential()
    await procedure.configure_webhook()
    await procedure.verify_webhook()
    await procedure.see_registration()
    await procedure.define_policy_and_actions()
    await procedure.ask()
    await procedure.decide(response, state)
    await procedure.look_into_the_cockpit()
    page = gallery.write()
    taken = [picture for picture in gallery.pictures if picture.story == story]
    assert len(taken) == 20
    assert [picture.step for picture in taken if f'<img src="{picture.file}" alt=' not in page] == []
