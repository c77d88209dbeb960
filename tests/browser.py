"""Chromium and checks of every page in it; tests that need it are skipped if it is missing."""

import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

for _module in ("playwright.async_api", "axe_playwright_python.async_playwright"):
    pytest.importorskip(_module, reason=f"{_module.split('.')[0]} is not installed: pages are tested in a browser")

from axe_playwright_python.async_playwright import Axe  # noqa: E402 - skipped above where it is missing
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, async_playwright, expect  # noqa: E402 - the same

from tests.contrast import faint  # noqa: E402 - the same

CHROMIUM = Path("/usr/bin/chromium")
WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
COLORS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
PHONE, WIDE = 360, 1920
# A browser reports these statuses as errors; here they are answers that a page gives on purpose.
ON_PURPOSE = re.compile(r"status of (400|403|404|409|422) ")
_TOO_WIDE = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
# Not the menus: they open over the page, and hide parts of its controls until they are closed.
_UNFOLD = "() => document.querySelectorAll('details:not(.menu)').forEach(each => each.open = true)"

__all__ = ["PHONE", "WIDE", "Chromium", "Locator", "Page", "complaints", "expect", "misfits", "tab_to"]


class Chromium:
    """One browser process for many tests."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @classmethod
    @asynccontextmanager
    async def started(cls) -> AsyncIterator["Chromium"]:
        """Start Debian's Chromium; skip the test if it is missing."""
        if not CHROMIUM.exists():  # noqa: ASYNC240 - nothing else runs yet
            pytest.skip(f"{CHROMIUM} is missing: pages are tested in Debian's Chromium")
        # The sandbox does not start for root, as in most containers.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
            yield cls(browser)
            await browser.close()

    @asynccontextmanager
    async def page(self, url: str, **options: Any) -> AsyncIterator[Page]:
        """Open a page in a new profile with the base URL ``url``; an error on its console fails the test."""
        context = await self._browser.new_context(base_url=url, **options)
        context.set_default_timeout(30_000)
        opened = await context.new_page()
        errors: list[str] = []
        opened.on("console", lambda message: errors.append(message.text) if _is_error(message) else None)
        opened.on("pageerror", lambda error: errors.append(str(error)))
        try:
            yield opened
        finally:
            await context.close()
        assert errors == [], errors


async def complaints(page: Page, rules: Mapping[str, Any] = WCAG, within: str | None = None) -> list[str]:
    """Return the violations that axe finds in a page or a part of it, by default of WCAG 2.2 AA and best practices."""
    found = (await Axe().run(page, context=within, options={"runOnly": rules})).response
    return [f"{page.url} {each['id']}: {each['nodes'][0]['html']}" for each in found["violations"]]


async def misfits(page: Page, paths: Sequence[str]) -> list[str]:
    """Return the defects of pages, everything unfolded, on a phone and a wide screen, in light and dark mode."""
    found: list[str] = []
    for path in paths:
        await page.goto(path)
        await page.evaluate(_UNFOLD)
        for width in (PHONE, WIDE):
            await page.set_viewport_size({"width": width, "height": 900})
            found += [*await complaints(page), *await faint(page)]
            found += [f"{path} is wider than a screen of {width} pixels"] * bool(await page.evaluate(_TOO_WIDE))
        await page.emulate_media(color_scheme="dark")
        found += [*await complaints(page, COLORS), *await faint(page)]
        await page.emulate_media(color_scheme="light")
    return found


async def tab_to(page: Page, text: str) -> None:
    """Press Tab until the element with that text has the focus."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        if await page.evaluate("() => document.activeElement.textContent.trim()") == text:
            return
    raise AssertionError(text)


def _is_error(message: ConsoleMessage) -> bool:
    return message.type == "error" and ON_PURPOSE.search(message.text) is None
