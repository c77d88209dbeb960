import pytest

from tests.browser import PHONE, WIDE, Chromium, Page, complaints, expect, misfits, tab_to
from tests.contrast import faint
from tests.page_walk import of_product, shown_pages

from .conftest import ACTIVITY_TYPE, CONFIGURATION, GUID, REQUEST, Site, log_in

pytestmark = pytest.mark.asyncio(loop_scope="session")
OPENERS = "details.menu > summary, [popovertarget]:not([popovertargetaction])"
OPENED = {"List menu", "Form menu", "More options", "Columns", "Run", "Delete", "Preview", "Navigator"}
# The page behind is partly hidden until they are closed.
MENUS = "details.menu[open], :popover-open"
_CUT_OFF = """() => [...document.querySelectorAll("details.menu[open] > :not(summary), :popover-open")]
  .map((each) => each.getBoundingClientRect())
  .filter((box) => box.left < 0 || box.right > document.documentElement.clientWidth).length"""


async def _pages(site: Site) -> list[str]:
    sys_id = await site.ask()
    record = await site.read(REQUEST, sys_id)
    incident = await site.insert("incident", {"short_description": "x", "comments": "entry"})
    return [
        *of_product(shown_pages(site.app)),
        "/?sysparm_filter=nothing-is-named-so",
        f"/{REQUEST}_list.do?sysparm_query=status=Pending%5Enonsense",
        f"/{REQUEST}.do?sys_id={sys_id}",
        f"/{CONFIGURATION}.do?sys_id={record['instance_id']}",
        f"/{ACTIVITY_TYPE}.do?sys_id={record['activity_type_id']}",
        f"/{ACTIVITY_TYPE}_list.do",
        f"/incident.do?sys_id={incident}",
        "/incident_list.do?sysparm_query=number=none",
        "/no/such/page",
        "/sys_user.do?sys_id=-1",
        "/no_table_list.do",
    ]


@pytest.mark.long
async def test_every_page_passes_axe_and_fits(site: Site, page: Page) -> None:
    """Labels, names, contrast and layout are fine in light and dark mode, on a phone and on a wide screen."""
    found = await misfits(page, ["/login.do"])
    await log_in(page, "admin")
    found += await misfits(page, await _pages(site))
    assert found == []


@pytest.mark.long
async def test_refused_form_passes_axe(site: Site, page: Page) -> None:
    """The form that is shown again announces its errors."""
    sys_id = await site.activity_type(await site.register())
    await log_in(page, "admin", f"/{ACTIVITY_TYPE}.do?sys_id={sys_id}")
    await page.get_by_label("Minutes").fill("61")
    await page.get_by_role("button", name="Update").first.click()
    await expect(page.get_by_role("alert")).to_be_visible()
    assert await complaints(page) == []
    await expect(page.get_by_label("Minutes")).to_have_attribute("aria-invalid", "true")


@pytest.mark.long
async def test_approving_needs_no_mouse(site: Site, page: Page) -> None:
    """From the log-in to the decision everything works by keyboard, and the focus is always visible."""
    sys_id = await site.ask()
    await page.goto(f"/{REQUEST}_list.do")
    await expect(page.get_by_label("User name")).to_be_focused()
    await page.keyboard.type("privman.approver")
    await page.keyboard.press("Tab")
    await page.keyboard.type("admin")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/{REQUEST}_list.do")
    await tab_to(page, GUID)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/{REQUEST}.do?sys_id={sys_id}*")
    await tab_to(page, "Approve")
    outline = await page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("Decision recorded")


@pytest.mark.long
async def test_skip_link_skips_the_navigator(site: Site, page: Page) -> None:
    """The first tab stop leads to the main content."""
    await site.ask()
    await log_in(page, "admin", f"/{REQUEST}_list.do")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert await page.evaluate("() => document.activeElement.closest('main') !== null")


