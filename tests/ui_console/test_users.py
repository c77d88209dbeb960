import re
from urllib.parse import unquote_plus

import pytest
from aiohttp import ClientSession, CookieJar

from console_sim.accounts import Role
from console_sim.settings import Settings

from .conftest import API_CLIENT, ROLES, USERS, Person, Shown, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
TOKEN = "/Tms/services/api/logon/token"
RESET = f"{API_CLIENT}/reset-secret"
MEMBERS = f"{ROLES}/role/members"
NAME = "API User Created On Jan 5, 2026"


async def create(site: Site) -> Shown:
    """Create an API Client and return the page with its Secret."""
    return await site.person.submit(f"{USERS}/create", {"user_type": "API Client"})


async def log_on(site: Site, shown: Shown) -> int:
    """Log on with what a page showed and return the status."""
    body = {"UserName": shown.detail("Client Id"), "Password": shown.detail("Secret")}
    async with site.person.http.post(site.url + TOKEN, json=body) as answer:
        return answer.status


async def page_of(site: Site, created: Shown) -> Shown:
    """Open the page of a user."""
    return await site.person.get(created.address)


async def test_secret_is_shown_once(site: Site) -> None:
    """Creating an API Client shows its Secret, which logs on; later pages hide it."""
    await site.admin("POST", "/api-settings", {"api_enabled": True})
    assert "No API Client User yet" in (await site.person.get(USERS)).text
    created = await create(site)
    assert (created.status, await log_on(site, created)) == (200, 200)
    assert unquote_plus(created.address) == f"{API_CLIENT}?user={NAME}"
    later = await site.person.open(USERS, NAME)
    assert later.detail("Secret") == "shown only once, when it is generated"
    assert later.detail("Client Id") == created.detail("Client Id")
    assert later.detail("Expires") == "Never"
    assert created.detail("Secret") not in later.html


async def reset_unseen(site: Site, person: Person) -> str:
    """Reset the Secret without following the redirect, and return its address."""
    async with person.http.post(
        f"{site.url}{RESET}", data=(await person.get(RESET)).hidden(), allow_redirects=False
    ) as answer:
        assert answer.status == 303
        return answer.headers["Location"]


async def test_secret_waits_for_the_session_that_made_it(site: Site) -> None:
    """Another browser, another user's page and a HEAD do not show it; then it is shown once."""
    await create(site)
    location = await reset_unseen(site, site.person)
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        stranger = await Person(site.url, http).get(location)
    other = await site.person.get(USERS)
    await site.person.call("HEAD", location)
    shown, later = await site.person.get(location), await site.person.get(location)
    assert [each.html.count('id="secret"') for each in (stranger, other, shown, later)] == [0, 0, 1, 0]
    assert "Secret reset" in shown.text


@pytest.mark.long
async def test_unseen_secrets_do_not_pile_up(site: Site) -> None:
    """A hundred sessions can leave one; the first of a hundred and one is forgotten."""
    await create(site)
    location = await reset_unseen(site, site.person)
    for _ in range(100):
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
            await reset_unseen(site, Person(site.url, http))
    assert 'id="secret"' not in (await site.person.get(location)).html


async def test_client_id_and_secret_are_shown_before_the_user_is_created(site: Site) -> None:
    """They are copied, then Create is pressed; until then the user does not exist."""
    await site.admin("POST", "/api-settings", {"api_enabled": True})
    page = await site.person.get(f"{USERS}/create")
    assert "Select a User Type User Type" in page.text
    login = {"UserName": page.detail("Client ID"), "Password": page.detail("Secret")}
    assert re.fullmatch("[A-Za-z0-9]{32}", login["Password"])
    for expected in (401, 200):
        async with site.person.http.post(site.url + TOKEN, json=login) as answer:
            assert answer.status == expected
        await site.person.fill(page, {"user_type": "API Client"})
    assert "1 Items" in (await site.person.get(USERS)).text


async def test_user_type_must_be_chosen(site: Site) -> None:
    """Without a User Type no user is created; Client Id and Secret stay."""
    page = await site.person.get(f"{USERS}/create")
    shown = await site.person.fill(page, {"user_type": ""})
    assert (shown.status, shown.error("user_type")) == (422, "User Type is empty; choose one")
    assert shown.detail("Secret") == page.detail("Secret")
    assert (await site.person.get(API_CLIENT)).status == 404


