import pytest
from aiohttp import ClientSession, DummyCookieJar, encode_basic_auth

from .conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


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


async def test_a_call_opens_no_page_to_users_for_web_services_alone(site: Site) -> None:
    """The session that a call with their password opens is none of a browser."""
    await site.add_user("robot", web_service_access_only="true")
    async with ClientSession(cookie_jar=DummyCookieJar()) as http:
        robot = {"Authorization": encode_basic_auth("robot", "admin")}
        async with http.get(f"{site.url}/api/now/table/incident", headers=robot) as answer:
            assert answer.status == 200
            cookies = {"JSESSIONID": answer.cookies["JSESSIONID"].value}
    somebody = await site.person("")
    assert "/login.do" in (await somebody.get("/", cookies=cookies)).url


async def test_session_of_a_deactivated_user_is_worth_nothing(site: Site) -> None:
    """Whoever is deactivated has to log in again, and cannot."""
    await site.add_user("leaver")
    leaver = await site.person("leaver")
    assert (await leaver.get("/")).url == f"{site.url}/"
    found = await site.call("GET", "/api/now/table/sys_user", params={"user_name": "leaver"})
    await site.change("sys_user", found["result"][0]["sys_id"], {"active": "false"})
    assert "/login.do" in (await leaver.get("/")).url


async def test_log_out_closes_the_session_that_it_leaves(site: Site) -> None:
    """After a log-out the old cookie opens nothing, whoever still has it."""
    somebody = await site.person()
    cookie = {each.key: each.value for each in somebody.http.cookie_jar}
    assert "/login.do" in (await somebody.post("/logout.do", {})).url
    thief = await site.person("")
    assert "/login.do" in (await thief.get("/", cookies=cookie)).url


async def test_clients_without_cookies_log_nobody_out(site: Site) -> None:
    """Neither visitors nor API calls, with credentials or without, end a session from the log-in page."""
    tester = await site.person()
    admin = {"Authorization": encode_basic_auth("admin", "admin")}
    async with ClientSession(cookie_jar=DummyCookieJar()) as http:
        for path, headers in (("/login.do", {}), ("/api/now/table/u_none", admin), ("/api/now/table/u_none", {})):
            for _ in range(1_001):
                async with http.get(f"{site.url}{path}", headers=headers) as answer:
                    assert "JSESSIONID" in answer.headers["Set-Cookie"]
    assert (await tester.get("/")).url == f"{site.url}/"


async def test_a_session_that_nobody_uses_ends(site: Site) -> None:
    """Whoever does nothing for 30 minutes has to log in again; each page begins them anew."""
    somebody = await site.person()
    for _ in range(3):
        await site.clock.advance(1_799)
        assert (await somebody.get("/")).url == f"{site.url}/"
    await site.clock.advance(1_800)
    assert "/login.do" in (await somebody.get("/")).url
    assert "/login.do" not in (await somebody.log_in("admin")).url


async def test_session_of_a_deleted_user_is_nobody_elses(site: Site) -> None:
    """Another user with the sys_id of a deleted one has to log in, as has everybody after a reset."""
    await site.add_user("gone")
    gone = await site.person("gone")
    [found] = (await site.call("GET", "/api/now/table/sys_user", params={"user_name": "gone"}))["result"]
    await site.call("DELETE", f"/api/now/table/sys_user/{found['sys_id']}")
    later = {"sys_id": found["sys_id"], "user_name": "later", "user_password": "other"}
    await site.call("POST", "/api/now/table/sys_user", json=later)
    assert "/login.do" in (await gone.get("/")).url
    admin = await site.person("admin")
    assert (await admin.get("/")).url == f"{site.url}/"
    await site.call("POST", "/__admin/reset")
    assert "/login.do" in (await admin.get("/")).url
