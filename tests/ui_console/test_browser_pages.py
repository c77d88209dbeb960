"""Every page: usable by keyboard, without script, on any screen, and clean for axe (WCAG 2.2 AA)."""

import pytest

from tests.browser import Chromium, Page, complaints, expect, misfits, tab_to
from tests.page_walk import shown_pages

from .conftest import (
    ACTIONS,
    ADVANCED,
    API_CLIENT,
    APPROVALS,
    CREDENTIALS,
    DECIDE,
    ENDPOINT,
    HISTORY,
    MESSAGING,
    POLICIES,
    PROCESSES,
    ROLES,
    SERVER,
    SERVERS,
    TYPES,
    USERS,
    Site,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")
HOSTILE = "<script>document.title='taken'</script><img src=x onerror=alert(1)>"
ITEMS = (
    (CREDENTIALS, "ServiceNow user"),
    (MESSAGING, "New Webhook for ServiceNow setting"),
    (PROCESSES, "ServiceNow Approval Process"),
    (PROCESSES, "Default Manual Approval Process"),
    (TYPES, "Default Execute Application Request Type"),
    (ACTIONS, "Approval Request Form Action"),
    (ACTIONS, "Ours Form Action"),
    (POLICIES, "Elevate installers"),
    (POLICIES, "Elevate Privilege Manager Remove Programs Utility Policy"),
)
"""An item of each kind, by its list and its name."""


async def items(site: Site) -> list[str]:
    """Return the address of the page of each item, and of the form that duplicates one."""
    await site.admin("POST", "/approval-types", {"name": "Ours"})
    await site.admin("POST", "/policies", {"name": "Asking", "approval_type": "Ours"})
    pages = [await site.person.open(path, name) for path, name in ITEMS]
    return [
        *(page.address for page in pages),
        *(page.links["Duplicate"] for page in pages if "Duplicate" in page.links),
    ]


@pytest.mark.long
async def test_every_page_passes_axe_and_fits(site: Site, page: Page) -> None:
    """Labels, names, contrast and layout are fine in light and dark mode, on a phone and on a wide screen."""
    await site.set_up()
    await site.ask(UserReason="W" * 200)
    denied = await site.ask(FilePath="/1")
    await site.admin("POST", f"/approval-requests/{denied}/decide", {"response": "Deny"})
    approved = await site.ask(FilePath="/2")
    await site.admin("POST", f"/approval-requests/{approved}/decide", {"response": "Approve", "duration": "02:00:00"})
    pending = await site.ask(FilePath="/3", UserReason="W" * 200)
    more = [*await items(site), f"{DECIDE}?request={pending}"]
    await site.set_up(servicenow_url="http://127.0.0.1:9")
    pages = [path for path in shown_pages(site.app) if not path.endswith((".css", ".yaml", ".har"))]
    assert await misfits(page, [*pages, *more]) == []


@pytest.mark.long
async def test_answers_to_forms_pass_axe(site: Site, page: Page) -> None:
    """The pages that only a form leads to are as clean as the others."""
    await site.set_up()
    await site.ask()
    await page.goto(APPROVALS)
    await page.get_by_label("Select").check()
    await page.get_by_role("button", name="Approve", exact=True).first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Confirm Approval")
    assert await complaints(page) == []
    await page.goto(f"{USERS}/create")
    await expect(page.locator("#secret")).to_be_hidden()
    await page.get_by_label("User Type").select_option("API Client")
    await expect(page.locator("#secret")).to_be_visible()
    assert await complaints(page) == []
    await page.get_by_role("button", name="Create").click()
    await expect(page.locator("#secret")).to_be_visible()
    assert await complaints(page) == []
    await page.goto(ENDPOINT)
    await page.get_by_label("Policy *", exact=True).fill("Elevate installers")
    await page.get_by_label("Reason").fill("work")
    await page.get_by_role("button", name="Request approval").click()
    await expect(page.get_by_role("status")).to_contain_text("Approval requested")
    assert await complaints(page) == []


@pytest.mark.long
async def test_back_posts_nothing_again(site: Site, page: Page) -> None:
    """After a Secret, members of a role, an approval and an application that was started."""
    await site.set_up()
    await site.ask()
    await page.goto(f"{USERS}/create")
    await page.get_by_label("User Type").select_option("API Client")
    await page.get_by_role("button", name="Create").click()
    await expect(page.locator("#secret")).to_be_visible()
    await leave_and_return(page)
    await expect(page.get_by_text("shown only once")).to_be_visible()
    await page.goto(f"{ROLES}/role/members")
    await page.get_by_role("button", name="Add API User").first.click()
    await page.get_by_role("button", name="Update").click()
    await leave_and_return(page)
    await expect(page.get_by_role("button", name="Save Changes")).to_be_visible()
    await page.goto(APPROVALS)
    await page.get_by_label("Select").check()
    await page.get_by_role("button", name="Approve", exact=True).first.click()
    await leave_and_return(page)
    await expect(page.get_by_label("One Time")).to_be_checked()
    await page.goto(ENDPOINT)
    await page.get_by_label("Policy *", exact=True).fill("Elevate installers")
    await page.get_by_label("Reason").fill("work")
    await page.get_by_role("button", name="Request approval").click()
    await expect(page.get_by_role("status")).to_contain_text("Approval requested")
    await leave_and_return(page)
    await expect(page.get_by_label("Reason")).to_be_visible()


@pytest.mark.long
async def test_back_to_a_refused_form_opens_it(site: Site, page: Page) -> None:
    """After the form was corrected, Back leads to the form with what was saved, without the question to post again."""
    await site.set_up()
    await page.goto(SERVER)
    await page.get_by_label("Base URL").fill("dev1")
    await page.get_by_role("button", name="Save Changes").click()
    await expect(page.get_by_label("Base URL")).to_have_value("dev1")
    await leave_and_return(page)
    await expect(page.get_by_label("Base URL")).to_have_value(site.servicenow)
    await page.get_by_label("Description").fill("ours")
    await site.set_up(use_webhook=False)
    await page.get_by_role("button", name="Save Changes").click()
    await expect(page.get_by_role("alert")).to_contain_text("The values changed after you opened this page")
    await leave_and_return(page)
    await expect(page.get_by_label("Base URL")).to_have_value(site.servicenow)


@pytest.mark.long
async def test_save_changes_appears_at_the_first_change(site: Site, chromium: Chromium, page: Page) -> None:
    """As on the pictures, in place of tabs and Refresh; Cancel takes it away; without script it is always there."""
    await site.set_up()
    pages = [SERVER, ADVANCED, API_CLIENT, *await items(site)]
    editable = [path for path in pages if 'class="save"' in (await site.person.get(path)).html]
    assert len(editable) >= 9
    for path in editable:
        await page.goto(path)
        save = page.get_by_role("button", name="Save Changes")
        await expect(save).to_be_hidden()
        field = page.locator("main form[method=post] :is(input:not([type=hidden]), textarea)").first
        await (field.click() if await field.get_attribute("type") == "checkbox" else field.press_sequentially("x"))
        await expect(save).to_be_visible()
        await expect(page.get_by_role("link", name="Refresh")).to_be_hidden()
        await page.get_by_role("link", name="Cancel").click()
        await expect(save).to_be_hidden()
    async with chromium.page(site.url, java_script_enabled=False) as plain:
        for path in editable:
            await plain.goto(path)
            await expect(plain.get_by_role("button", name="Save Changes")).to_be_visible()
            await expect(plain.get_by_role("button", name="Copy")).to_have_count(0)


@pytest.mark.long
async def test_refused_form_can_be_saved_at_once(site: Site, page: Page) -> None:
    """It has unsaved changes, also after Back, when the browser fills in what was typed."""
    await site.set_up()
    await page.goto(SERVER)
    await page.get_by_label("Name", exact=True).fill("")
    await page.get_by_role("button", name="Save Changes").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_role("button", name="Save Changes")).to_be_visible()


