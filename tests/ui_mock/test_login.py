import pytest
from playwright.async_api import Page

from .conftest import REQUEST, Site, log_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_page_asks_for_the_log_in_first_and_comes_back(site: Site, page: Page) -> None:
    """Whoever opens a link without a session logs in and arrives where the link leads."""
    await log_in(page, "privman.approver", f"/{REQUEST}_list.do")
    assert await page.get_by_role("heading", level=1).inner_text() == "Request"
    assert await page.get_by_text("Privman Approver").is_visible()


async def test_wrong_password_is_told_on_the_page(site: Site, page: Page) -> None:
    """A wrong password is told, and not who of the two was wrong."""
    await page.goto("/")
    await page.get_by_label("User name").fill("admin")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Log in").click()
    assert await page.get_by_role("alert").inner_text() == "User name or password invalid"


async def test_logging_out_ends_the_session(site: Site, page: Page) -> None:
    """After logging out every page asks for the log-in again."""
    await log_in(page, "admin")
    await page.get_by_role("button", name="Log out").click()
    await page.goto("/")
    assert page.url.endswith("/login.do?sysparm_goto=%2F")


async def test_session_cookie_is_kept_from_scripts_and_other_sites(site: Site) -> None:
    """The cookie is HttpOnly and SameSite; over plain HTTP it cannot be Secure."""
    nobody = await site.person("")
    cookie = (await nobody.get("/login.do")).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


async def test_log_in_opens_another_session(site: Site) -> None:
    """A cookie that somebody planted before the log-in is worth nothing after it."""
    somebody = await site.person("")
    before = (await somebody.get("/login.do")).token
    await somebody.log_in("admin")
    assert somebody.token not in {"", before}


@pytest.mark.parametrize("goto", ["//elsewhere.example/", "https://elsewhere.example/", "/\\elsewhere.example", ""])
async def test_log_in_never_leads_elsewhere(site: Site, goto: str) -> None:
    """A forged link to the log-in page leads to the navigator."""
    somebody = await site.person("")
    shown = await somebody.log_in("admin", sysparm_goto=goto)
    assert shown.url == f"{site.url}/"


async def test_users_for_web_services_alone_cannot_log_in(site: Site) -> None:
    """A user with web service access only gets no page."""
    await site.add_user("robot", web_service_access_only="true")
    somebody = await site.person("")
    assert "User name or password invalid" in (await somebody.log_in("robot")).html


async def test_session_of_a_deactivated_user_is_worth_nothing(site: Site) -> None:
    """Whoever is deactivated has to log in again, and cannot."""
    await site.add_user("leaver")
    leaver = await site.person("leaver")
    assert (await leaver.get("/")).url == f"{site.url}/"
    found = await site.call("GET", "/api/now/table/sys_user", params={"user_name": "leaver"})
    await site.change("sys_user", found["result"][0]["sys_id"], {"active": "false"})
    assert "/login.do" in (await leaver.get("/")).url
