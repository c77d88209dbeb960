import pytest

from tests.browser import Page

from .conftest import ACTIVITY_TYPE, CONFIGURATION, REQUEST, RESPONSE, Site, log_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.long
async def test_log_in_returns_to_the_page(page: Page) -> None:
    """Without a session, a link leads to the log-in page and from there to its target."""
    await log_in(page, "privman.approver", f"/{REQUEST}_list.do")
    assert await page.get_by_role("heading", level=1).inner_text() == "Requests"
    assert await page.get_by_text("Privman Approver").is_visible()


@pytest.mark.long
async def test_wrong_password_is_refused(page: Page) -> None:
    """The page does not reveal whether the user name or the password was wrong."""
    await page.goto("/")
    await page.get_by_label("User name").fill("admin")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Log in").click()
    assert await page.get_by_role("alert").inner_text() == "User name or password invalid"


@pytest.mark.long
async def test_logging_out_ends_the_session(page: Page) -> None:
    """After a log-out every page requires a log-in again."""
    await log_in(page, "admin")
    await page.get_by_role("button", name="Log out").click()
    await page.goto("/")
    assert page.url.endswith("/login.do?sysparm_goto=%2F")


@pytest.mark.long
async def test_navigator_has_the_documented_modules(page: Page) -> None:
    """The app's group has its four modules in the order of the documentation."""
    await log_in(page, "admin")
    group = page.get_by_role("region", name="Thycotic Privilege Manager")
    links = group.get_by_role("link")
    words = ["Integration Configuration", "Activity types", "Requests", "Responses"]
    assert await links.all_inner_texts() == words
    tables = [CONFIGURATION, ACTIVITY_TYPE, REQUEST, RESPONSE]
    assert [await each.get_attribute("href") for each in await links.all()] == [f"/{name}_list.do" for name in tables]


@pytest.mark.long
async def test_navigator_filters_by_label_and_table(page: Page) -> None:
    """The filter ignores case."""
    await log_in(page, "admin")
    await page.get_by_label("Filter navigator").fill("inciDENT")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/?sysparm_filter=inciDENT")
    assert await page.get_by_role("main").get_by_role("link", name="Incident").first.is_visible()
    assert await page.get_by_role("main").get_by_role("link", name="Requests").count() == 0


@pytest.mark.long
async def test_script_in_a_value_is_shown_as_text(site: Site, page: Page) -> None:
    """Markup in the name of a policy is escaped in list and form."""
    hostile = "<script>document.title='taken'</script><img src=x onerror=alert(1)>"
    sys_id = await site.insert("incident", {"short_description": hostile, "category": "'\"><script>1</script>"})
    await log_in(page, "admin", "/incident_list.do?sysparm_fields=short_description,category")
    assert await page.get_by_role("link", name=hostile).is_visible()
    await page.goto(f"/incident.do?sys_id={sys_id}")
    assert await page.get_by_label("Short description").input_value() == hostile
    assert await page.title() == f"{await page.get_by_role('heading', level=1).inner_text()} | ServiceNow"