@pytest.mark.long
async def test_pages_work_without_script(site: Site, chromium: Chromium) -> None:
    """Log-in, filter, form and decision need no script."""
    sys_id = await site.ask()
    async with chromium.page(site.url, java_script_enabled=False) as page:
        await log_in(page, "privman.approver", f"/{REQUEST}_list.do")
        await page.get_by_text("Filter", exact=True).click()
        await page.get_by_label("Encoded query").fill("status=Pending")
        await page.get_by_role("button", name="Run").first.click()
        await page.get_by_role("link", name=GUID).click()
        await page.get_by_role("button", name="Deny").click()
        await expect(page.get_by_role("status")).to_have_text("Decision recorded")
    assert (await site.read(REQUEST, sys_id))["status"] == "Deny"


async def _open_menus(page: Page, path: str, width: int, seen: set[str]) -> list[str]:
    """Open each menu and question of a page that was not seen yet, and return its defects in light and dark mode."""
    found: list[str] = []
    await page.goto(path)
    for opener in await page.locator(OPENERS).all():
        name = (await opener.text_content() or "").strip()
        name = "Preview" if name.startswith("Preview ") else name
        if name in seen or not await opener.is_visible():
            continue
        seen.add(name)
        await opener.click()
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            found += [f"{name}: {each}" for each in (*await complaints(page, within=MENUS), *await faint(page))]
        await page.emulate_media(color_scheme="light")
        found += [f"{name} is cut off at {width} pixels"] * await page.evaluate(_CUT_OFF)
        await page.goto(path)
    return found


@pytest.mark.long
@pytest.mark.parametrize("width", [PHONE, WIDE])
async def test_every_open_menu_passes_axe(site: Site, page: Page, width: int) -> None:
    """Menus and questions, on whichever page they are first; none is cut off."""
    await log_in(page, "admin")
    await page.set_viewport_size({"width": width, "height": 900})
    seen: set[str] = set()
    found = [each for path in await _pages(site) for each in await _open_menus(page, path, width, seen)]
    assert found == []
    assert seen == OPENED - ({"Navigator"} if width == WIDE else set())


@pytest.mark.long
async def test_states_pass_axe(site: Site, page: Page) -> None:
    """Notes and errors are fine in light and dark mode, below an open menu."""
    sys_id = await site.activity_type(await site.register())
    path = f"/{ACTIVITY_TYPE}.do?sys_id={sys_id}"
    await log_in(page, "admin", f"/{ACTIVITY_TYPE}_list.do")
    found: list[str] = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        await page.goto(path)
        await page.locator("summary").first.click()
        await page.get_by_label("Name", exact=True).fill("")
        await page.get_by_role("button", name="Update").first.click()
        await expect(page.get_by_role("alert")).to_contain_text("Name: mandatory, but blank")
        found += await complaints(page)
    assert found == []


@pytest.mark.long
async def test_a_phone_shows_the_status_before_the_rest(site: Site, chromium: Chromium) -> None:
    """The navigator is folded until its button is pressed; paper has no controls."""
    sys_id = await site.ask()
    async with chromium.page(site.url, viewport={"width": 360, "height": 640}) as page:
        await log_in(page, "privman.approver", f"/{REQUEST}.do?sys_id={sys_id}")
        await expect(page.get_by_text("Pending", exact=True).first).to_be_in_viewport()
        await expect(page.get_by_role("button", name="Approve")).to_be_in_viewport()
        await expect(page.get_by_role("link", name="Responses", exact=True)).to_be_hidden()
        await page.get_by_role("button", name="Navigator").click()
        await expect(page.get_by_role("link", name="Responses", exact=True)).to_be_in_viewport()
        await page.goto(f"/{REQUEST}_list.do")
        await expect(page.get_by_role("cell", name="Pending")).to_be_in_viewport()
        await page.emulate_media(media="print")
        await expect(page.get_by_role("button").first).to_be_hidden()
        await expect(page.get_by_role("cell", name="Pending")).to_be_visible()
