import pytest
from aiohttp import ClientSession, DummyCookieJar, encode_basic_auth

from .conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_session_cookie_is_protected(site: Site) -> None:
    """The cookie is HttpOnly and SameSite; over plain HTTP it cannot be Secure."""
    nobody = await site.person("")
    cookie = (await nobody.get("/login.do")).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


async def test_log_in_opens_a_new_session(site: Site) -> None:
    """A cookie that was planted before the log-in is worthless after it."""
    person = await site.person("")
    before = (await person.get("/login.do")).token
    await person.log_in("admin")
    assert person.token not in {"", before}


@pytest.mark.parametrize("goto", ["//elsewhere.example/", "https://elsewhere.example/", "/\\elsewhere.example", ""])
async def test_log_in_stays_on_the_instance(site: Site, goto: str) -> None:
    """A forged link to the log-in page leads to the navigator."""
    person = await site.person("")
    shown = await person.log_in("admin", sysparm_goto=goto)
    assert shown.url == f"{site.url}/"


async def test_web_service_users_cannot_log_in(site: Site) -> None:
    """A user with web service access only gets no page."""
    await site.add_user("robot", web_service_access_only="true")
    person = await site.person("")
    refused = await person.log_in("robot")
    assert ("User name or password invalid" in refused.html, 'value="robot"' in refused.html) == (True, True)


async def test_web_service_sessions_open_no_page(site: Site) -> None:
    """The session that an API call opens is not valid in a browser."""
    await site.add_user("robot", web_service_access_only="true")
    async with ClientSession(cookie_jar=DummyCookieJar()) as http:
        robot = {"Authorization": encode_basic_auth("robot", "admin")}
        async with http.get(f"{site.url}/api/now/table/incident", headers=robot) as answer:
            assert answer.status == 200
            cookies = {"JSESSIONID": answer.cookies["JSESSIONID"].value}
    person = await site.person("")
    assert "/login.do" in (await person.get("/", cookies=cookies)).url


async def test_session_of_a_deactivated_user_ends(site: Site) -> None:
    """A deactivated user must log in again, and cannot."""
    await site.add_user("leaver")
    leaver = await site.person("leaver")
    assert (await leaver.get("/")).url == f"{site.url}/"
    found = await site.call("GET", "/api/now/table/sys_user", params={"user_name": "leaver"})
    await site.change("sys_user", found["result"][0]["sys_id"], {"active": "false"})
    assert "/login.do" in (await leaver.get("/")).url


async def test_log_out_closes_the_session(site: Site) -> None:
    """After a log-out nobody can use the old cookie."""
    person = await site.person()
    cookie = {each.key: each.value for each in person.http.cookie_jar}
    assert "/login.do" in (await person.post("/logout.do", {})).url
    thief = await site.person("")
    assert "/login.do" in (await thief.get("/", cookies=cookie)).url


@pytest.mark.long
async def test_clients_without_cookies_end_no_session(site: Site) -> None:
    """Neither visitors nor API calls, with or without credentials, end a session from the log-in page."""
    tester = await site.person()
    admin = {"Authorization": encode_basic_auth("admin", "admin")}
    async with ClientSession(cookie_jar=DummyCookieJar()) as http:
        for path, headers in (("/login.do", {}), ("/api/now/table/u_none", admin), ("/api/now/table/u_none", {})):
            for _ in range(1_001):
                async with http.get(f"{site.url}{path}", headers=headers) as answer:
                    assert "JSESSIONID" in answer.headers["Set-Cookie"]
    assert (await tester.get("/")).url == f"{site.url}/"


async def test_a_jump_logs_nobody_out(site: Site) -> None:
    """A form that was opened before it is accepted after it."""
    person = await site.person()
    await site.clock.advance(24 * 3_600)
    assert (await person.get("/")).url == f"{site.url}/"
    await site.clock.advance(24 * 3_600)
    created = await person.post("/incident.do?sys_id=-1", {"sys_action": "insert", "incident.short_description": "x"})
    assert "Record created" in created.html


async def test_session_of_a_deleted_user_ends(site: Site) -> None:
    """A new user with the same sys_id does not inherit it; a reset ends every session."""
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