async def test_the_form_does_not_choose_the_secret(site: Site) -> None:
    """A form with another Client Id or Secret than those that it showed is refused."""
    page = await site.person.get(f"{USERS}/create")
    for forged in ({"secret": "mine"}, {"client_id": "85d71683-7dac-4762-8120-76a9a564fdc1"}):
        shown = await site.person.fill(page, {"user_type": "API Client", **forged})
        assert shown.status == 409
    assert "0 Items" in (await site.person.get(USERS)).text


async def test_sending_the_form_twice_creates_one_user(site: Site) -> None:
    """Reloading the page with the Secret replaces nothing."""
    page = await site.person.get(f"{USERS}/create")
    first = await site.person.fill(page, {"user_type": "API Client"})
    again = await site.person.fill(page, {"user_type": "API Client"})
    assert (first.status, again.status, "with this Client Id exists" in again.text) == (200, 409, True)
    assert "1 Items" in (await site.person.get(USERS)).text


async def test_list_has_several_users(site: Site) -> None:
    """With the printed columns; each has a page of its own (t1_user.png)."""
    created = [await create(site) for _ in range(2)]
    await site.clock.advance(60)
    shown = await site.person.get(USERS)
    assert "2 Items Search Create Name ↑ Description Last Modified By Last Modified Type" in shown.text
    assert shown.cells == [[NAME, "", "Privilege Manager", "1/5/26, 9:00 AM UTC", "API Client"]] * 2
    second = await page_of(site, created[1])
    await site.person.fill(second, {"display_name": "Rotating user", "active": "yes"})
    names = [(row[0], row[3]) for row in (await site.person.get(USERS)).cells]
    assert names == [(NAME, "1/5/26, 9:00 AM UTC"), ("Rotating user", "1/5/26, 9:01 AM UTC")]


@pytest.mark.parametrize(
    ("hours", "printed", "exact"),
    [
        (3, "1/5/26, 12:00 PM UTC", "2026-01-05T12:00:00+00:00"),
        (15, "1/6/26, 12:00 AM UTC", "2026-01-06T00:00:00+00:00"),
        (9 * 24 + 13, "1/14/26, 10:00 PM UTC", "2026-01-14T22:00:00+00:00"),
    ],
)
async def test_times_are_printed_as_on_the_pictures(site: Site, hours: int, printed: str, exact: str) -> None:
    """Such as 5/27/20, 2:06 PM (t1_user.png), with the zone; the exact time is for programs, and the title."""
    await site.clock.advance(hours * 3_600)
    await create(site)
    shown = await site.person.get(USERS)
    assert shown.cells[0][3] == printed
    assert f'<time datetime="{exact}" title="{exact.replace("T", " ")[:19]} UTC">' in shown.html


async def test_display_name_is_edited(site: Site) -> None:
    """The name is a field of the user's page (api-user.png)."""
    created = await create(site)
    page = await page_of(site, created)
    assert page.value("display_name") == NAME
    shown = await site.person.fill(page, {"display_name": " Webhook user ", "active": "yes"})
    assert "Changes saved" in shown.text
    assert shown.value("display_name") == "Webhook user"
    complaints = {
        "": "is empty; expected text",
        "x" * 251: "has 251 characters; expected at most 250",
        "x\x7fy": "has U+007F; expected no control characters or line ends",
    }
    for name, complaint in complaints.items():
        refused = await site.person.fill(shown, {"display_name": name})
        assert (refused.status, refused.error("display_name")) == (422, f"Display Name {complaint}")


