"""Faults and clock of both parties in a browser, by keyboard alone."""

import pytest

from privman_core.virtual_clock import VirtualClock
from tests.browser import Chromium, expect, misfits, tab_to

from .both_fakes import both_fakes

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.long
async def test_delivery_fails_twice_and_arrives(chromium: Chromium) -> None:
    """A tester arms the recipe, lets time pass until the next delivery, and sees whom the fault hit."""
    async with both_fakes(VirtualClock(), VirtualClock()) as fakes, chromium.page(fakes.servicenow) as page:
        await fakes.set_up()
        await page.goto("/__cockpit/faults")
        await tab_to(page, "The next delivery fails")
        await page.keyboard.press("Enter")
        await tab_to(page, "Arm")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("link", name="1 fault armed")).to_be_visible()
        request_id = await fakes.ask_and_approve()
        await expect(page.get_by_text("It has struck 1 request.")).to_be_visible()
        await page.get_by_role("link", name="2026-01-05 09:00:00 UTC").press("Enter")
        await expect(page.get_by_role("link", name=f"Request {request_id}").first).to_be_visible()
        for time in ("09:00:50", "09:01:40"):
            await page.get_by_label("Jump", exact=True).fill("until next delivery")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("timer")).to_have_text(f"2026-01-05 {time} UTC")
        assert await fakes.times() == ("09:01:40", "09:01:40")
        await page.get_by_role("link", name="Faults", exact=True).press("Enter")
        await expect(page.get_by_text("Used up: it struck 2 POST requests to */approval/approve.")).to_be_visible()
        await page.get_by_role("link", name="Exchange").first.press("Enter")
        await expect(page.get_by_role("link", name="status", exact=True)).to_be_visible()
        forms = ["/__cockpit/clock", "/__cockpit/faults", "/__cockpit/faults?kind=slow&party=Console"]
        assert await misfits(page, forms) == []
