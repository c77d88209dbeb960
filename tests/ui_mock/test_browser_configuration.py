import pytest

from tests.browser import Page, expect

from .conftest import CONFIGURATION, SECRET, Site, log_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.long
async def test_registration_shows_pairs_with_its_password_masked(site: Site, page: Page) -> None:
    """Integration Configuration shows what the console registered, in the order of the documentation."""
    sys_id = await site.register()
    await log_in(page, "privman.admin", f"/{CONFIGURATION}.do?sys_id={sys_id}")
    rows = page.get_by_role("group", name="Instance metadata")
    names = [await each.input_value() for each in await rows.get_by_label("Name of row").all()]
    assert names == [
        "Authentication Type",
        "Username",
        "Password",
        "Minimum wait time",
        "Token Url",
        "Endpoint Url",
        "Maximum retry attempts",
    ]
    password = rows.get_by_label("Value of Password")
    assert await password.get_attribute("type") == "password"
    assert await password.input_value() == "********"
    assert SECRET not in await page.content()


@pytest.mark.long
async def test_rows_are_added_changed_and_removed(site: Site, page: Page) -> None:
    """Rows come and go on the form; Update alone writes them, and the Password keeps its value."""
    sys_id = await site.register()
    await log_in(page, "privman.admin", f"/{CONFIGURATION}.do?sys_id={sys_id}")
    await page.get_by_role("button", name="Add a row").click()
    await expect(page.get_by_role("status")).to_have_text("Nothing is saved yet")
    await expect(page.get_by_label("Name of row 8")).to_be_focused()
    await page.keyboard.type("Note")
    await page.get_by_label("Value of row 8").fill("R&D")
    await page.get_by_role("button", name="Remove Minimum wait time").click()
    await expect(page.get_by_label("Value of Minimum wait time")).to_have_count(0)
    assert len(await site.pairs(sys_id)) == 7
    await page.get_by_role("button", name="Update").first.click()
    await expect(page.get_by_role("status")).to_have_text("Record updated: Instance metadata.")
    pairs = await site.pairs(sys_id)
    assert (pairs["Note"], pairs["Password"], "Minimum wait time" in pairs) == ("R&D", "********", False)


@pytest.mark.long
async def test_enter_in_a_row_presses_update(site: Site, page: Page) -> None:
    """Enter does not press the first Remove button."""
    sys_id = await site.register()
    await log_in(page, "privman.admin", f"/{CONFIGURATION}.do?sys_id={sys_id}")
    await page.get_by_label("Value of Username").fill("another")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("Record updated: Instance metadata.")
    pairs = await site.pairs(sys_id)
    assert (pairs["Username"], len(pairs)) == ("another", 7)