async def test_active_and_locked_out_are_separate(site: Site) -> None:
    """Each switch shuts the user out (api-user.png)."""
    await site.admin("POST", "/api-settings", {"api_enabled": True})
    created = await create(site)
    for active, locked_out in ((True, False), (False, False), (True, True), (False, True)):
        values = {"active": "yes"} if active else {}
        values |= {"locked_out": "yes"} if locked_out else {}
        shown = await site.person.fill(await page_of(site, created), values | {"display_name": NAME})
        assert (shown.is_ticked("active"), shown.is_ticked("locked_out")) == (active, locked_out)
        assert await log_on(site, created) == (200 if active and not locked_out else 401)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "the API user is not active"),
        ({"active": "yes", "locked_out": "yes"}, "the API user is locked out"),
        ({"active": "yes", "expires": "2026-01-05T09:00"}, "the API user expired at 2026-01-05T09:00:00+00:00"),
    ],
)
async def test_user_who_is_shut_out_decides_nothing(site: Site, values: dict[str, str], reason: str) -> None:
    """The user's page and Home say so, and why, although the role may approve."""
    created = await create(site)
    await site.admin("POST", "/api-user", {"role": Role.ADMINISTRATORS})
    assert "Decisions are refused: API Enabled is off" in (await page_of(site, created)).text
    await site.admin("POST", "/api-settings", {"api_enabled": True})
    assert "Decisions of this user are accepted." in (await page_of(site, created)).text
    assert "decisions are refused" not in (await site.person.get("/")).text
    shown = await site.person.fill(await page_of(site, created), {"display_name": NAME} | values)
    assert f"Decisions of this user are refused: {reason}." in shown.text
    assert "are accepted" not in shown.text
    assert f"(decisions are refused: {reason})" in (await site.person.get("/")).text


async def test_expiry_is_set_and_removed(site: Site) -> None:
    """Until then the user logs on; how it is set is not printed, so the field has the mark."""
    await site.admin("POST", "/api-settings", {"api_enabled": True})
    created = await create(site)
    usual = {"display_name": NAME, "active": "yes"}
    page = await page_of(site, created)
    assert "Simulator only Expires at (UTC)" in page.text
    shown = await site.person.fill(page, usual | {"expires": "2026-01-05T09:01"})
    assert (shown.detail("Expires"), shown.value("expires")) == ("Jan 5, 2026, 9:01:00 AM UTC", "2026-01-05T09:01:00")
    assert await log_on(site, created) == 200
    await site.clock.advance(60)
    assert await log_on(site, created) == 401
    kept = await site.person.fill(shown, usual | {"expires": shown.value("expires")})
    assert kept.detail("Expires") == "Jan 5, 2026, 9:01:00 AM UTC"
    zoned = await site.person.fill(kept, usual | {"expires": "2026-01-06T09:00+02:00"})
    assert zoned.detail("Expires") == "Jan 6, 2026, 7:00:00 AM UTC"
    early = await site.person.fill(zoned, usual | {"expires": "0999-12-31T09:00"})
    assert (early.detail("Expires"), early.value("expires")) == ("Dec 31, 999, 9:00:00 AM UTC", "0999-12-31T09:00:00")
    never = await site.person.fill(early, usual | {"expires": ""})
    assert (never.detail("Expires"), await log_on(site, created)) == ("Never", 200)


@pytest.mark.parametrize("text", ["soon", "0001-01-01T00:00+23:00"])
async def test_invalid_expiry_is_refused(site: Site, text: str) -> None:
    """The error is beside the field, and nothing is saved."""
    created = await create(site)
    shown = await site.person.fill(await page_of(site, created), {"display_name": "other", "expires": text})
    expected = f"Expires at (UTC) '{text}' is invalid; expected a date and time such as 2027-01-05T09:00"
    assert (shown.status, shown.error("expires")) == (422, expected)
    assert (await page_of(site, created)).value("display_name") == NAME


@pytest.mark.parametrize("settings", [Settings(documented_only=True)])
async def test_documented_page_keeps_the_expiry(site: Site) -> None:
    """Without the field, saving leaves the expiry as it is."""
    created = await create(site)
    await site.admin("POST", "/api-user", {"expires_in": 60})
    page = await page_of(site, created)
    assert "Expires at" not in page.text
    shown = await site.person.fill(page, {"display_name": "other", "active": "yes"})
    assert (shown.detail("Expires"), shown.value("display_name")) == ("Jan 5, 2026, 9:01:00 AM UTC", "other")


async def test_reset_secret_asks_first(site: Site) -> None:
    """The confirmation shows a new Secret once; the old one no longer logs on."""
    await site.admin("POST", "/api-settings", {"api_enabled": True})
    created = await create(site)
    question = await site.person.open(API_CLIENT, "Reset Secret")
    assert "Reset the Secret of API User Created On Jan 5, 2026?" in question.text
    assert await log_on(site, created) == 200
    reset = await site.person.fill(question, {})
    assert (await log_on(site, created), await log_on(site, reset)) == (401, 200)
    again = await site.person.fill(question, {})
    assert (again.status, await log_on(site, reset)) == (409, 200)
    unknown = await site.person.get(f"{RESET}?user=none")
    assert (unknown.status, "no API Client User 'none', number '1'" in unknown.text) == (404, True)


async def test_journal_names_the_user_whose_secret_was_reset(site: Site) -> None:
    """The address has the display name, and the number of users with that name; a Client Id would be masked."""
    for number in ("", "&number=2"):
        created = await create(site)
        await site.person.fill(await site.person.open(created.address, "Reset Secret"), {})
        url = (await site.admin("GET", "/requests"))["requests"][-1]["url"]
        assert unquote_plus(url) == f"{RESET}?user={NAME}{number}"


async def test_refresh_leads_to_the_page_of_the_user(site: Site) -> None:
    """After Create and after Reset Secret, too, whose addresses are those of a form and of a question."""
    created = await create(site)
    reset = await site.person.fill(await site.person.open(API_CLIENT, "Reset Secret"), {})
    for shown in (created, reset):
        refreshed = await site.person.get(shown.links["Refresh"])
        assert (refreshed.value("display_name"), refreshed.detail("Client Id")) == (NAME, created.detail("Client Id"))
        assert shown.detail("Secret") not in refreshed.html


async def test_stale_user_is_refused(site: Site) -> None:
    """A form that was opened before a change overwrites nothing."""
    page = await page_of(site, await create(site))
    await site.admin("POST", "/api-user", {"active": False})
    shown = await site.person.fill(page, {"display_name": "other", "active": "yes"})
    assert shown.status == 409
    assert (await site.admin("GET", "/api-user"))["active"] is False


async def test_roles_are_listed_as_printed(site: Site) -> None:
    """Eight roles under their exact names, six of which may approve (config-roles.png)."""
    await create(site)
    shown = await site.person.open(API_CLIENT, "here")
    assert shown.address == ROLES
    assert "8 Items" in shown.text
    assert [row[0] for row in shown.cells] == [
        "Privilege Manager Administrators",
        "Privilege Manager Field Engineering",
        "Privilege Manager Helpdesk Users",
        "Privilege Manager MacOS Administrators",
        "Privilege Manager Unix/Linux Administrators",
        "Privilege Manager Users",
        "Privilege Manager View Passwords Role",
        "Privilege Manager Windows Administrators",
    ]
    assert [row[0] for row in shown.cells if not row[4]] == [Role.FIELD_ENGINEERING, Role.VIEW_PASSWORDS]
    assert {row[2] for row in shown.cells} == {"Trusted Installer"}


async def members(site: Site, role: str) -> list[str]:
    """Return the members that a role's page shows."""
    html = (await site.person.open(ROLES, role)).html
    return re.findall(r'<dd><a href="[^"]*">(.*?)</a></dd>', html)


async def edit(site: Site, role: str, **button: str) -> Shown:
    """Press Edit and Add or Remove, then Update, and Save Changes, as documented."""
    page = await site.person.open(ROLES, role)
    updated = await update(site, await press(site, await site.person.get(page.links["Edit"]), **button))
    assert "Save changes? If you press cancel, all your changes will be lost." in updated.text
    return await site.person.fill(updated, {}, action=page.address)


async def press(site: Site, editing: Shown, **button: str) -> Shown:
    """Press Add or Remove, or search."""
    return await site.person.get(MEMBERS, params=[*editing.pairs(), *button.items()])


async def update(site: Site, editing: Shown) -> Shown:
    """Press Update."""
    return await site.person.get(f"{ROLES}/role", params=editing.pairs())


async def test_roles_are_added_and_removed(site: Site) -> None:
    """Edit, Add, Update, Save Changes; a user may have several roles (admin/users)."""
    await site.admin("POST", "/api-settings", {"api_enabled": True})
    client_id = (await create(site)).detail("Client Id")
    assert "Roles Simulator only : none. Decisions are refused" in (await site.person.get(API_CLIENT)).text
    for role in (Role.VIEW_PASSWORDS, Role.HELPDESK_USERS):
        assert await members(site, role) == []
        saved = await edit(site, role, add=client_id)
        assert "Changes saved" in saved.text
        assert await members(site, role) == [NAME]
    assert (await site.admin("GET", "/api-user"))["roles"] == [Role.HELPDESK_USERS, Role.VIEW_PASSWORDS]
    page = (await site.person.get(API_CLIENT)).text
    assert f"{Role.HELPDESK_USERS}, {Role.VIEW_PASSWORDS}. Decisions of this user are accepted." in page
    await edit(site, Role.HELPDESK_USERS, remove=client_id)
    assert (await site.admin("GET", "/api-user"))["roles"] == [Role.VIEW_PASSWORDS]


async def test_update_alone_saves_nothing(site: Site) -> None:
    """As documented, all changes need to be saved."""
    client_id = (await create(site)).detail("Client Id")
    page = await site.person.get(MEMBERS, params={"name": Role.USERS})
    assert "Add" in page.text
    changed = await press(site, page, add=client_id)
    assert "Remove" in changed.text
    assert await members(site, Role.USERS) == []
    again = await press(site, changed, remove=client_id)
    assert (again.hidden(), "Save changes?" in (await update(site, again)).text) == ({"name": Role.USERS}, False)


async def test_edit_keeps_what_update_has_changed(site: Site) -> None:
    """Until it is saved or canceled."""
    client_id = (await create(site)).detail("Client Id")
    updated = await update(site, await press(site, await site.person.get(MEMBERS), add=client_id))
    editing = await site.person.get(updated.links["Edit"])
    assert "Users 1 Items" not in editing.text
    assert "Members 1 Items" in editing.text
    assert "none" in (await site.person.get(updated.links["Cancel"])).text


async def test_members_are_searched(site: Site) -> None:
    """Users and members each have a search, which Add keeps (assign-user.png, added.png)."""
    ids = []
    for name in ("Jane Doe", "Robot <b>", "Janet"):
        user = await create(site)
        ids.append(user.detail("Client Id"))
        await site.person.fill(await page_of(site, user), {"display_name": name, "active": "yes"})
    found = await press(site, await site.person.get(MEMBERS), search="jANE")
    assert ("Users 2 Items" in found.text, "Robot" in found.text, 'value="jANE"' in found.html) == (True, False, True)
    both = await press(site, await press(site, found, add=ids[0]), add=ids[1], search="x", search_members="robot")
    assert ("Users 0 Items" in both.text, "Members 1 Items" in both.text) == (True, True)
    assert "No user who could be added has a name that contains x" in both.text
    assert both.html.count(f'value="{ids[2]}" aria-label="Janet: Add"') == 0
    assert found.html.count(f'value="{ids[2]}" aria-label="Janet: Add"') == 1  # the name adds, too
    updated = await update(site, both)
    assert ("Jane Doe" in updated.text, "Robot <b>" in updated.text) == (True, True)


async def test_stale_members_are_refused(site: Site) -> None:
    """Members that changed after Update was pressed are not overwritten."""
    first, second = await page_of(site, await create(site)), (await create(site)).detail("Client Id")
    await site.person.fill(first, {"display_name": "First", "active": "yes"})
    page = await site.person.open(ROLES, Role.USERS)
    updated = await update(site, await press(site, await site.person.get(page.links["Edit"]), add=second))
    await site.admin("POST", "/api-user", {"user": "First", "role": Role.USERS})
    shown = await site.person.fill(updated, {}, action=page.address)
    assert (shown.status, len(await members(site, Role.USERS))) == (409, 1)


async def test_unknown_role_or_member_gets_404(site: Site) -> None:
    """The page names the role."""
    shown = await site.person.get(f"{ROLES}/role?name=Auditors")
    assert (shown.status, "Role 'Auditors' does not exist" in shown.text) == (404, True)
    await create(site)
    page = await site.person.get(MEMBERS)
    for change in ("add", "remove"):
        assert (await press(site, page, **{change: "none"})).status == 404
        assert (await site.person.get(f"{ROLES}/role", params={change: "none"})).status == 404
    assert (await site.person.submit(f"{ROLES}/role", {"member": "none"})).status == 404
