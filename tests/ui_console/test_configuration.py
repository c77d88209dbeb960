from typing import Any

import pytest

from .conftest import ADVANCED, CONFIGURATION, CREDENTIALS, MESSAGING, SYSTEMS, TASKS, Person, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
API_OFF = "Use Webhook API Enabled is off; webhooks need it on (Admin, Configuration, Advanced, API Settings)"
CHANGED = "The values changed after you opened this page, so nothing was saved"
WEBHOOK = "New Webhook for Dev instance setting"


async def create_credential(person: Person, name: str, **values: str) -> Any:
    """Create a credential and return what is shown then."""
    usual = {"name": name, "account_name": "ada", "password": "admin"}
    return await person.submit(f"{CREDENTIALS}/create", usual | values)


async def ready(site: Site) -> dict[str, str]:
    """Do what comes before the foreign system, and return the values of its form."""
    await site.person.submit(ADVANCED, {"api_enabled": "yes"})
    await create_credential(site.person, "ServiceNow user", account_name="privman.integration")
    await create_credential(site.person, "API Credential")
    return {
        "name": "Dev instance",
        "base_url": f"{site.servicenow}/",
        "credential": "ServiceNow user",
        "use_webhook": "yes",
        "api_credential": "API Credential",
        "post_uri": f"{site.url}/Tms/services/api/v1/approval/approve",
    }


async def test_configuration_opens_with_the_first_tab(site: Site) -> None:
    """Admin, Configuration leads to a page with the documented tabs and no other (integration 2)."""
    shown = await site.person.get(CONFIGURATION)
    assert shown.url == site.url + CREDENTIALS
    assert shown.tabs == ["Credentials", "Foreign Systems", "Messaging", "Advanced"]


async def test_api_is_switched_on_and_off(site: Site) -> None:
    """Advanced, API Settings has the switch (integration 2.1)."""
    assert "Changes saved" in (await site.person.submit(ADVANCED, {"api_enabled": "yes"})).text
    assert 'value="yes" checked' in (await site.person.get(ADVANCED)).html
    assert "API Enabled : on" in (await site.person.get("/")).text
    await site.person.submit(ADVANCED, {})
    assert "API Enabled : off" in (await site.person.get("/")).text


async def test_credential_is_created_and_listed(site: Site) -> None:
    """A credential is a User Credential with name and account name (integration 2.4)."""
    assert "No credentials yet" in (await site.person.get(CREDENTIALS)).text
    shown = await create_credential(site.person, "R&D", account_name="0f1ba2b8")
    assert shown.url.endswith(f"{CREDENTIALS}?done=saved")
    assert "R&D 0f1ba2b8 User Credential" in shown.text


async def test_invalid_credential_is_refused(site: Site) -> None:
    """Errors are beside their fields, which keep what was typed, except for the password."""
    await create_credential(site.person, "taken")
    shown = await create_credential(site.person, "taken", account_name=" ", password="")
    assert shown.status == 422
    assert shown.error("name") == "Name 'taken' already exists"
    assert shown.error("account_name") == "Account Name is empty; expected text"
    assert shown.error("password") == "Password is empty; expected text"
    assert shown.value("name") == "taken"
    assert "Nothing was saved. Correct the fields below." in shown.text
    nameless = await create_credential(site.person, "", password="typed-password")
    assert nameless.error("name") == "Name is empty; expected text"
    assert "typed-password" not in nameless.html


async def test_credential_is_changed(site: Site) -> None:
    """An empty password keeps the old one, so that ServiceNow can still be called."""
    values = await ready(site)
    await site.person.submit(f"{SYSTEMS}/create", values)
    one = f"{CREDENTIALS}/edit?name=ServiceNow+user"
    assert (await site.person.get(one)).value("account_name") == "privman.integration"
    shown = await site.person.submit(one, {"account_name": "admin"})
    assert "ServiceNow user admin User Credential" in shown.text
    await site.ask()
    (request,) = await site.records("request")
    assert request["sys_created_by"] == "admin"
    empty = await site.person.submit(one, {"account_name": ""})
    assert (empty.status, empty.error("account_name")) == (422, "Account Name is empty; expected text")


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
        values = {"account_name": "ada", "password": password}
        assert (await site.person.submit(f"{CREDENTIALS}/edit?name={name}", values)).status == 200
    await site.person.get(f"/Tms/services/api/v1/approval/approve?{shared}&{own}")
    journal = str(await site.admin("GET", "/requests?last=1"))
    assert (shared in journal, own in journal) == (False, True)


