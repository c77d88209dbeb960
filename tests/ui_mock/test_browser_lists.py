import pytest

from tests.browser import PHONE, Page, expect

from .conftest import ACTIVITY_TYPE, GUID, REQUEST, Site, log_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.long
async def test_heading_sorts_and_then_reverses(site: Site, page: Page) -> None:
    """The first click on a heading sorts in ascending order, the second in descending order."""
    await site.incidents(3)
    await log_in(page, "admin", "/incident_list.do?sysparm_query=category%3Dnetwork%5Eshort_descriptionSTARTSWITHmine")
    await page.get_by_role("columnheader", name="Short description").get_by_role("link").click()
    heading = page.get_by_role("columnheader", name="Short description")
    await expect(heading).to_have_attribute("aria-sort", "ascending")
    assert "mine 00" in await page.locator("tbody tr").first.inner_text()
    await heading.get_by_role("link").click()
    await expect(heading).to_have_attribute("aria-sort", "descending")
    assert "mine 02" in await page.locator("tbody tr").first.inner_text()


@pytest.mark.long
async def test_breadcrumb_removes_a_condition(site: Site, page: Page) -> None:
    """The filter adds a condition to sysparm_query; the breadcrumb before it leads back."""
    await site.incidents(3)
    await log_in(page, "admin", "/incident_list.do")
    await page.get_by_text("Filter", exact=True).click()
    await page.get_by_label("Field", exact=True).select_option("short_description")
    await page.get_by_label("Operator").select_option("STARTSWITH")
    await page.get_by_label("Value", exact=True).fill("mine")
    await page.get_by_role("button", name="Add condition").click()
    await expect(page.get_by_role("status")).to_have_text("1 to 3 of 3")
    crumbs = page.get_by_role("navigation", name="Filter").get_by_role("link")
    assert await crumbs.all_inner_texts() == ["All", "Short description starts with mine"]
    await crumbs.first.click()
    assert page.url.endswith("/incident_list.do")


@pytest.mark.long
async def test_list_has_next_and_previous_pages(site: Site, page: Page) -> None:
    """A list longer than a page links to the next one, which links back."""
    await site.incidents(21)
    await log_in(page, "admin", "/incident_list.do?sysparm_query=short_descriptionSTARTSWITHmine")
    await expect(page.get_by_role("status")).to_have_text("1 to 20 of 21")
    await page.get_by_role("link", name="Next").click()
    await expect(page.get_by_role("status")).to_have_text("21 to 21 of 21")
    assert await page.get_by_role("link", name="Next").count() == 0
    await page.get_by_role("link", name="Previous").click()
    await expect(page.get_by_role("status")).to_have_text("1 to 20 of 21")


@pytest.mark.long
async def test_columns_can_be_chosen(page: Page) -> None:
    """Only the ticked columns are shown, and the choice survives sorting."""
    await log_in(page, "admin", "/incident_list.do?sysparm_fields=number,priority,nonsense")
    await page.get_by_role("button", name="Columns", exact=True).click()
    columns = page.get_by_role("dialog", name="Columns to show")
    await columns.get_by_label("Priority").uncheck()
    await columns.get_by_label("Urgency").check()
    await columns.get_by_role("button", name="Show columns").click()
    assert await page.get_by_role("columnheader").all_inner_texts() == ["Number", "Urgency"]
    await page.get_by_role("link", name="Urgency").click()
    await expect(page.get_by_role("columnheader", name="Urgency")).to_have_attribute("aria-sort", "ascending")
    assert await page.get_by_role("columnheader").count() == 2


@pytest.mark.long
async def test_list_refreshes_itself(site: Site, page: Page) -> None:
    """A new request appears in the open list, and the focus stays where it was."""
    await site.ask()
    await log_in(page, "privman.approver", f"/{REQUEST}_list.do")
    await page.get_by_role("link", name=GUID).focus()
    other = "0a1b2c3d-0000-4000-8000-000000000001"
    await site.ask(other)
    await expect(page.get_by_role("link", name=other)).to_be_visible()
    await expect(page.get_by_role("link", name=GUID)).to_be_focused()
    await expect(page.get_by_role("status")).to_have_text("1 to 2 of 2")


