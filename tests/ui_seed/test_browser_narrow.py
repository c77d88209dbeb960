"""The cockpit's head and lists on a phone and on a small window."""

import pytest

from privman_core.virtual_clock import VirtualClock
from tests.browser import PHONE, Chromium, Page, expect

from .both_fakes import both_fakes

pytestmark = pytest.mark.asyncio(loop_scope="session")
_CUT_OFF = """() => [...document.querySelectorAll('.scroll:not(.drawing)')]
    .filter(each => each.scrollWidth > each.clientWidth).map(each => each.getAttribute('aria-label'))"""
_TOPS = "() => ['#live', 'nav'].map(each => document.querySelector(each).getBoundingClientRect().top)"


async def test_nothing_is_off_screen_and_the_head_stays(chromium: Chromium) -> None:
    """Lists become cards, a wide diagram says that it scrolls, and an armed fault moves neither Pause nor the tabs."""
    async with both_fakes(VirtualClock(), VirtualClock()) as fakes, chromium.page(fakes.servicenow) as page:
        await fakes.set_up()
        before = [await _tops(page, width) for width in (PHONE, 1280)]
        assert before[1][0] < before[1][1]
        await fakes.post(fakes.servicenow, "/faults", {"party": "Console", "recipe": "delivery-fails", "times": "1"})
        request_id = await fakes.ask_and_approve()
        assert [await _tops(page, width) for width in (PHONE, 1280)] == before
        await page.set_viewport_size({"width": PHONE, "height": 900})
        for path in ("/clock", "/approvals", "/deliveries", f"/sequence?find=request:{request_id}"):
            await page.goto(f"/__cockpit{path}")
            assert await page.evaluate(_CUT_OFF) == []
        await expect(page.get_by_text("The diagram is wider than the screen")).to_be_visible()


async def _tops(page: Page, width: int) -> list[float]:
    await page.set_viewport_size({"width": width, "height": 900})
    await page.goto("/__cockpit/clock")
    await expect(page.get_by_role("button", name="Pause")).to_be_visible()
    return await page.evaluate(_TOPS)  # type: ignore[no-any-return]
