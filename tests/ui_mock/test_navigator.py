import pytest
from playwright.async_api import Page

from .conftest import ACTIVITY_TYPE, CONFIGURATION, REQUEST, RESPONSE, SCOPE, Site, log_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_navigator_has_the_four_modules_in_their_words(site: Site, page: Page) -> None:
    """The app's group holds its four modules in the documentation's order (integration 1)."""
    await log_in(page, "admin")
    group = page.get_by_role("region", name="Thycotic Privilege Manager")
    links = group.get_by_role("link")
    words = ["Integration Configuration", "Activity types", "Requests", "Responses"]
    assert await links.all_inner_texts() == words
    tables = [CONFIGURATION, ACTIVITY_TYPE, REQUEST, RESPONSE]
    assert [await each.get_attribute("href") for each in await links.all()] == [f"/{name}_list.do" for name in tables]


async def test_filter_leaves_what_is_named_like_that(site: Site, page: Page) -> None:
    """The filter box finds modules by label and by table, in any case."""
    await log_in(page, "admin")
    await page.get_by_label("Filter navigator").fill("inciDENT")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/?sysparm_filter=inciDENT")
    assert await page.get_by_role("main").get_by_role("link", name="Incident").first.is_visible()
    assert await page.get_by_role("main").get_by_role("link", name="Requests").count() == 0


async def test_filter_without_a_match_says_so(site: Site) -> None:
    """A text that no module has is repeated, escaped."""
    person = await site.person()
    assert "No module is named like “&lt;b&gt;”" in (await person.get("/?sysparm_filter=<b>")).html


async def test_navigator_leaves_out_what_the_user_may_not_read(site: Site) -> None:
    """A user without a role of the app does not see its modules."""
    await site.add_user("newcomer")
    html = (await (await site.person("newcomer")).get("/?sysparm_filter=thycotic")).html
    assert f"<small>{REQUEST}</small>" not in html


async def test_no_page_shows_the_secrets_table(site: Site) -> None:
    """Where Secrets are kept has neither module nor list nor form, even for the administrator."""
    await site.register()
    person = await site.person()
    table = f"{SCOPE}integration_configuration_secret"
    assert table not in (await person.get("/")).html
    assert (await person.get(f"/{table}_list.do")).status == 404
    assert (await person.get(f"/{table}.do?sys_id=-1")).status == 404