@pytest.mark.long
async def test_refresh_keeps_unfolded_parts_open(site: Site, page: Page) -> None:
    """A refresh replaces only the live parts of the page."""
    await log_in(page, "privman.approver", f"/{REQUEST}_list.do")
    await page.get_by_text("Filter", exact=True).click()
    await page.get_by_label("Value", exact=True).fill("half typ")
    await site.ask()
    await expect(page.get_by_role("link", name=GUID)).to_be_visible()
    assert await page.get_by_label("Value", exact=True).input_value() == "half typ"


@pytest.mark.long
async def test_new_leads_to_an_empty_form(site: Site, page: Page) -> None:
    """The list offers New to users who may create records, and to no others."""
    await log_in(page, "admin", f"/{ACTIVITY_TYPE}_list.do")
    await page.get_by_role("link", name="New", exact=True).click()
    assert await page.get_by_role("heading", level=1).inner_text() == "Activity Details - New record"
    approver = await site.person("privman.approver")
    assert ">New</a>" not in (await approver.get(f"/{ACTIVITY_TYPE}_list.do")).html


async def test_selects_every_row(site: Site, page: Page) -> None:
    """The box below the list ticks and unticks all rows, and follows them; the ticked ones alone are answered."""
    kept = await site.ask()
    for number in range(2):
        await site.ask(f"0a1b2c3d-0000-4000-8000-00000000000{number}")
    await log_in(page, "privman.approver", f"/{REQUEST}_list.do")
    every, row = page.get_by_label("Select all rows of this page"), page.get_by_label(f"Select {GUID}", exact=True)
    await every.check()
    await expect(row).to_be_checked()
    await row.uncheck()
    await expect(every).not_to_be_checked()
    await page.get_by_role("combobox", name="Action").select_option("Approve")
    await page.get_by_role("button", name="Run", exact=True).click()
    await expect(page.get_by_text("A decision cannot be changed.")).to_be_visible()
    await page.get_by_role("button", name="Run action").click()
    await expect(page.get_by_text("2 requests were decided.")).to_be_visible()
    assert (await site.read(REQUEST, kept))["status"] == "Pending"
    await page.get_by_role("button", name=f"Preview {GUID}").click()
    await expect(page.get_by_role("dialog").get_by_text("UserReason")).to_be_visible()
    await page.get_by_role("link", name="Open Record").click()
    await page.wait_for_url(f"**/{REQUEST}.do?sys_id={kept}*")


@pytest.mark.long
async def test_requests_fit_the_screen(site: Site, page: Page) -> None:
    """Every column on a wide one, in rows of two lines; cards without empty space on a phone."""
    sys_id = await site.ask()
    await site.change(REQUEST, sys_id, {"status": "Approve", "comment": "long words " * 20, "duration": "2:00:00"})
    await log_in(page, "admin", f"/{REQUEST}_list.do")
    region = page.get_by_role("region", name="Requests")
    for width, height in ((1920, 70), (1280, 70), (PHONE, 280)):
        await page.set_viewport_size({"width": width, "height": 900})
        box = await page.locator("tbody tr").bounding_box()
        assert box is not None
        assert (width, box["height"]) < (width, height)
        fits = await region.evaluate("each => each.scrollWidth <= each.clientWidth")
        assert (width, fits) == (width, width != 1280)


@pytest.mark.long
async def test_run_asks_only_if_there_is_something_to_run(site: Site, page: Page) -> None:
    """The question needs a row and an action; on paper a list of many columns is broken between words alone."""
    await site.ask()
    await log_in(page, "admin", f"/{REQUEST}_list.do")
    await page.get_by_role("button", name="Run", exact=True).click()
    await expect(page.get_by_text("Nothing to run: select rows and choose an action.")).to_be_visible()
    await expect(page.get_by_role("button", name="Run action")).to_be_hidden()
    await page.get_by_role("button", name="Cancel").last.click()
    await page.get_by_label(f"Select {GUID}", exact=True).check()
    await page.get_by_role("combobox", name="Action").select_option("Delete")
    await page.get_by_role("button", name="Run", exact=True).click()
    await expect(page.get_by_role("button", name="Run action")).to_be_visible()
    await page.set_viewport_size({"width": 718, "height": 1000})
    await page.emulate_media(media="print")
    box = await page.get_by_text("Pending", exact=True).last.bounding_box()
    assert box is not None
    assert (box["width"] > 250, box["height"] < 40) == (True, True)
