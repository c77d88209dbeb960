"""The pages of credentials."""

import pytest

from .configuring import create_credential, credential, process, registered, webhook_page
from .conftest import CONFIGURATION, CREDENTIALS, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_credential_is_created_and_listed(site: Site) -> None:
    """With the printed columns and type."""
    assert "No credentials yet" in (await site.person.get(CREDENTIALS)).text
    page = await site.person.get(f"{CREDENTIALS}/create")
    assert (page.value("name"), page.area("description")) == ("New User Credential", "New User Credential")
    assert page.detail("Type") == "User Credential Secret Resource (Resources)"
    assert "No password is set Edit" in page.text
    shown = await create_credential(site.person, "R&D", description="Logs on", account_name="0f1ba2b8")
    assert shown.url.endswith(CREDENTIALS)
    assert "1 Items Search Create Name ↑ Description Last Modified By Last Modified On" in shown.text
    assert shown.cells == [["R&D", "Logs on", "Privilege Manager", "1/5/26, 9:00 AM UTC"]]
    assert (await credential(site, "R&D")).value("account_name") == "0f1ba2b8"


async def test_password_is_saved_by_its_own_button(site: Site) -> None:
    """Edit, Save Password, then Save, which can be pressed even if nothing is left to save."""
    first = await create_credential(site.person, "R&D", password="first-5ecret", save_password="yes")
    assert (first.value("account_name"), "A password is set" in first.text) == ("ada", True)
    assert "Credential 'R&D' created, with its password." in first.text
    assert ("Everything is saved." in first.text, 'class="changed"' in first.html) == (True, True)
    pressed = await site.person.fill(first, {"name": "R&D", "account_name": "ada"})
    assert "Nothing was changed, because everything was saved already." in pressed.text
    values = {"name": "R&D", "account_name": "grace", "password": "second-5ecret", "save_password": "yes"}
    second = await site.person.fill(first, values)
    assert "Password saved, the other changes not yet." in second.text
    said = ("The password is saved." in second.text, "Everything is saved" in second.text)
    assert (said, 'class="changed"' in second.html, second.value("account_name")) == ((True, False), True, "grace")
    assert (await credential(site, "R&D")).value("account_name") == "ada"
    saved = await site.person.fill(second, {"name": "R&D", "account_name": "grace"}, action=first.address)
    assert "Changes saved" in saved.text
    assert (await credential(site, "R&D")).value("account_name") == "grace"
    empty = await site.person.fill(await credential(site, "R&D"), {"name": "R&D", "save_password": "yes"})
    assert (empty.status, empty.error("password")) == (422, "Password is empty; expected text")
    assert "5ecret" not in first.html + second.html + empty.html


async def test_invalid_credential_is_refused(site: Site) -> None:
    """Errors are beside their fields, which keep what was typed, except for the password."""
    await create_credential(site.person, "taken")
    shown = await create_credential(site.person, "taken", account_name=" ", password="", description="x" * 4_001)
    assert shown.status == 422
    assert shown.error("name") == "Name 'taken' already exists"
    assert shown.error("account_name") == "Account Name is empty; expected text"
    assert shown.error("password") == "Password is empty; expected text"
    assert shown.error("description") == "Description has 4,001 characters; expected at most 4,000"
    assert shown.value("name") == "taken"
    assert "Nothing was saved. Correct the fields below." in shown.text
    nameless = await create_credential(site.person, "", password="typed-password")
    assert nameless.error("name") == "Name is empty; expected text"
    assert "typed-password" not in nameless.html


async def test_typed_password_of_a_refused_form_is_asked_for_again(site: Site) -> None:
    """The page does not give it back, so it says so, beside the field; a new credential and a kept one alike."""
    await create_credential(site.person, "kept")
    new = await create_credential(site.person, "", password="typed-password")
    values = {"name": "", "account_name": "ada", "password": "typed-password"}
    changed = await site.person.fill(await credential(site, "kept"), values)
    for shown in (new, changed):
        assert (shown.status, "typed-password" in shown.html) == (422, False)
        assert shown.error("password") == "Password must be entered again, because no page shows a password"
    untyped = await site.person.fill(await credential(site, "kept"), values | {"password": ""})
    assert (untyped.status, untyped.error("password")) == (422, "")


async def test_credential_is_changed(site: Site) -> None:
    """An empty password keeps the old one, so that ServiceNow can still be called."""
    await registered(site)
    page = await credential(site, "ServiceNow user")
    assert page.value("account_name") == "privman.integration"
    shown = await site.person.fill(page, {"name": "ServiceNow user", "account_name": "admin"})
    assert "Changes saved" in shown.text
    await site.admin("POST", "/approval-types", {"name": "ServiceNow type", "process": await process(site)})
    await site.admin("POST", "/policies", {"name": "P", "approval_type": "ServiceNow type"})
    await site.ask(PolicyName="P")
    (request,) = await site.records("request")
    assert request["sys_created_by"] == "admin"
    empty = await site.person.fill(await credential(site, "ServiceNow user"), {"name": "x", "account_name": ""})
    assert (empty.status, empty.error("account_name")) == (422, "Account Name is empty; expected text")