@pytest.mark.long
async def test_secret_is_copied(site: Site, chromium: Chromium) -> None:
    """The printed buttons copy Client Id and Secret (api-user.png)."""
    async with chromium.page(site.url, permissions=["clipboard-read", "clipboard-write"]) as page:
        await page.goto(f"{USERS}/create")
        await page.get_by_label("User Type").select_option("API Client")
        for what, field in (("Client ID", "#client-id"), ("Secret", "#secret")):
            button = page.get_by_role("button", name=f"Copy {what}")
            await button.click()
            await expect(button).to_have_text("Copied")
            copied = await page.evaluate("() => navigator.clipboard.readText()")
            assert copied == await page.locator(field).inner_text()


@pytest.mark.long
async def test_other_types_of_users_are_shown_and_disabled(page: Page) -> None:
    """The printed ones, which are not simulated (select-user-type.png)."""
    await page.goto(f"{USERS}/create")
    options = page.get_by_label("User Type").get_by_role("option")
    assert await options.all_inner_texts() == [
        "",
        "API Client",
        "Standard User (not simulated)",
        "Thycotic One (not simulated)",
    ]
    assert [await each.is_disabled() for each in await options.all()] == [False, False, True, True]


@pytest.mark.long
async def test_decisions_need_a_choice(site: Site, page: Page) -> None:
    """Approve and Deny above the list are disabled until a request is ticked; the box above ticks all, as printed."""
    await site.ask(FilePath="/1")
    await site.ask(FilePath="/2")
    await page.goto(APPROVALS)
    approve = page.get_by_role("button", name="Approve", exact=True).first
    await expect(approve).to_be_disabled()
    await page.get_by_label("All", exact=True).check()
    await expect(approve).to_be_enabled()
    assert [await box.is_checked() for box in await page.get_by_label("Select").all()] == [True, True]
    await page.get_by_label("All", exact=True).uncheck()
    await expect(approve).to_be_disabled()
    await expect(page.get_by_role("button", name="Deny", exact=True).first).to_be_disabled()


