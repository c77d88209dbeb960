"""Layout: a list of requests on a narrow screen and on paper, the folded navigation, and what is not simulated."""

import re

import pytest

from console_sim.settings import Settings
from tests.browser import PHONE, Chromium, Page, complaints, expect
from tests.contrast import faint

from .conftest import API_CLIENT, APPROVALS, CREDENTIALS, DECIDE, ENDPOINT, HISTORY, SERVER, SYSTEMS, TASKS, USERS, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
LONG = "Averylongwordwithoutanyspace" * 8
# The narrowest visible column of text, in pixels; one letter a line is narrower than 40.
NARROWEST = """() => Math.min(...[...document.querySelectorAll("td[data-label], .history .cell")]
  .filter(each => each.checkVisibility()).map(each => each.getBoundingClientRect().width))"""
WIDTH, TOP = (f"each => each.getBoundingClientRect().{side}" for side in ("width", "top"))
FITS = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"


async def ask_at_length(site: Site) -> None:
    """Ask with long words."""
    await site.ask(PolicyName=LONG, InitiatorUserName=f"A\\{LONG}", UserReason=LONG, FilePath=f"/{LONG}")


async def test_list_of_requests_is_readable_on_any_screen_and_on_paper(site: Site, page: Page) -> None:
    """No column is narrower than a word, and nothing needs to be scrolled sideways, also at 200% zoom."""
    await ask_at_length(site)
    for path in (APPROVALS, HISTORY):
        await page.goto(path)
        for width in (PHONE, 640, 800):
            await page.set_viewport_size({"width": width, "height": 900})
            assert (path, width, await page.evaluate(NARROWEST) >= 100, await page.evaluate(FITS)) == (
                path,
                width,
                True,
                True,
            )
        await page.emulate_media(media="print")
        await page.set_viewport_size({"width": 700, "height": 900})
        assert (path, await page.evaluate(NARROWEST) >= 90, await page.evaluate(FITS)) == (path, True, True)
        await expect(page.get_by_role("navigation")).to_be_hidden()
        await page.emulate_media(media="screen")


@pytest.mark.long
async def test_navigation_is_folded_on_a_phone(site: Site, chromium: Chromium) -> None:
    """The button Menu unfolds it, also without script; on a wide screen it is always there."""
    for script in (True, False):
        async with chromium.page(
            site.url, java_script_enabled=script, viewport={"width": PHONE, "height": 700}
        ) as page:
            await page.goto(USERS)
            await expect(page.get_by_role("link", name="Tasks")).to_be_hidden()
            await page.get_by_role("button", name="Menu").click()
            await page.get_by_role("link", name="Tasks").click()
            await expect(page.get_by_role("heading", level=1)).to_have_text("Tasks")
            await page.set_viewport_size({"width": 1_280, "height": 700})
            await expect(page.get_by_role("button", name="Menu")).to_be_hidden()
            await expect(page.get_by_role("link", name="Users")).to_be_visible()


async def test_what_the_vendor_has_is_shown_as_not_simulated(site: Site) -> None:
    """Entries of the navigation, the head bar, tabs, buttons and kinds of foreign systems lead nowhere."""
    shown = await site.person.get(SYSTEMS)
    for name in ("Disclose Password", "Licenses", "Search", "Alerts", "Help", "Discovery", "SMTP Server"):
        assert (name, f"{name} (not simulated)" in shown.text, name in shown.links) == (name, True, False)
    await site.set_up()
    assert "More (not simulated)" in (await site.person.get(SERVER)).text


async def test_metadata_shows_its_chief_parts(site: Site) -> None:
    """The rest is folded, and says how much there is."""
    await site.ask(FilePath="/x", **{f"Key{number:03}": "v" for number in range(110)})
    shown = await site.person.get(HISTORY)
    chief, _, rest = shown.html.partition('<details class="metadata">')
    assert ("<dt>File Path</dt><dd>/x</dd>" in chief, "Key001" in chief, "Key001" in rest) == (True, False, True)
    assert "Metadata: 113 entries, of which the first 100 are here" in shown.text


@pytest.mark.long
async def test_states_that_only_forms_and_mistakes_lead_to_pass_axe(site: Site, page: Page) -> None:
    """Unknown addresses and items, errors beside fields, an empty search, unfolded requests, and a stale form."""
    await site.set_up()
    await ask_at_length(site)
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        for path in ("/nowhere", f"{USERS}/api-client?user=x", f"{CREDENTIALS}?search=zzz", TASKS, "/login"):
            await page.goto(path)
            assert await complaints(page) == []
        await page.goto(APPROVALS)
        await page.locator(".expand summary").click()
        assert await complaints(page) == []
        await page.set_viewport_size({"width": PHONE, "height": 900})
        assert await complaints(page) == []
        await page.get_by_role("button", name="Menu").click()
        assert await complaints(page) == []
        await page.set_viewport_size({"width": 1_280, "height": 900})
        await page.goto(SERVER)
        await page.get_by_label("Base URL").fill("dev1")
        await page.get_by_role("button", name="Save Changes").click()
        await expect(page.get_by_text("Nothing was saved.")).to_be_visible()
        assert await complaints(page) == []
        await page.goto(ENDPOINT)
        await page.get_by_role("button", name="Request approval").click()
        await expect(page.get_by_text("Policy is empty")).to_be_visible()
        assert await complaints(page) == []
        await page.goto(SERVER)
        await page.get_by_label("Description").fill(f"ours {scheme}")
        await site.set_up(use_webhook=scheme == "dark")
        await page.get_by_role("button", name="Save Changes").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Nothing saved")
        assert await complaints(page) == []


