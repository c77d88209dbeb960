"""A failed delivery in Chromium, from the journal to its cause."""

import pytest

from privman_core.virtual_clock import VirtualClock
from tests.browser import Chromium, expect, misfits

from .both_fakes import both_fakes
from .desk import Desk
from .test_request_page import Story, console_down, never_sent, token_refused

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]


async def test_tester_follows_a_failed_delivery_to_its_cause(chromium: Chromium) -> None:
    """Two clicks lead from the journal to the sentence, and a key from the diagram to the token call that failed."""
    clock = VirtualClock()
    async with both_fakes(clock, clock) as fakes, chromium.page(fakes.console) as page:
        await fakes.set_up()
        request_id = await token_refused(Desk(fakes))
        await page.goto("/__cockpit?find=status:401")
        await page.get_by_role("link", name="in the journal of ServiceNow").click()
        await page.get_by_role("link", name=request_id).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"Request {request_id[:8]}…")
        await expect(page.get_by_text("the token call before it was answered with 401")).to_be_visible()
        await expect(page.get_by_text("UserName or Password is wrong").first).to_be_visible()
        await page.get_by_role("link", name="logon/token, answer 401").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("region", name="Body of the answer")).to_contain_text("UserName or Password")


@pytest.mark.parametrize("story", [never_sent, console_down], ids=lambda story: story.__name__)
async def test_page_of_a_request_passes_axe_and_fits(chromium: Chromium, story: Story) -> None:
    """Labels, contrast and layout are fine in light and dark mode, on a phone and on a wide screen."""
    clock = VirtualClock()
    async with both_fakes(clock, clock) as fakes, chromium.page(fakes.servicenow) as page:
        await fakes.set_up()
        request_id = await story(Desk(fakes))
        assert await misfits(page, [f"/__cockpit/requests/{request_id}"]) == []
        await page.goto(f"/__cockpit/sequence?find=request:{request_id}")
        await page.get_by_role("link", name="approval/approve").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("of ServiceNow")


async def test_a_printed_page_has_the_whole_diagram_and_no_controls(chromium: Chromium) -> None:
    """On paper of the size A4."""
    clock = VirtualClock()
    async with both_fakes(clock, clock) as fakes, chromium.page(fakes.servicenow) as page:
        await fakes.set_up()
        request_id = await token_refused(Desk(fakes))
        await page.goto(f"/__cockpit/requests/{request_id}")
        await page.set_viewport_size({"width": 718, "height": 1_040})
        await page.emulate_media(media="print")
        await expect(page.get_by_text("wider than the screen")).to_be_hidden()
        await expect(page.get_by_role("link", name="Export HAR")).to_be_hidden()
        box = await page.get_by_role("region", name="Diagram").locator("svg").bounding_box()
        assert box is not None
        assert (box["x"] >= 0, box["x"] + box["width"] <= 718) == (True, True)
        await expect(page.get_by_text("Get a token for an API Client User").first).to_be_visible()