async def leave_and_return(page: Page) -> None:
    """Open Home and press Back."""
    await page.get_by_role("link", name="Home").first.click()
    await page.go_back()


@pytest.mark.long
async def test_refused_form_passes_axe(page: Page) -> None:
    """The form that is shown again announces its errors beside their fields."""
    await page.goto(f"{SERVERS}/create")
    await page.get_by_label("Name").fill("Dev")
    await page.get_by_label("Base URL").fill("dev1")
    await page.get_by_role("button", name="Create").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_label("Base URL")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Base URL")).to_have_accessible_description(
        "Base URL is 'dev1'; expected an address such as https://example.service-now.com "
        "Such as https://[InstanceName].service-now.com/"
    )
    assert await complaints(page) == []
    await page.get_by_label("Base URL").fill("https://example.service-now.com")
    await expect(page.get_by_label("Base URL")).not_to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_text("Base URL is 'dev1'")).to_be_hidden()


@pytest.mark.long
async def test_use_webhook_reveals_its_fields(site: Site, page: Page) -> None:
    """Ticking Use Webhook reveals API Credential and Privilege Manager Post Uri."""
    await site.set_up(use_webhook=False)
    await page.goto(SERVER)
    for label in ("API Credential", "Privilege Manager Post Uri"):
        await expect(page.get_by_label(label)).to_be_hidden()
    await page.get_by_label("Use Webhook").check()
    for label in ("API Credential", "Privilege Manager Post Uri"):
        await expect(page.get_by_label(label)).to_be_visible()


@pytest.mark.long
async def test_switches_say_yes_or_no(site: Site, page: Page) -> None:
    """As printed, beside the switch."""
    await site.set_up()
    await page.goto(API_CLIENT)
    for label in ("Active", "Locked Out"):
        switch = page.get_by_role("switch", name=label)
        field = page.locator(".field").filter(has=switch)
        await switch.check()
        await expect(field.get_by_text("Yes")).to_be_visible()
        await switch.uncheck()
        await expect(field.get_by_text("No", exact=True)).to_be_visible()