async def test_renamed_credential_stays_in_use(site: Site) -> None:
    """Foreign systems and webhooks follow the new name, and nothing is registered again."""
    first = await registered(site)
    for name, new in (("ServiceNow user", "SN"), ("API Credential", "PM")):
        page = await credential(site, name)
        values = {"name": new, "account_name": page.value("account_name"), "description": "new"}
        assert "Changes saved" in (await site.person.fill(page, values)).text
    server = await site.person.get(first.address)
    assert (server.chosen("credential"), server.chosen("api_credential")) == ("SN", "PM")
    assert server.detail("Instance Id") == first.detail("Instance Id")
    assert (await webhook_page(site)).chosen("credential") == "SN"
    assert len(await site.records("integration_configuration")) == 1
    assert [row[0] for row in (await site.person.get(CREDENTIALS)).cells] == ["PM", "SN"]
    taken = await site.person.fill(await credential(site, "PM"), {"name": "SN", "account_name": "ada"})
    assert (taken.status, taken.error("name")) == (422, "Name 'SN' already exists")


async def test_new_password_of_servicenow_sends_what_waited(site: Site) -> None:
    """A password that changed in ServiceNow stops the requests; saving the new one sends them."""
    await registered(site)
    await site.admin("POST", "/approval-types", {"name": "ServiceNow type", "process": await process(site)})
    await site.admin("POST", "/policies", {"name": "P", "approval_type": "ServiceNow type"})
    page = await credential(site, "ServiceNow user")
    await site.person.fill(page, {"name": "ServiceNow user", "password": "wrong", "save_password": "yes"})
    asked = await site.ask(PolicyName="P")
    assert await site.records("request") == []
    page = await credential(site, "ServiceNow user")
    await site.person.fill(page, {"name": "ServiceNow user", "password": "admin", "save_password": "yes"})
    assert [each["request_id"] for each in await site.records("request")] == [asked]


@pytest.mark.long
async def test_replaced_password_of_another_credential_stays_masked(site: Site) -> None:
    """Only a password that no credential has any more is forgotten in time."""
    shared, own = "shared-5ecret-of-two", "own-5ecret-of-one"
    for name, password in (("first", shared), ("second", shared), ("third", own)):
        await create_credential(site.person, name, password=password)
    pushing = [f"{turn}-5ecret" * 60_000 for turn in range(6)]  # replaced passwords, which are forgotten in time
    for name, password in (
        ("first", "another-5ecret"),
        ("third", "other-5ecret"),
        *(("first", each) for each in pushing),
    ):
        values = {"name": name, "account_name": "ada", "password": password}
        assert (await site.person.submit(f"{CREDENTIALS}/edit?name={name}", values)).status == 200
    await site.person.get(f"/Tms/services/api/v1/approval/approve?{shared}&{own}")
    journal = str(await site.admin("GET", "/requests?last=1"))
    assert (shared in journal, own in journal) == (False, True)


async def test_changed_api_credential_updates_the_registration(site: Site) -> None:
    """A changed API Credential updates the same registration."""
    await registered(site)
    (before,) = await site.records("integration_configuration")
    await site.person.fill(
        await credential(site, "API Credential"), {"name": "API Credential", "account_name": "grace"}
    )
    (after,) = await site.records("integration_configuration")
    assert (after["sys_id"], '"Username":"grace"' in after["instance_metadata"].replace(": ", ":")) == (
        before["sys_id"],
        True,
    )


async def test_unknown_credential_gets_404(site: Site) -> None:
    """The page names the credential."""
    shown = await site.person.get(f"{CREDENTIALS}/edit?name=<b>")
    assert (shown.status, "Unknown credential '<b>'." in shown.text) == (404, True)


async def test_credential_that_was_renamed_meanwhile_is_not_saved(site: Site) -> None:
    """The page says so, and leads back to the list."""
    await create_credential(site.person, "old")
    opened = await credential(site, "old")
    await site.person.fill(opened, {"name": "new", "account_name": "ada"})
    shown = await site.person.fill(opened, {"name": "old", "account_name": "grace"})
    told = "Unknown credential 'old', because it was renamed or deleted after you opened the page. Nothing was saved."
    assert (shown.status, told in shown.text) == (404, True)
    assert (shown.links["Configuration"], (await credential(site, "new")).value("account_name")) == (
        CONFIGURATION,
        "ada",
    )
