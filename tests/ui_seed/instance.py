"""Steps in the ServiceNow instance, which both procedures have."""

from tests.browser import Page, expect


async def log_in(page: Page, user_name: str) -> None:
    """Log in to the instance."""
    await page.goto("/")
    await page.get_by_label("User name").fill(user_name)
    await page.get_by_label("Password").fill("admin")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("button", name="Log out")).to_be_visible()


async def open_request(page: Page) -> None:
    """Open the newest approval request as the approver."""
    await log_in(page, "privman.approver")
    await page.get_by_role("link", name="Requests").first.click()
    await page.locator("tbody").get_by_role("row").first.get_by_role("link").first.click()
