"""The HTML report in a browser: without a network, without script, on a phone, on paper."""

from dataclasses import replace

import pytest

from privman_scenarios.commands.cli import main
from privman_scenarios.commands.reports.html import html
from privman_scenarios.commands.reports.machine_readable import read_json_report
from tests.browser import PHONE, Chromium, expect, misfits

pytestmark = pytest.mark.asyncio(loop_scope="session")
STORY = "title: {}\ntags: [{}]\nsteps:\n- console.ask:\n- servicenow.approve:\n- console.expect-approval: {}\n"
STORIES = {"a": ("An approval arrives", "smoke", "Approved"), "b": ("A wrong state", "retry, smoke", "Denied")}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of the report of two stories, of which one fails."""
    folder = tmp_path_factory.mktemp("report")
    for name, story in STORIES.items():
        (folder / f"{name}.yaml").write_text(STORY.format(*story))
    files = [str(folder / f"{name}.yaml") for name in STORIES]
    assert main(["run", *files, "--coverage", "--json", str(folder / "report.json")]) == 1
    result = read_json_report(folder / "report.json")
    assert result.coverage is not None
    # A thousand rows of what was not exercised take axe a minute.
    short = replace(result, coverage=replace(result.coverage, items=result.coverage.items[:20]))
    file = folder / "report.html"
    file.write_text(html(short), encoding="utf-8")
    return file.as_uri()


@pytest.mark.long
async def test_it_fits_every_screen(chromium: Chromium, report: str) -> None:
    """Unfolded, on a phone and a wide screen, light and dark, and accessible; the network is off."""
    async with chromium.page("about:blank", offline=True) as page:
        assert await misfits(page, [report]) == []


@pytest.mark.long
async def test_search_and_tags_choose(chromium: Chromium, report: str) -> None:
    """By the words of a scenario, its steps among them, and by tag; it says how many are left."""
    async with chromium.page("about:blank", offline=True) as page:
        await page.goto(report)
        shown, scenarios = page.get_by_role("status"), page.locator("details.scenario:visible")
        await expect(shown).to_have_text("2 of 2 shown")
        await page.get_by_label("Search").fill("WRONG state")
        await expect(shown).to_have_text("1 of 2 shown")
        await expect(scenarios).to_have_count(1)
        await page.get_by_label("Search").fill("servicenow.approve")
        await expect(scenarios).to_have_count(2)
        await page.get_by_label("Tag").select_option("retry")
        await expect(scenarios).to_have_count(1)
        await page.get_by_label("Tag").select_option("all")
        await page.get_by_label("Hide passed").check()
        await expect(scenarios).to_have_count(1)


@pytest.mark.long
async def test_everything_is_there_without_script(chromium: Chromium, report: str) -> None:
    """What needs script is not shown; the rest works, hiding what passed included."""
    async with chromium.page("about:blank", offline=True, java_script_enabled=False) as page:
        await page.goto(report)
        await expect(page.get_by_label("Search")).to_be_hidden()
        await expect(page.locator("details.scenario:visible")).to_have_count(2)
        await expect(page.locator("svg")).to_have_count(2)
        await page.get_by_label("Hide passed").check()
        await expect(page.locator("details.scenario:visible")).to_have_count(1)


@pytest.mark.long
async def test_paper_shows_what_is_folded(chromium: Chromium, report: str) -> None:
    """Diagrams and coverage of everything, no controls, and nothing beyond the edge."""
    async with chromium.page("about:blank", offline=True, viewport={"width": 720, "height": 1000}) as page:
        await page.goto(report)
        folded = page.locator("details:not([open]) td").first
        await expect(folded).to_be_hidden()
        await page.emulate_media(media="print")
        await expect(folded).to_be_visible()
        await expect(page.locator("svg").first).to_be_visible()
        await expect(page.get_by_label("Search")).to_be_hidden()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 720


@pytest.mark.long
async def test_a_phone_reads_without_scrolling_sideways(chromium: Chromium, report: str) -> None:
    """Only diagrams and tables scroll, in their own frames."""
    async with chromium.page("about:blank", offline=True, viewport={"width": PHONE, "height": 740}) as page:
        await page.goto(report)
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE
