"""Who may come in."""

from base64 import b64encode
from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.users import Holder
from privman_core.virtual_clock import VirtualClock

Client = TestClient[web.Request, web.Application]
ADMIN = "6816f79cc0a8016401c5a33be04be441"
PATH = f"/api/now/table/sys_user/{ADMIN}"


def header(credentials: str) -> dict[str, str]:
    """Return the header for ``user:password``."""
    return {"Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}


async def status(client: Client, credentials: str) -> int:
    """Return the status that credentials get."""
    return (await client.get(PATH, headers=header(credentials))).status


@pytest.mark.parametrize(
    "headers",
    [
        {},
        header("admin:wrong"),
        header("nobody:admin"),
        header("former.employee:"),
        header("employee:"),
        header("admin"),
        {"Authorization": "Basic !"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Digest x"},
    ],
)
async def test_invalid_credentials_get_401(anonymous: Client, headers: dict[str, str]) -> None:
    """Whatever is wrong, the answer is 401 with the same text."""
    response = await anonymous.get(PATH, headers=headers)
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == 'BASIC realm="Service-now"'
    assert "X-Is-Logged-In" not in response.headers
    assert "JSESSIONID" in response.headers["Set-Cookie"]
    assert await response.json() == {
        "error": {"message": "User is not authenticated", "detail": "Required to provide Auth information"},
        "status": "failure",
    }


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("mode", ["navigate", "no-cors"])
async def test_other_sites_cannot_post_forms(
    client: Client, swallowed: Callable[[], list[str]], site: str, mode: str
) -> None:
    """A browser says whose page posts; pages that may only look, and scripts that ask first, are let in."""
    forged = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
    refused = await client.post("/api/now/table/incident", json={}, headers=forged)
    assert (refused.status, swallowed()) == (403, ["foreign-form-refused"])
    assert (await client.get(PATH, headers=forged)).status == 200
    for allowed in ({**forged, "Sec-Fetch-Site": "same-origin"}, {**forged, "Sec-Fetch-Mode": "cors"}):
        assert (await client.post("/api/now/table/incident", json={}, headers=allowed)).status == 201


@pytest.mark.parametrize("content_type", ["", "text/plain;charset=utf-8", "Multipart/Form-Data; boundary=x"])
async def test_other_sites_cannot_post_forms_without_tls(client: Client, content_type: str) -> None:
    """There a browser says no more than where the page comes from; what it asks for first is let in."""
    own = f"http://{client.host}:{client.port}"
    for origin, status in (("http://evil.example", 403), ("null", 403), (own, 404)):
        posted = {"Origin": origin, "Content-Type": content_type}
        path = "/api/now/attachment/file?table_name=incident&table_sys_id=none&file_name=x"
        assert (await client.post(path, data=b"x", headers=posted, skip_auto_headers=["Content-Type"])).status == status
    asked = {"Origin": "http://other.example"}
    assert (await client.post("/api/now/table/incident", json={}, headers=asked)).status == 201


async def test_credentials_come_before_the_path(anonymous: Client) -> None:
    """Nobody learns without credentials which paths and tables exist."""
    assert (await anonymous.get("/api/now/bunk")).status == 401
    assert (await anonymous.get("/api/now/table/bunk")).status == 401


async def test_five_failures_lock_out_for_fifteen_minutes(anonymous: Client, clock: VirtualClock) -> None:
    """After five wrong passwords the right one does not help, until the lockout ends."""
    for _ in range(4):
        assert await status(anonymous, "admin:wrong") == 401
    assert await status(anonymous, "admin:admin") == 200
    for _ in range(5):
        assert await status(anonymous, "admin:wrong") == 401
    assert await status(anonymous, "admin:admin") == 401
    await clock.advance(14 * 60 + 59)
    assert await status(anonymous, "admin:admin") == 401
    await clock.advance(1)
    assert await status(anonymous, "admin:admin") == 200
    assert await status(anonymous, "admin:admin") == 200


async def test_failures_count_anew_after_a_lockout(anonymous: Client, clock: VirtualClock) -> None:
    """The next five failures lock out again."""
    for _ in range(5):
        await status(anonymous, "admin:wrong")
    await clock.advance(900)
    for _ in range(4):
        await status(anonymous, "admin:wrong")
    assert await status(anonymous, "admin:admin") == 200


@pytest.mark.parametrize("change", [{"active": "false"}, {"locked_out": "true"}, {"user_password": "other"}])
async def test_deactivation_and_new_passwords_act_at_once(
    anonymous: Client, instance: Instance, change: dict[str, str]
) -> None:
    """Deactivating, locking or a new password act on the next request."""
    assert await status(anonymous, "admin:admin") == 200
    with instance.transaction(instance.system) as session:
        session.update("sys_user", ADMIN, change)
    assert await status(anonymous, "admin:admin") == 401


async def test_a_password_may_be_set_by_a_client(client: Client, anonymous: Client) -> None:
    """A user created with sysparm_input_display_value logs in with the password."""
    body = {"user_name": "newcomer", "user_password": "pa:ss"}
    response = await client.post("/api/now/table/sys_user?sysparm_input_display_value=true", json=body)
    assert response.status == 201
    assert "pa:ss" not in await response.text()
    assert await status(anonymous, "newcomer:pa:ss") == 200


async def test_roles_are_granted_directly_by_group_and_by_containment(
    user: Client, instance: Instance, grant: Callable[[str, str], None]
) -> None:
    """A role counts wherever it comes from; user_admin lets a user create users."""
    assert (await user.post("/api/now/table/sys_user", json={})).status == 403
    with instance.transaction(instance.system) as session:
        plain = session.find("sys_user", user_name="plain")
        group = session.find("sys_user_group", name="User Administrators")
        assert plain is not None
        assert group is not None
        member = session.insert("sys_user_grmember", {"user": plain.sys_id, "group": group.sys_id})
    assert (await user.post("/api/now/table/sys_user", json={"user_name": "a"})).status == 201
    with instance.transaction(instance.system) as session:
        session.delete("sys_user_grmember", member.sys_id)
    assert (await user.post("/api/now/table/sys_user", json={"user_name": "b"})).status == 403
    grant("plain", "people_lead")
    with instance.transaction(instance.system) as session:
        roles = {name: session.find("sys_user_role", name=name) for name in ("people_lead", "user_admin")}
        ids = {name: role.sys_id for name, role in roles.items() if role is not None}
        session.insert("sys_user_role_contains", {"role": ids["people_lead"], "contains": ids["user_admin"]})
    assert (await user.post("/api/now/table/sys_user", json={"user_name": "b"})).status == 201


async def test_a_session_needs_its_token(anonymous: Client, instance: Instance) -> None:
    """A session cookie without X-UserToken is refused, with it the user is known, and a closed session is not."""
    session = instance.web_sessions.open(Holder(ADMIN))
    anonymous.session.cookie_jar.update_cookies({"JSESSIONID": session.id})
    assert (await anonymous.get(PATH)).status == 401
    assert (await anonymous.get(PATH, headers={"X-UserToken": "bunk"})).status == 401
    response = await anonymous.get(PATH, headers={"X-UserToken": session.token})
    assert response.status == 200
    assert "Set-Cookie" not in response.headers
    instance.web_sessions.close(session.id)
    assert (await anonymous.get(PATH, headers={"X-UserToken": session.token})).status == 401


@pytest.mark.parametrize("change", [{"active": "false"}, {}])
async def test_a_session_ends_with_its_user(anonymous: Client, instance: Instance, change: dict[str, str]) -> None:
    """A user who is deactivated or gone is not let in by an old session."""
    with instance.transaction(instance.system) as session:
        user = session.insert("sys_user", {"user_name": "x"})
        opened = instance.web_sessions.open(Holder(user.sys_id))
        if change:
            session.update("sys_user", user.sys_id, change)
        else:
            session.delete("sys_user", user.sys_id)
    anonymous.session.cookie_jar.update_cookies({"JSESSIONID": opened.id})
    assert (await anonymous.get(PATH, headers={"X-UserToken": opened.token})).status == 401


async def test_a_visitors_cookie_opens_no_session_of_a_user(anonymous: Client) -> None:
    """The session opened by a refused request lets nobody in."""
    response = await anonymous.get(PATH)
    assert response.status == 401
    assert (await anonymous.get(PATH, headers={"X-UserToken": ""})).status == 401


async def test_cookies_of_a_session(client: Client) -> None:
    """An answer opens a session with the platform's cookies; the next one needs none."""
    response = await client.get(PATH)
    names = [cookie.partition("=")[0] for cookie in response.headers.getall("Set-Cookie")]
    glide = ["glide_user", "glide_user_session", "glide_user_route", "glide_session_store"]
    assert names == ["JSESSIONID", *glide, "BIGipServerpool_mock"]


@pytest.mark.long
async def test_the_oldest_session_of_a_user_is_dropped(instance: Instance, clock: VirtualClock) -> None:
    """Of one user's sessions the least recently used ends past a thousand; other users keep theirs."""
    sessions = instance.web_sessions
    used, unused, other = sessions.open(Holder(ADMIN)), sessions.open(Holder(ADMIN)), sessions.open(Holder("other"))
    await clock.advance(60)  # a shared database learns of a use once a minute
    sessions.find(used.id)
    for _ in range(999):
        sessions.open(Holder(ADMIN))
        sessions.find(used.id)
    known = {each.id: sessions.find(each.id) for each in (used, unused, other)}
    assert [found and found.holder.sys_id for found in known.values()] == [ADMIN, "", "other"]


async def test_a_second_factor_can_be_required(anonymous: Client, instance: Instance) -> None:
    """With the property set, a good password of a user with a second factor is not enough, and the header says so."""
    with instance.transaction(instance.system) as session:
        session.update("sys_user", ADMIN, {"enable_multifactor_authn": "true"})
    assert await status(anonymous, "admin:admin") == 200
    with instance.transaction(instance.system) as session:
        name = "glide.authenticate.multifactor.basic_auth"
        session.insert("sys_properties", {"name": name, "value": "true"})
        session.insert("sys_user", {"user_name": "single", "user_password": "factor"})
    response = await anonymous.get(PATH, headers=header("admin:admin"))
    assert response.status == 401
    assert response.headers["X-MFA_TOKEN"] == "invalid"
    response = await anonymous.get(PATH, headers=header("admin:wrong"))
    assert response.status == 401
    assert "X-MFA_TOKEN" not in response.headers
    assert await status(anonymous, "single:factor") == 200


async def test_a_public_table_answers_without_credentials(anonymous: Client, instance: Instance) -> None:
    """A table listed in sys_public is read without credentials; wrong ones are still wrong."""
    path = "/api/now/v2/table/cmn_department"
    assert (await anonymous.get(path)).status == 401
    with instance.transaction(instance.system) as session:
        session.insert("sys_public", {"page": "cmn_department"})
    assert (await anonymous.get(path)).status == 200
    assert (await anonymous.get(path, headers=header("admin:wrong"))).status == 401
    assert (await anonymous.get("/api/now/table/cmn_location")).status == 401


@pytest.mark.parametrize(
    "asked",
    [
        {"sysparm_fields": "name,dept_head.email,dept_head.name"},
        {"sysparm_query": "dept_head.emailSTARTSWITHnatasha", "sysparm_fields": "name,dept_head.name"},
        {"sysparm_query": "dept_headSTARTSWITHNatasha", "sysparm_fields": "name"},
        {"sysparm_query": "SUBQUERYdept_head,sys_id,sys_user^nameSTARTSWITHNatasha^ENDSUBQUERY"},
        {"dept_head": "Natasha Ingram"},
        {"sysparm_display_value": "all"},
    ],
    ids=str,
)
async def test_a_public_table_opens_no_other(
    anonymous: Client, user: Client, instance: Instance, asked: dict[str, str]
) -> None:
    """Nobody learns without credentials what tables hold that are not public, whatever a public one refers to.

    That a user with as few roles has asked before makes no difference.
    """
    with instance.transaction(instance.system) as session:
        session.insert("sys_public", {"page": "cmn_department"})
        total = session.count("cmn_department")
    assert (await user.get("/api/now/table/cmn_department", params=asked)).status == 200
    answer = await anonymous.get("/api/now/table/cmn_department", params=asked)
    text = await answer.text()
    assert "natasha" not in text.lower()
    assert len((await answer.json())["result"]) == (0 if "dept_head" in asked else total)


async def test_tables_that_extend_a_public_table_are_public(anonymous: Client, instance: Instance) -> None:
    """Under the name of the public table; its comments name no user to a guest."""
    with instance.transaction(instance.system) as session:
        session.insert("sys_public", {"page": "task"})
        problem = session.insert("incident", {"comments": "by system"})
    shown = await anonymous.get(
        "/api/now/table/task", params={"sysparm_query": f"sys_id={problem.sys_id}", "sysparm_display_value": "true"}
    )
    assert [each["sys_class_name"] for each in (await shown.json())["result"]] == ["Incident"]


@pytest.mark.parametrize(
    ("method", "headers"),
    [("POST", {}), ("PUT", {}), ("PATCH", {}), ("DELETE", {}), ("POST", {"X-HTTP-Method-Override": "PATCH"})],
)
async def test_guests_cannot_write_public_tables(
    anonymous: Client,
    create: Callable[..., str],
    swallowed: Callable[[], list[str]],
    method: str,
    headers: dict[str, str],
) -> None:
    """Public pages are read-only, even if the access controls of a table let everybody write."""
    create("sys_public", page="u_chain")
    path = (
        f"/api/now/table/u_chain/{create('u_chain')}" if (method, headers) != ("POST", {}) else "/api/now/table/u_chain"
    )
    assert (await anonymous.request(method, path, json={}, headers=headers)).status == 401
    assert swallowed() == ["guest-write-refused"]
    answer = await anonymous.get("/api/now/table/u_chain")
    assert (answer.status, len((await answer.json())["result"])) == (200, int(path.count("/") > 4))
