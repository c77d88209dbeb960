"""Every page: usable by keyboard, without script, on any screen, and clean for axe (WCAG 2.2 AA)."""

import pytest

from tests.browser import Chromium, Page, complaints, expect, misfits, tab_to
from tests.page_walk import shown_pages

from .conftest import APPROVALS, CREDENTIALS, ENDPOINT, MESSAGING, SYSTEMS, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
HOSTILE = "<script>document.title='taken'</script><img src=x onerror=alert(1)>"
MORE_PAGES = [
    f"{APPROVALS}?done=decided",
    f"{CREDENTIALS}/edit?name=ServiceNow+user",
    f"{MESSAGING}/webhook?name=New+Webhook+for+ServiceNow+setting",
]


async def test_every_page_passes_axe_and_fits(site: Site, page: Page) -> None:
    """Labels, names, contrast and layout are fine in light and dark mode, on a phone and on a wide screen."""
    await site.set_up()
    await site.ask(UserReason="W" * 200)
    denied = await site.ask()
    await site.admin("POST", f"/approval-requests/{denied}/decide", {"response": "Deny"})
    approved = await site.ask()
    await site.admin("POST", f"/approval-requests/{approved}/decide", {"response": "Approve", "duration": "02:00:00"})
    await site.set_up(servicenow_url="http://127.0.0.1:9")
    pages = [path for path in shown_pages(site.app) if not path.endswith(".css")]
    assert await misfits(page, [*pages, *MORE_PAGES]) == []


async def test_refused_form_passes_axe(page: Page) -> None:
    """The form that is shown again announces its errors beside their fields."""
    await page.goto(f"{SYSTEMS}/create")
    await page.get_by_label("Base URL").fill("dev1")
    await page.get_by_label("Use Webhook").check()
    await page.get_by_role("button", name="Save Changes").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_label("Base URL")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Base URL")).to_have_accessible_description(
        "Base URL is 'dev1'; expected an address such as https://example.service-now.com"
    )
    assert await complaints(page) == []


async def test_use_webhook_reveals_its_fields(page: Page) -> None:
    """Ticking Use Webhook reveals API Credential and Privilege Manager Post Uri (integration 2.7)."""
    await page.goto(f"{SYSTEMS}/create")
    for label in ("API Credential", "Privilege Manager Post Uri"):
        await expect(page.get_by_label(label)).to_be_hidden()
    await page.get_by_label("Use Webhook").check()
    for label in ("API Credential", "Privilege Manager Post Uri"):
        await expect(page.get_by_label(label)).to_be_visible()


async def test_deciding_needs_no_mouse(site: Site, page: Page) -> None:
    """From Home to the decision everything works by keyboard, and the focus is always visible."""
    await site.set_up()
    request_id = await site.ask()
    await page.goto("/")
    await tab_to(page, "Manage Approvals")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**{APPROVALS}")
    await tab_to(page, await page.locator("summary").evaluate("each => each.textContent.trim()"))
    await page.keyboard.press("Enter")
    await tab_to(page, "Deny")
    assert await page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("Decision taken")
    assert (await site.admin("GET", f"/approval-requests/{request_id}"))["state"] == "Denied"


async def test_enter_in_a_field_decides_nothing(site: Site, page: Page) -> None:
    """Only the two buttons decide; Enter in the duration does not."""
    await site.set_up()
    request_id = await site.ask()
    await page.goto(APPROVALS)
    await page.locator("summary").click()
    await page.get_by_label("Duration").press("Enter")
    await page.reload()
    assert (await site.admin("GET", f"/approval-requests/{request_id}"))["state"] == "Pending"


async def test_skip_link_skips_the_modules(page: Page) -> None:
    """The first tab stop leads to the main content."""
    await page.goto(ENDPOINT)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert await page.evaluate("() => document.activeElement.closest('main') !== null")


async def test_list_refreshes_itself(site: Site, page: Page) -> None:
    """A new request appears in the open Manage Approvals."""
    await page.goto(APPROVALS)
    await site.ask(PolicyName="Elevate installers")
    await expect(page.get_by_text("Elevate installers").first).to_be_visible()


async def test_pages_work_without_script(site: Site, chromium: Chromium) -> None:
    """Asking and deciding need no script."""
    await site.set_up()
    async with chromium.page(site.url, java_script_enabled=False) as page:
        await page.goto(ENDPOINT)
        await page.get_by_label("Policy", exact=True).fill("Elevate installers")
        await page.get_by_role("button", name="Request approval").click()
        await page.locator("summary").click()
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_text("Approved", exact=True)).to_be_visible()
    (record,) = await site.records("request")
    assert record["status"] == "Approve"


async def test_script_in_a_value_is_shown_as_text(site: Site, page: Page) -> None:
    """Markup in the name of a policy, a user or a credential is escaped."""
    await site.set_up(name=HOSTILE)
    await site.ask(PolicyName=HOSTILE, UserName=HOSTILE, UserReason=HOSTILE)
    await site.person.submit(f"{CREDENTIALS}/create", {"name": HOSTILE, "account_name": HOSTILE, "password": "x"})
    for path in (APPROVALS, CREDENTIALS, SYSTEMS, MESSAGING, "/"):
        await page.goto(path)
        assert await page.get_by_text(HOSTILE).first.is_visible()
        assert await page.title() == f"{await page.get_by_role('heading', level=1).inner_text()} | Privilege Manager"
    await page.goto(CREDENTIALS)
    await page.get_by_role("link", name=HOSTILE).click()
    assert await page.get_by_label("Account Name").input_value() == HOSTILE
