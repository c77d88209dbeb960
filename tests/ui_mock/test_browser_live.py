import pytest

from console_sim import ConsoleSim
from mock_servicenow import MockServiceNow
from tests.browser import Chromium, Locator, Page, complaints, expect

from .conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
JOURNAL = "/__cockpit"


def _row(page: Page, path: str) -> Locator:
    return page.get_by_role("row").filter(has_text=path)


async def test_open_journal_stays_as_the_reader_has_it(site: Site, page: Page) -> None:
    """New exchanges appear by themselves; ticked boxes, unfolded help, focus and typed text stay; a pause counts."""
    await site.call("GET", "/api/now/table/incident?first")
    await page.goto(JOURNAL)
    await page.get_by_text("How to search").click()
    await page.get_by_label("Select servicenow 1", exact=True).check()
    await page.get_by_label("Search", exact=True).fill("table")
    await site.call("GET", "/api/now/table/incident?second")
    await expect(_row(page, "?second")).to_be_visible()
    await expect(page.get_by_label("Select servicenow 1", exact=True)).to_be_checked()
    await expect(page.get_by_text("An exchange must match every term")).to_be_visible()
    await expect(page.get_by_label("Search", exact=True)).to_be_focused()
    await expect(page).to_have_url(f"{site.url}{JOURNAL}?find=table")
    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_role("status")).to_have_text("Paused")
    await site.call("GET", "/api/now/table/incident?third")
    await site.call("GET", "/api/now/table/problem?fourth")
    await expect(page.get_by_role("button", name="2 new exchanges")).to_be_visible()
    await expect(_row(page, "?third")).to_have_count(0)
    await page.get_by_role("button", name="Resume").click()
    await expect(_row(page, "?fourth")).to_be_visible()
    await expect(page.get_by_role("status")).to_have_text("Live")


async def test_open_pages_leave_the_server_free(site: Site, page: Page) -> None:
    """Any number of them, all live: browsers open six connections to a server, so the pages of one share a stream."""
    opened = [page, *[await page.context.new_page() for _ in range(7)]]
    for each in opened:
        await each.goto(JOURNAL)
    await site.call("GET", "/api/now/table/incident?seen")
    for each in opened:
        await expect(_row(each, "?seen")).to_be_visible()
    await page.goto("/login.do")
    await expect(page.get_by_label("User name")).to_be_visible()


async def test_open_page_says_that_the_other_party_stops(chromium: Chromium) -> None:
    """And that it starts again; names, faults and forms follow, and what was typed stays."""
    async with MockServiceNow(seed=1) as servicenow, chromium.page(servicenow.url) as page:
        async with ConsoleSim(servicenow=servicenow, seed=1) as console:
            await page.goto(f"{JOURNAL}/faults")
            await expect(page.get_by_role("banner")).to_contain_text("ServiceNow and Console")
            await page.get_by_text("The instance is in maintenance").click()
            await page.locator("#servicenow-maintenance-for").fill("3 h")
            url = console.url
        await expect(page.get_by_text(f"Only ServiceNow is shown. Console, {url}, does not answer")).to_be_visible()
        await expect(page.get_by_role("heading", name="Console fails")).to_have_count(0)
        await expect(page.get_by_role("banner")).not_to_contain_text("Console")
        async with ConsoleSim(seed=1, port=int(url.rpartition(":")[2])):
            await expect(page.get_by_text("Console has started again")).to_be_visible()
            await expect(page.get_by_role("heading", name="Console fails")).to_be_visible()
            await expect(page.get_by_role("banner")).to_contain_text("ServiceNow and Console")
            await expect(page.get_by_label("Party that fails")).to_contain_text("Console")
        await expect(page.locator("#servicenow-maintenance-for")).to_have_value("3 h")


@pytest.mark.long
@pytest.mark.parametrize("shared", [True, False])
async def test_hidden_page_fetches_what_it_has_missed(site: Site, page: Page, *, shared: bool) -> None:
    """Once, when it is seen again; until then it asks for nothing."""
    await page.add_init_script(
        "let isHidden = false; Object.defineProperty(document, 'hidden', { get: () => isHidden });"
        "window.hide = (value) => { isHidden = value; document.dispatchEvent(new Event('visibilitychange')); };"
    )
    if not shared:
        await page.add_init_script("delete window.SharedWorker")
    await page.goto(JOURNAL)
    await expect(page.get_by_role("status")).to_have_text("Live")
    seen = await page.context.new_page()
    await seen.goto(JOURNAL)
    await page.evaluate("hide(true)")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await site.call("GET", "/api/now/table/incident?missed")
    await expect(_row(seen, "?missed")).to_be_visible()
    assert (asked, await _row(page, "?missed").count()) == ([], 0)
    await page.evaluate("hide(false)")
    await expect(_row(page, "?missed")).to_be_visible()


@pytest.mark.long
async def test_nothing_jumps_while_the_reader_is_further_down(site: Site, page: Page) -> None:
    """New exchanges are counted while the page is scrolled or shows older ones; the count leads to them."""
    for number in range(60):
        await site.call("GET", f"/api/now/table/{'incident' if number % 2 else 'problem'}?n={number}")
    await page.goto(JOURNAL)
    await page.mouse.wheel(0, 1_000)
    before = await _row(page, "?n=30").bounding_box()
    await site.call("GET", "/api/now/table/change_request?new")
    await expect(page.get_by_role("button", name="1 new exchange")).to_be_visible()
    assert await _row(page, "?n=30").bounding_box() == before
    await page.get_by_role("button", name="1 new exchange").click()
    await expect(_row(page, "?new")).to_be_in_viewport()
    await page.get_by_role("link", name="Older").click()
    await expect(_row(page, "?n=0")).to_be_visible()
    await site.call("GET", "/api/now/table/change_request?newer")
    await page.get_by_role("button", name="1 new exchange").click()
    await expect(_row(page, "?newer")).to_be_visible()


