import re

import pytest

from tests.browser import Page, expect

from .conftest import ACTIVITY_TYPE, ADMIN_ID, GUID, REQUEST, RESPONSE, Site, log_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.long
async def test_activity_type_has_the_documented_fields(site: Site, page: Page) -> None:
    """The max timeout is edited as hours, minutes and seconds."""
    sys_id = await site.activity_type(await site.register())
    await log_in(page, "admin", f"/{ACTIVITY_TYPE}.do?sys_id={sys_id}")
    assert await page.get_by_label("Name", exact=True).input_value() == "PM Approval Request"
    assert await page.get_by_label("Description").input_value() == "Approve or deny PM request"
    assert await page.get_by_label("Valid Responses").input_value() == "Approve,Deny"
    timeout = page.get_by_role("group", name="Max timeout")
    parts = [await timeout.get_by_label(unit).input_value() for unit in ("Hours", "Minutes", "Seconds")]
    assert parts == ["16", "30", "00"]
    assert await page.get_by_label("Include comment").is_checked()
    assert await page.get_by_label("Include duration").is_checked()


@pytest.mark.long
async def test_update_writes_changes(site: Site, page: Page) -> None:
    """Text, check box and duration reach the record, and the page confirms it."""
    sys_id = await site.activity_type(await site.register())
    await log_in(page, "admin", f"/{ACTIVITY_TYPE}.do?sys_id={sys_id}")
    await page.get_by_label("Description").fill("Ask & answer")
    await page.get_by_label("Include duration").uncheck()
    await page.get_by_label("Minutes").fill("5")
    await page.get_by_role("button", name="Update").first.click()
    await expect(page.get_by_role("status")).to_have_text("Record updated: Description, Max timeout, Include duration.")
    record = await site.read(ACTIVITY_TYPE, sys_id)
    assert (record["description"], record["include_duration"]) == ("Ask & answer", "false")
    assert (record["include_comment"], record["max_timeout"]) == ("true", "1970-01-01 16:05:00")


@pytest.mark.long
async def test_new_form_has_the_defaults(site: Site, page: Page) -> None:
    """Submit creates the record and leads to its form."""
    await log_in(page, "admin", "/incident.do?sys_id=-1")
    assert await page.get_by_label("State", exact=True).input_value() == "1"
    await page.get_by_label("Short description").fill("The printer burns")
    await page.get_by_label("Caller").fill("System Administrator")
    await page.get_by_label("Additional comments").fill("Bring water")
    await page.get_by_role("button", name="Submit").first.click()
    await expect(page.get_by_role("status")).to_have_text("Record created")
    record = await site.read("incident", page.url.split("sys_id=")[1][:32])
    assert record["short_description"] == "The printer burns"
    assert record["caller_id"]["value"] == ADMIN_ID
    await expect(page.get_by_text("Bring water").first).to_be_visible()


@pytest.mark.long
async def test_delete_needs_two_steps(site: Site, page: Page) -> None:
    """Delete opens a question, which Escape closes; the answer leads back to the list, which says what was done."""
    sys_id = await site.insert("incident", {"short_description": "gone soon"})
    await log_in(page, "admin", f"/incident.do?sys_id={sys_id}")
    question = page.get_by_role("dialog", name="Delete this record?")
    await expect(question).to_be_hidden()
    await page.get_by_role("button", name="Delete", exact=True).first.click()
    await expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(question).to_be_hidden()
    await page.get_by_role("button", name="Delete", exact=True).first.click()
    await question.get_by_role("button", name="Delete record").click()
    await page.wait_for_url("**/incident_list.do")
    await expect(page.get_by_text("Record deleted")).to_be_visible()
    assert (await (await site.person()).get(f"/incident.do?sys_id={sys_id}")).status == 404


@pytest.mark.long
async def test_stale_form_is_refused(site: Site, page: Page) -> None:
    """Saving a form after another user's change overwrites nothing, and the page names the other user."""
    sys_id = await site.activity_type(await site.register())
    await log_in(page, "privman.admin", f"/{ACTIVITY_TYPE}.do?sys_id={sys_id}")
    await site.change(ACTIVITY_TYPE, sys_id, {"description": "changed meanwhile"})
    await page.get_by_label("Description").fill("mine")
    async with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        await page.get_by_role("button", name="Update").first.click()
    assert (await answered.value).status == 409
    assert "admin changed it at" in await page.get_by_role("alert").inner_text()
    assert await page.get_by_label("Description").input_value() == "changed meanwhile"
    assert (await site.read(ACTIVITY_TYPE, sys_id))["description"] == "changed meanwhile"


@pytest.mark.long
async def test_response_has_the_documented_fields(site: Site, page: Page) -> None:
    """The form of a response shows request id, response, status code and retry attempts."""
    sys_id = await site.ask()
    await site.change(REQUEST, sys_id, {"status": "Approve"})
    await site.clock.settle()
    await log_in(page, "privman.approver", f"/{RESPONSE}_list.do")
    await page.locator("tbody").get_by_role("link").first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Response - Created 20"))
    form = page.get_by_role("main")
    values = [("Request Id", GUID), ("Response", "Approve"), ("Response status code", "200"), ("Retry attempts", "0")]
    for label, value in values:
        await expect(form.get_by_label(label, exact=True)).to_have_value(value)
    await expect(form.get_by_label("Request Id")).to_have_attribute("readonly", "")


async def test_refused_form_has_the_focus_and_a_way_back(site: Site, page: Page) -> None:
    """The focus is on the errors; a menu moves nothing; going back and forward never posts the form again."""
    sys_id = await site.insert("u_toy", {"u_name": "bear"})
    path = f"/u_toy.do?sys_id={sys_id}"
    await log_in(page, "admin", path)
    menu = page.locator("summary").first
    before = await menu.bounding_box()
    await menu.click()
    assert await menu.bounding_box() == before
    await page.get_by_label("Name", exact=True).fill("  ")
    await page.get_by_role("button", name="Update").first.click()
    await expect(page.get_by_role("alert")).to_be_focused()
    await page.goto("/")
    await page.go_back()
    await expect(page.get_by_label("Name", exact=True)).to_have_value("bear")
