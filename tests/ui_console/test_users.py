import pytest

from .conftest import API_CLIENT, USERS, Shown, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
TOKEN = "/Tms/services/api/logon/token"
RESET = f"{API_CLIENT}/reset-secret"
ROLES = 1  # the second form of the user's page


async def create(site: Site) -> Shown:
    """Create an API Client and return the page with its Secret."""
    return await site.person.submit(f"{USERS}/create", {"user_type": "API Client"})


async def log_on(site: Site, shown: Shown) -> int:
    """Log on with what a page showed and return the status."""
    body = {"UserName": shown.detail("Client Id"), "Password": shown.detail("Secret")}
    async with site.person.http.post(site.url + TOKEN, json=body) as answer:
        return answer.status


async def test_secret_is_shown_once(site: Site) -> None:
    """Creating an API Client shows its Secret, which logs on; later pages hide it (integration 2.2)."""
    await site.admin("POST", "/api-settings", {"api_enabled": True})
    assert "No API Client User yet" in (await site.person.get(USERS)).text
    created = await create(site)
    assert (created.status, await log_on(site, created)) == (200, 200)
    later = await site.person.get(API_CLIENT)
    assert later.detail("Secret") == "shown only once, when it is generated"
    assert later.detail("Client Id") == created.detail("Client Id")
    assert later.detail("Expires") == "never"
    assert created.detail("Secret") not in later.html
    assert "API User Created On 2026-01-05 API Client none Active" in (await site.person.get(USERS)).text


async def test_user_type_must_be_chosen(site: Site) -> None:
    """Without a User Type no user is created."""
    shown = await site.person.submit(f"{USERS}/create", {"user_type": ""})
    assert (shown.status, shown.error("user_type")) == (422, "User Type is empty; choose one")
    assert (await site.person.get(API_CLIENT)).status == 404


async def test_one_api_client_at_a_time(site: Site) -> None:
    """A second API Client is refused, so reloading the page with the Secret replaces nothing."""
    first = await create(site)
    again = await create(site)
    assert (again.status, "exists; this console keeps one API Client User" in again.text) == (409, True)
    assert (await site.person.get(API_CLIENT)).detail("Client Id") == first.detail("Client Id")


async def test_reset_secret_revokes_the_old_one(site: Site) -> None:
    """Reset Secret shows a new Secret once; the old one no longer logs on (integration 1)."""
    await site.admin("POST", "/api-settings", {"api_enabled": True})
    created = await create(site)
    reset = await site.person.submit(API_CLIENT, {}, action=RESET)
    assert (await log_on(site, created), await log_on(site, reset)) == (401, 200)
    again = await site.person.post(RESET, created.hidden())
    assert (again.status, await log_on(site, reset)) == (409, 200)


async def test_role_decides_whether_decisions_are_accepted(site: Site) -> None:
    """The page says whether the role is sufficient (integration 2.3)."""
    created = await create(site)
    assert "Decisions require a role that includes “Approve Approval Requests”" in created.text
    values = {"role": "Privilege Manager Helpdesk Users", "state": "Active"}
    shown = await site.person.submit(API_CLIENT, values, form=ROLES)
    assert "Changes saved" in shown.text
    assert "The role includes “Approve Approval Requests”" in shown.text
    assert (await site.admin("GET", "/api-user"))["role"] == "Privilege Manager Helpdesk Users"
    assert "with role Privilege Manager Helpdesk Users" in (await site.person.get("/")).text
    await site.person.submit(API_CLIENT, {"role": "", "state": "LockedOut"}, form=ROLES)
    assert "none LockedOut" in (await site.person.get(USERS)).text
    assert "without a role" in (await site.person.get("/")).text


async def test_invalid_role_is_refused(site: Site) -> None:
    """A role or state that is not offered has an error beside its field."""
    await create(site)
    shown = await site.person.submit(API_CLIENT, {"role": "King", "state": ""}, form=ROLES)
    assert (shown.status, shown.error("role")) == (422, "Role 'King' is not one of the choices")
    assert shown.error("state") == "State is empty; choose one"


async def test_other_role_is_kept(site: Site) -> None:
    """A role that was set by other means is offered too."""
    await create(site)
    await site.admin("POST", "/api-user", {"role": "Auditors", "expires_in": 60})
    shown = await site.person.get(API_CLIENT)
    assert '<option value="Auditors" selected>' in shown.html
    assert shown.detail("Expires") == "2026-01-05 09:01:00 UTC"


async def test_stale_role_is_refused(site: Site) -> None:
    """A form that was opened before a change overwrites nothing."""
    hidden = (await create(site)).hidden(ROLES)
    await site.admin("POST", "/api-user", {"role": "Auditors"})
    shown = await site.person.post(API_CLIENT, hidden | {"role": "", "state": "Active"})
    assert shown.status == 409
    assert (await site.admin("GET", "/api-user"))["role"] == "Auditors"