@pytest.mark.long
async def test_forced_colours_keep_what_backgrounds_show(page: Page) -> None:
    """The chosen entry, the chosen tab and a switch are told apart by lines, or by the browser's own control."""
    await page.emulate_media(forced_colors="active")
    await page.goto("/admin/configuration/advanced")
    style = "(each, name) => getComputedStyle(each)[name]"
    tabs = page.get_by_role("navigation", name="Configuration").locator("a")
    widths = [await each.evaluate(style, "borderBottomWidth") for each in await tabs.all()]
    assert sorted(widths)[-2:] == ["0px", "3px"]
    assert await page.get_by_role("switch").evaluate(style, "appearance") == "auto"
    assert await complaints(page) == []
    await page.goto(USERS)
    chosen = page.get_by_role("navigation", name="Console").locator("[aria-current]")
    assert await chosen.evaluate(style, "outlineStyle") == "solid"


async def test_navigation_marks_what_a_page_is_below(site: Site) -> None:
    """Also on the page of an item, and on Configuration, which leads to its first tab."""
    found = {
        "/": "Home",
        f"{CREDENTIALS}/create": "Configuration",
        f"{USERS}/create": "Users",
        DECIDE: "Manage Approvals",
    }
    for path, marked in found.items():
        entries = (await site.person.get(path)).html.partition('id="modules"')[2].partition("</nav>")[0]
        assert (path, re.findall(r'aria-current="[a-z]+">([\w ]+)', entries)) == (path, [marked])


async def test_refused_field_keeps_its_hint(site: Site) -> None:
    """A screen reader reads both; what is not done is called as the form calls it."""
    shown = await site.person.submit(ENDPOINT, {})
    assert 'aria-describedby="PolicyName.error PolicyName.hint"' in shown.html
    assert ("Nothing was requested. Correct the fields below." in shown.text, "Policy *" in shown.text) == (True, True)


@pytest.mark.long
async def test_parts_of_a_page_are_where_they_belong(site: Site, page: Page) -> None:
    """Tabs, what a row unfolds, the mark of a summary, the message beside a field, and no buttons on paper."""
    await page.set_viewport_size({"width": 1_280, "height": 900})
    await page.goto(CREDENTIALS)
    tabs = page.get_by_role("navigation", name="Configuration").locator("li")
    assert len({await each.evaluate(TOP) for each in await tabs.all()}) == 1
    await page.goto(f"{CREDENTIALS}/create")
    await page.locator(".edit summary").click()
    await page.get_by_role("button", name="Save Password").click()
    await expect(page.get_by_text("Password is empty")).to_be_visible()
    said, edit = page.get_by_text("No password is set"), page.locator(".edit")
    assert abs(await said.evaluate(TOP) - await edit.evaluate(TOP)) < 10
    await site.ask()
    await page.set_viewport_size({"width": 640, "height": 900})
    await page.goto(APPROVALS)
    await page.locator(".expand summary").click()
    widths = [await page.locator(each).first.evaluate(WIDTH) for each in ("tbody tr", ".more", ".more td")]
    assert len(set(widths)) == 1, widths
    await page.goto(HISTORY)
    marks = await page.locator("summary").evaluate_all("all => all.map(each => getComputedStyle(each).listStyleType)")
    assert set(marks) == {"none"}
    await page.emulate_media(media="print")
    await page.goto(API_CLIENT)
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert await page.locator("main .button:visible, main button:visible").all_inner_texts() == []


@pytest.mark.long
@pytest.mark.parametrize("settings", [Settings(admin_token="open-sesame")])
async def test_texts_and_borders_differ_from_what_is_behind_them(page: Page) -> None:
    """Also where a part of the page inherits the colour of one that lies elsewhere, such as Log out."""
    await page.goto("/login")
    await page.get_by_label("Token").fill("open-sesame")
    await page.get_by_role("button", name="Log in").click()
    found = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        for width in (PHONE, 800, 1_280):
            await page.set_viewport_size({"width": width, "height": 900})
            for path in ("/", USERS, f"{USERS}/create", APPROVALS, HISTORY, ENDPOINT, SYSTEMS, CREDENTIALS, TASKS):
                await page.goto(path)
                found += await faint(page)
    assert found == []
