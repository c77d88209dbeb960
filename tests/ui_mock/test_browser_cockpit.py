import pytest

from tests.browser import Chromium, Page, complaints, expect, misfits, tab_to
from tests.page_walk import of_cockpit, shown_pages

from .conftest import GUID, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _busy(site: Site) -> None:
    """Let there be something to see on every page."""
    sys_id = await site.ask()
    site.statuses = [503]
    await site.change("x_thyti_thycotic_p_request", sys_id, {"status": "Approve"})
    await site.clock.settle()
    await site.call("GET", "/api/now/table/incident?sysparm_query=nonsense")
    await site.call("POST", "/__admin/faults", json={"kind": "status", "status": 500, "path": "/api/now/table/x*"})


@pytest.mark.long
async def test_every_page_passes_axe_and_fits(site: Site, page: Page) -> None:
    """Labels, names, contrast and layout are fine in light and dark mode, on a phone and on a wide screen."""
    await _busy(site)
    more = [
        f"/__cockpit{path}"
        for path in ("/exchanges/servicenow/3", "/exchanges/servicenow/99", f"/sequence?find=request:{GUID}")
    ]
    assert await misfits(page, [*of_cockpit(shown_pages(site.app)), *more]) == []


@pytest.mark.long
async def test_journal_refreshes_itself(site: Site, page: Page) -> None:
    """A new exchange appears in the open page without a reload, and links to its page."""
    await page.goto("/__cockpit")
    await site.register()
    await page.get_by_role("link", name="1 in the journal of ServiceNow").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Exchange 1 of ServiceNow")
    await expect(page.get_by_role("region", name="Body of the request")).to_contain_text('"instance_metadata"')


@pytest.mark.long
async def test_faults_and_clock_need_no_mouse(site: Site, page: Page) -> None:
    """A recipe, the form of a kind and the clock work by keyboard, and their errors stand beside the fields."""
    await page.goto("/__cockpit/faults")
    await tab_to(page, "Rate limit for the next requests")
    await page.keyboard.press("Enter")
    recipe = page.get_by_role("form", name="Rate limit for the next requests (ServiceNow)")
    await recipe.get_by_label("How long").fill("soon")
    await page.keyboard.press("Enter")
    await expect(recipe.get_by_label("How long")).to_have_accessible_description(
        "'soon' is no time; expected for example 90s, 40 s, 10 minutes, 2 h, 16h30 or 16:30:00"
    )
    assert await complaints(page) == []
    await recipe.get_by_label("How long").fill("2 min")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Strikes the next 3 requests to /api/*.")).to_be_visible()
    await tab_to(page, "Choose")
    await page.keyboard.press("Enter")
    await page.get_by_label("Status (").fill("teapot")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Status (")).to_have_accessible_description(
        "'teapot' is invalid; expected a status from 200 to 599"
    )
    await page.get_by_label("Status (").fill("429")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Disarm status 2")).to_be_visible()
    await page.get_by_role("link", name="2 faults armed").focus()
    await page.goto("/__cockpit/clock")
    await page.get_by_label("Jump", exact=True).fill("noon")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Jump", exact=True)).to_be_focused()
    assert await complaints(page) == []
    await tab_to(page, "16 h 30 min")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("timer")).to_have_text("2026-01-06 01:30:00 UTC")
    assert site.clock.now().hour == 1


@pytest.mark.long
async def test_cockpit_works_without_script(site: Site, chromium: Chromium) -> None:
    """Journal, diagram and clock need no script."""
    await _busy(site)
    async with chromium.page(site.url, java_script_enabled=False) as page:
        await page.goto("/__cockpit/sequence?find=table:request")
        await expect(page.get_by_role("group", name="Sequence diagram")).to_be_visible()
        await page.get_by_role("link", name="Clock").click()
        await page.get_by_role("button", name="50 seconds").click()
        await page.get_by_role("link", name="Deliveries").click()
        await expect(page.get_by_text("delivered")).to_be_visible()