async def test_changed_api_credential_updates_the_registration(site: Site) -> None:
    """A changed API Credential updates the same registration (integration 2.13)."""
    await site.person.submit(f"{SYSTEMS}/create", await ready(site))
    (before,) = await site.records("integration_configuration")
    await site.person.submit(f"{CREDENTIALS}/edit?name=API+Credential", {"account_name": "grace"})
    (after,) = await site.records("integration_configuration")
    assert (after["sys_id"], '"Username":"grace"' in after["instance_metadata"].replace(": ", ":")) == (
        before["sys_id"],
        True,
    )


async def test_unknown_credential_gets_404(site: Site) -> None:
    """The page names the credential."""
    shown = await site.person.get(f"{CREDENTIALS}/edit?name=<b>")
    assert (shown.status, "Unknown credential '<b>'" in shown.text) == (404, True)


async def test_saved_foreign_system_registers(site: Site) -> None:
    """Save Changes with Use Webhook registers the webhook in the background (integration 2.6 to 2.10)."""
    assert "No foreign systems yet" in (await site.person.get(SYSTEMS)).text
    values = await ready(site)
    empty = await site.person.get(f"{SYSTEMS}/create")
    assert empty.value("post_uri") == values["post_uri"]
    shown = await site.person.submit(f"{SYSTEMS}/create", values)
    (registration,) = await site.records("integration_configuration")
    (activity_type,) = await site.records("activity_type")
    assert shown.detail("Webhook") == WEBHOOK
    assert shown.detail("Instance Id") == registration["sys_id"]
    assert shown.detail("ActivityType Id") == activity_type["sys_id"]
    listed = (await site.person.get(SYSTEMS)).text
    assert f"Dev instance Service Now Instance Resource (Resources) {site.servicenow} Yes" in listed
    assert "Register webhook with ServiceNow App" in (await site.person.get(TASKS)).text
    home = (await site.person.get("/")).text
    assert f"Webhook : {WEBHOOK}, enabled" in home
    assert f"Instance Id {registration['sys_id']}" in home


async def test_webhook_appears_under_messaging(site: Site) -> None:
    """Webhook Configuration lists the webhook with the documented details (integration 2.11)."""
    assert "No webhooks yet" in (await site.person.get(MESSAGING)).text
    await site.person.submit(f"{SYSTEMS}/create", await ready(site))
    listed = (await site.person.get(MESSAGING)).text
    assert "Name Description Last Modified By Last Modified" in listed
    assert f"{WEBHOOK} Sends approval requests to Dev instance Privilege Manager 2026-01-05 09:00:00 UTC" in listed
    shown = await site.person.get(f"{MESSAGING}/webhook", params={"name": WEBHOOK})
    details = {
        term: shown.detail(term) for term in ("Name", "Type", "Webhook Event", "Credential", "Endpoint URL", "Enabled")
    }
    assert details == {
        "Name": WEBHOOK,
        "Type": "Webhook Resource (Resources)",
        "Webhook Event": "Approval Request Event",
        "Credential": "ServiceNow user",
        "Endpoint URL": f"{site.servicenow}/api/now/table/x_thyti_thycotic_p_request",
        "Enabled": "Yes",
    }
    assert (await site.person.get(f"{MESSAGING}/webhook?name=other")).status == 404


async def test_use_webhook_needs_the_api(site: Site) -> None:
    """If API Enabled is off, Use Webhook is refused beside its field and nothing is saved (integration 2.1)."""
    values = await ready(site)
    await site.person.submit(ADVANCED, {})
    shown = await site.person.submit(f"{SYSTEMS}/create", values)
    assert (shown.status, shown.error("use_webhook")) == (422, API_OFF)
    assert "No foreign systems yet" in (await site.person.get(SYSTEMS)).text


async def test_invalid_foreign_system_is_refused(site: Site) -> None:
    """Each error is beside its field, which keeps what was typed."""
    values = await ready(site)
    wrong = {"name": "", "base_url": "dev1", "credential": "", "api_credential": "ghost", "post_uri": "ftp://x"}
    shown = await site.person.submit(f"{SYSTEMS}/create", values | wrong)
    expected = "expected an address such as https://example.service-now.com"
    assert shown.status == 422
    assert shown.error("name") == "Name is empty; expected text"
    assert shown.error("base_url") == f"Base URL is 'dev1'; {expected}"
    assert shown.error("credential") == "Credential is empty; choose one"
    assert shown.error("api_credential") == "API Credential 'ghost' is not one of the choices"
    assert shown.error("post_uri") == f"Privilege Manager Post Uri is 'ftp://x'; {expected}"
    assert shown.value("base_url") == "dev1"
    assert "checked" in shown.html


async def test_foreign_system_without_webhook_registers_nothing(site: Site) -> None:
    """The fields of the webhook are not validated either."""
    values = await ready(site) | {"post_uri": "nonsense"}
    del values["use_webhook"]
    shown = await site.person.submit(f"{SYSTEMS}/create", values)
    assert (shown.detail("Webhook"), "checked" in shown.html) == ("none", False)
    assert shown.value("post_uri") == f"{site.url}/Tms/services/api/v1/approval/approve"
    assert await site.records("integration_configuration") == []
    assert "Webhook : none yet" in (await site.person.get("/")).text