@pytest.mark.long
async def test_selected_text_and_scrolled_regions_stay(site: Site, page: Page) -> None:
    """Text that the reader has selected stays selected, and a ticked row stays although the page has no room for it."""
    await site.call("GET", "/api/now/table/incident?first")
    await page.goto(JOURNAL)
    await page.get_by_label("Select servicenow 1", exact=True).check()
    await page.evaluate("() => getSelection().selectAllChildren(document.querySelector('#x-servicenow-1 .wire'))")
    for number in range(55):
        await site.call("GET", f"/api/now/table/{'incident' if number % 2 else 'problem'}?n={number}")
    await expect(_row(page, "?n=54")).to_be_visible()
    assert "?first" in await page.evaluate("() => String(getSelection())")
    await expect(page.get_by_label("Select servicenow 1", exact=True)).to_be_checked()
    await site.call("DELETE", "/__admin/requests")
    await expect(page.get_by_text("The journal is empty")).to_be_visible()
    await site.call("GET", "/api/now/table/incident?again")
    await expect(page.get_by_label("Select servicenow 1", exact=True)).not_to_be_checked()


@pytest.mark.long
async def test_searches_while_typing(site: Site, page: Page) -> None:
    """The list follows what is typed, an error leaves it as it is, and values and usual searches add their terms."""
    for path in ("incident", "problem", "incident?x=1"):
        await site.call("GET", f"/api/now/table/{path}")
    await page.goto(JOURNAL)
    find = page.get_by_label("Search", exact=True)
    await find.press_sequentially("table:prob")
    await expect(page.get_by_text("No exchange matches the search")).to_be_visible()
    await find.press_sequentially("lem")
    await expect(page.get_by_role("row")).to_have_count(2)
    await find.press_sequentially(" statu:4")
    await expect(page.get_by_text("did you mean 'status'?")).to_be_visible()
    await expect(page.get_by_role("row")).to_have_count(2)
    assert await complaints(page) == []
    await find.fill("")
    await expect(page.get_by_role("row")).to_have_count(4)
    await _row(page, "?x=1").get_by_role("link", name="incident").click()
    await expect(page).to_have_url(f"{site.url}{JOURNAL}?find=table%3Aincident")
    await expect(find).to_have_value("table:incident")
    await expect(page.get_by_role("row")).to_have_count(3)
    await page.get_by_role("link", name="Errors").click()
    await expect(find).to_have_value("table:incident status:4xx,5xx")
    await page.reload()
    await expect(page.get_by_text("No exchange matches the search")).to_be_visible()
    await page.get_by_role("link", name="Errors").click()
    await expect(page.get_by_role("row")).to_have_count(3)


@pytest.mark.long
async def test_repeated_exchanges_unfold_in_place(site: Site, page: Page) -> None:
    """Polls are one line, which unfolds without leaving the page and stays open while more arrive."""
    for _ in range(4):
        await site.call("GET", "/api/now/table/incident?poll")
        await site.clock.advance(20)
    await page.goto(JOURNAL)
    await expect(page.get_by_role("row")).to_have_count(2)
    await expect(_row(page, "every 20 s")).to_contain_text("09:01:00")
    await page.get_by_role("link", name="Unfold 4 exchanges").click()
    await expect(page.get_by_role("row")).to_have_count(6)
    await site.call("GET", "/api/now/table/incident?poll")
    await expect(page.get_by_role("row")).to_have_count(7)
    await page.get_by_role("link", name="Fold 5 exchanges").click()
    await expect(page.get_by_role("row")).to_have_count(2)


@pytest.mark.long
async def test_back_leads_through_searches(site: Site, page: Page) -> None:
    """A click on a value is a step of the browser's history; other pages say that they have changed during a pause."""
    await site.call("GET", "/api/now/table/incident")
    await site.call("GET", "/api/now/table/problem")
    await page.goto(JOURNAL)
    await page.get_by_role("link", name="incident").click()
    await expect(page.get_by_role("row")).to_have_count(2)
    await page.go_back()
    await expect(page.get_by_role("row")).to_have_count(3)
    await expect(page.get_by_label("Search", exact=True)).to_have_value("")
    await page.goto(f"{JOURNAL}/faults")
    await page.get_by_role("button", name="Pause").click()
    await site.call("POST", "/__admin/faults", json={"kind": "status", "status": 500})
    await page.get_by_role("button", name="Changed meanwhile: show").click()
    await expect(page.get_by_role("button", name="Disarm status 1")).to_be_visible()
    await expect(page.get_by_role("status")).to_have_text("Paused")


@pytest.mark.long
async def test_page_says_that_it_is_not_live(site: Site, page: Page) -> None:
    """In a browser whose pages share nothing, too: while the server refuses the stream; later it is live by itself."""
    await page.add_init_script("delete window.SharedWorker")
    await page.route("**/__cockpit/events", lambda route: route.fulfill(status=204))
    await page.goto(JOURNAL)
    await expect(page.get_by_role("status")).to_have_text("Not live: no connection to the server")
    await page.unroute("**/__cockpit/events")
    await site.call("GET", "/api/now/table/incident?later")
    await expect(_row(page, "?later")).to_be_visible(timeout=30_000)
    await expect(page.get_by_role("status")).to_have_text("Live")