@pytest.mark.long
async def test_deciding_needs_no_mouse(site: Site, page: Page) -> None:
    """From Home to the decision everything works by keyboard, and the focus is always visible."""
    await site.set_up()
    request_id = await site.ask()
    await page.goto("/")
    await tab_to(page, "Manage Approvals")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**{APPROVALS}")
    await expect(page.get_by_text("File Path")).to_be_hidden()
    await tab_to(page, await page.locator("summary").evaluate("each => each.textContent.trim()"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("File Path")).to_be_visible()
    await tab_to(page, "Deny")
    assert await page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("Denied 1 request. ServiceNow has acknowledged 1 of 1.")
    assert (await site.admin("GET", f"/approval-requests/{request_id}"))["state"] == "Denied"


@pytest.mark.long
async def test_enter_in_a_field_decides_nothing(site: Site, page: Page) -> None:
    """Only the buttons decide: Enter in a tick box asks for confirmation first, in the duration it does nothing."""
    await site.set_up()
    request_id = await site.ask()
    await page.goto(APPROVALS)
    await page.get_by_label("Select").check()
    await page.get_by_label("Select").press("Enter")
    await expect(page.get_by_text("Confirm Approval").first).to_be_visible()
    await page.goto(f"{DECIDE}?request={request_id}")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.is_navigation_request() else None)
    await page.get_by_label("Duration").press("Enter")
    await page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    assert not sent
    assert (await site.admin("GET", f"/approval-requests/{request_id}"))["state"] == "Pending"


@pytest.mark.long
async def test_skip_link_skips_the_modules(page: Page) -> None:
    """The first tab stop leads to the main content."""
    await page.goto(ENDPOINT)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert await page.evaluate("() => document.activeElement.closest('main') !== null")


@pytest.mark.long
async def test_list_refreshes_itself_unless_something_is_ticked(site: Site, page: Page) -> None:
    """A new request appears in the open Manage Approvals; what is ticked stays so."""
    await page.clock.install()
    await page.goto(APPROVALS)
    await site.ask(PolicyName="Elevate installers")
    await page.clock.run_for(2_000)
    await expect(page.get_by_text("Elevate installers").first).to_be_visible()
    await page.get_by_label("Select").check()
    await site.ask(PolicyName="Another")
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    await page.clock.run_for(10_000)
    assert fetched == []
    await page.get_by_label("Select").uncheck()
    await page.clock.run_for(2_000)
    await expect(page.get_by_role("cell", name="Another", exact=True)).to_be_visible()


@pytest.mark.long
async def test_pages_work_without_script(site: Site, chromium: Chromium) -> None:
    """Asking and deciding need no script, neither for one request nor for several at once."""
    await site.set_up()
    await site.ask(FilePath="/other")
    async with chromium.page(site.url, java_script_enabled=False) as page:
        await page.goto(ENDPOINT)
        await page.get_by_label("Policy *", exact=True).fill("Elevate installers")
        await page.get_by_label("Reason").fill("work")
        await page.get_by_role("button", name="Request approval").click()
        await page.get_by_role("link", name="Manage Approvals").click()
        await page.get_by_role("link", name="All").click()
        await page.get_by_role("button", name="Approve", exact=True).first.click()
        await page.get_by_label("For:").check()
        await page.get_by_label("Hours").fill("2")
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_text("No requests are awaiting approval")).to_be_visible()
    records = await site.records("request")
    assert [each["status"] for each in records] == ["Approve", "Approve"]


@pytest.mark.long
async def test_script_in_a_value_is_shown_as_text(site: Site, page: Page) -> None:
    """Markup in the name of a policy, a user or a credential is escaped."""
    await site.set_up(name=HOSTILE, policy=HOSTILE, approval_type=HOSTILE, api_user=HOSTILE)
    await site.ask(PolicyName=HOSTILE, UserName=HOSTILE, UserReason=HOSTILE)
    await site.person.submit(f"{CREDENTIALS}/create", {"name": HOSTILE, "account_name": HOSTILE, "password": "x"})
    paths = (APPROVALS, HISTORY, CREDENTIALS, SERVERS, MESSAGING, PROCESSES, TYPES, ACTIONS, POLICIES, USERS, "/")
    for path in paths:
        await page.goto(path)
        assert (path, await page.get_by_text(HOSTILE).first.is_visible()) == (path, True)
        heading = page.get_by_role("heading", level=1)
        assert await page.title() in await heading.inner_text() + " | Privilege Manager" or path == HISTORY
    await page.goto(CREDENTIALS)
    await page.get_by_role("link", name=HOSTILE, exact=True).click()
    assert await page.get_by_label("Account Name").input_value() == HOSTILE
