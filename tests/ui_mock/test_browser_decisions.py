import pytest

from tests.browser import Page, expect

from .conftest import GUID, POLICY, REQUEST, Site, log_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.long
async def test_approver_approves_with_comment_and_duration(site: Site, page: Page) -> None:
    """An approver finds the request, reads its details and approves it; the console receives the decision."""
    sys_id = await site.ask()
    await log_in(page, "privman.approver", f"/{REQUEST}_list.do")
    await page.get_by_role("link", name=GUID).click()
    await expect(page.get_by_text(POLICY, exact=True)).to_be_visible()
    await page.get_by_label("Comment").fill("For <one> day")
    await page.get_by_label("Hours").fill("24")
    await page.get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("status")).to_have_text("Decision recorded")
    await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    record = await site.read(REQUEST, sys_id)
    assert (record["status"], record["comment"]) == ("Approve", "For <one> day")
    assert (record["duration"], record["sys_updated_by"]) == ("1970-01-02 00:00:00", "privman.approver")
    await site.clock.settle()
    await page.get_by_role("link", name="Responses to this request").click()
    await expect(page.get_by_role("status")).to_have_text("1 to 1 of 1")


@pytest.mark.long
async def test_approver_denies(site: Site, page: Page) -> None:
    """Deny needs neither comment nor duration."""
    sys_id = await site.ask()
    await log_in(page, "privman.approver", f"/{REQUEST}.do?sys_id={sys_id}")
    await page.get_by_role("button", name="Deny").click()
    await expect(page.get_by_role("status")).to_have_text("Decision recorded")
    assert (await site.read(REQUEST, sys_id))["status"] == "Deny"


@pytest.mark.long
async def test_enter_decides_nothing(site: Site, page: Page) -> None:
    """Enter in a field does not press the first button."""
    sys_id = await site.ask()
    await log_in(page, "privman.approver", f"/{REQUEST}.do?sys_id={sys_id}")
    await page.get_by_label("Hours").fill("1")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Approve")).to_be_visible()
    assert (await site.read(REQUEST, sys_id))["status"] == "Pending"