async def test_saving_again_changes_nothing(site: Site) -> None:
    """Saving without changes creates no second webhook or registration (integration 2.13)."""
    values = await ready(site)
    first = await site.person.submit(f"{SYSTEMS}/create", values)
    again = await site.person.submit(f"{SYSTEMS}/edit", values)
    assert again.detail("Instance Id") == first.detail("Instance Id")
    assert 'value="yes" checked' in first.html
    assert len(await site.records("integration_configuration")) == 1


async def test_unticking_disables_the_webhook(site: Site) -> None:
    """The webhook stays, disabled (integration 2.13)."""
    values = await ready(site)
    await site.person.submit(f"{SYSTEMS}/create", values)
    del values["use_webhook"]
    await site.person.submit(f"{SYSTEMS}/edit", values)
    shown = await site.person.get(f"{MESSAGING}/webhook", params={"name": WEBHOOK})
    assert shown.detail("Enabled") == "No"
    assert f"Webhook : {WEBHOOK}, disabled" in (await site.person.get("/")).text


async def test_one_foreign_system_at_a_time(site: Site) -> None:
    """A second foreign system is refused, even if its form was already open."""
    values = await ready(site)
    hidden = (await site.person.get(f"{SYSTEMS}/create")).hidden()
    await site.person.submit(f"{SYSTEMS}/create", values)
    for shown in (
        await site.person.get(f"{SYSTEMS}/create"),
        await site.person.post(f"{SYSTEMS}/create", hidden | values),
    ):
        assert (shown.status, "Foreign system 'Dev instance' exists" in shown.text) == (409, True)


async def test_missing_foreign_system_gets_404(site: Site) -> None:
    """The page says that there is none."""
    assert (await site.person.get(f"{SYSTEMS}/edit")).status == 404


async def test_stale_forms_are_refused(site: Site) -> None:
    """A form that was opened before a change overwrites nothing."""
    values = await ready(site)
    await site.person.submit(f"{SYSTEMS}/create", values)
    credential = f"{CREDENTIALS}/edit?name=ServiceNow+user"
    changes = {
        credential: ({"account_name": "privman.integration", "password": "other"}, {"account_name": "mallory"}),
        f"{SYSTEMS}/edit": (values | {"post_uri": "https://pm.example/approve"}, values),
        ADVANCED: ({}, {"api_enabled": "yes"}),
    }
    for path, (first, second) in changes.items():
        hidden = (await site.person.get(path)).hidden()
        assert (await site.person.post(path, hidden | first)).status == 200
        shown = await site.person.post(path, hidden | second)
        assert (path, shown.status, CHANGED in shown.text) == (path, 409, True)
    assert "API Enabled : off" in (await site.person.get("/")).text
    assert (await site.person.get(credential)).value("account_name") == "privman.integration"
    assert (await site.person.get(f"{SYSTEMS}/edit")).value("post_uri") == "https://pm.example/approve"


async def test_failed_server_task_is_shown(site: Site) -> None:
    """The page and Server Tasks show why the registration failed and when it is tried again."""
    assert "No server tasks yet" in (await site.person.get(TASKS)).text
    values = await ready(site) | {"base_url": "http://127.0.0.1:9"}
    shown = await site.person.submit(f"{SYSTEMS}/create", values)
    assert shown.detail("Instance Id") == "not registered"
    assert "no connection to 127.0.0.1:9: Connection refused" in shown.text
    tasks = (await site.person.get(TASKS)).text
    assert "Register webhook with ServiceNow App 2026-01-05 09:00:00 UTC Failed" in tasks
    assert "retrying in 60 s" in tasks


async def test_control_plane_keeps_the_chosen_credential(site: Site) -> None:
    """The control plane continues with the credential that was chosen on a page."""
    values = await ready(site)
    await site.person.submit(f"{SYSTEMS}/create", values)
    system = await site.admin("POST", "/foreign-system", {})
    assert system["api_credential"] == "API Credential"


async def test_control_plane_needs_a_credential_for_a_webhook(site: Site) -> None:
    """Without the set-up's credential, the control plane's webhook is refused and the credential named."""
    values = await ready(site)
    del values["use_webhook"]
    await site.person.submit(f"{SYSTEMS}/create", values)
    async with site.person.http.post(f"{site.url}/__admin/foreign-system", json={"use_webhook": True}) as answer:
        body = await answer.json()
    expected = "unknown credential 'ServiceNow webhook'; expected 'ServiceNow user', 'API Credential'"
    assert (answer.status, body) == (400, {"error": expected})
