from typing import Any

import pytest

from console_sim.settings import Settings

from .conftest import (
    ADVANCED,
    CONFIGURATION,
    CREDENTIALS,
    MESSAGING,
    SERVER,
    SERVERS,
    SYSTEMS,
    TASKS,
    Person,
    Shown,
    Site,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")
API_OFF = "Use Webhook API Enabled is off; webhooks need it on (Admin, Configuration, Advanced, API Settings)"
CHANGED = "The values changed after you opened this page, so nothing was saved"
NAME = "Dev instance"
WEBHOOK = f"New Webhook for {NAME} setting"


async def create_credential(person: Person, name: str, **values: str) -> Any:
    """Create a credential and return what is shown then."""
    usual = {"name": name, "account_name": "ada", "password": "admin"}
    return await person.submit(f"{CREDENTIALS}/create", usual | values)


async def credential(site: Site, name: str) -> Shown:
    """Open the page of a credential."""
    return await site.person.open(CREDENTIALS, name)


async def create_server(site: Site, name: str = NAME, base_url: str = "") -> Shown:
    """Create a ServiceNow server and return its page."""
    values = {"name": name, "base_url": base_url or f"{site.servicenow}/"}
    return await site.person.submit(f"{SERVERS}/create", values)


async def ready(site: Site) -> dict[str, str]:
    """Do what comes before the server's settings, and return the values of its form."""
    await site.person.submit(ADVANCED, {"api_enabled": "yes"})
    await create_credential(site.person, "ServiceNow user", account_name="privman.integration")
    await create_credential(site.person, "API Credential")
    return {
        "name": NAME,
        "description": "",
        "base_url": f"{site.servicenow}/",
        "credential": "ServiceNow user",
        "use_webhook": "yes",
        "api_credential": "API Credential",
        "post_uri": f"{site.url}/Tms/services/api/v1/approval/approve",
    }


async def registered(site: Site, **values: str) -> Shown:
    """Create a server, fill in its page and save it."""
    return await site.person.fill(await create_server(site), await ready(site) | values)


async def webhook_page(site: Site, name: str = WEBHOOK) -> Shown:
    """Open the page of a webhook."""
    return await site.person.open(MESSAGING, name)


async def test_set_up_of_a_server_without_credential(site: Site) -> None:
    """It gets one of the usual name, and there is none without a name."""
    await create_server(site)
    await site.set_up(name=NAME)
    server = await site.person.open(SERVERS, NAME)
    assert server.chosen("credential") == f"{NAME} user"
    assert server.choices("credential") == [f"{NAME} webhook", f"{NAME} user"]


async def test_configuration_opens_with_the_first_tab(site: Site) -> None:
    """The tabs are the printed ones, in their order; those that the simulator has not are no links (webhook-3.png)."""
    shown = await site.person.get(CONFIGURATION)
    assert shown.url == f"{site.url}{CONFIGURATION}/general"
    assert shown.tabs == ["General", "Credentials", "Foreign Systems", "Advanced", "Messaging"]
    assert (
        "General Discovery (not simulated) Reputation (not simulated) Credentials Foreign Systems Advanced "
        "Authentication (not simulated) Messaging Change History (not simulated)"
    ) in shown.text


async def test_general_tab_leads_to_approval_types_and_processes(site: Site) -> None:
    """As printed (general.png)."""
    shown = await site.person.get(f"{CONFIGURATION}/general")
    assert (
        "Approval Types Default Execute Application Request Type Default Offline Execute Application Request Type "
        "Approval Processes Default Manual Approval Process"
    ) in shown.text
    for name in ("Default Execute Application Request Type", "Default Manual Approval Process"):
        assert f"{name} | Privilege Manager" in (await site.person.get(shown.links[name])).text


async def test_api_is_switched_on_and_off(site: Site) -> None:
    """Advanced, API Settings has the switch (integration 2.1)."""
    assert "Changes saved" in (await site.person.submit(ADVANCED, {"api_enabled": "yes"})).text
    assert (await site.person.get(ADVANCED)).is_ticked("api_enabled")
    assert "API Enabled : on" in (await site.person.get("/")).text
    await site.person.submit(ADVANCED, {})
    assert "API Enabled : off" in (await site.person.get("/")).text


async def test_credential_is_created_and_listed(site: Site) -> None:
    """With the printed columns and type (integration 7, config-credentials.png, new-cred.png)."""
    assert "No credentials yet" in (await site.person.get(CREDENTIALS)).text
    page = await site.person.get(f"{CREDENTIALS}/create")
    assert (page.value("name"), page.area("description")) == ("New User Credential", "New User Credential")
    assert page.detail("Type") == "User Credential Secret Resource (Resources)"
    assert "No password is set Edit" in page.text
    shown = await create_credential(site.person, "R&D", description="Logs on", account_name="0f1ba2b8")
    assert shown.url.endswith(f"{CREDENTIALS}?done=saved")
    assert "1 Items Search Create Name ↑ Description Last Modified By Last Modified On" in shown.text
    assert shown.cells == [["R&D", "Logs on", "Privilege Manager", "1/5/26, 9:00 AM"]]
    assert (await credential(site, "R&D")).value("account_name") == "0f1ba2b8"


async def test_password_is_saved_by_its_own_button(site: Site) -> None:
    """Edit, Save Password, then Save (integration 7); the first Save Password creates the credential."""
    first = await create_credential(site.person, "R&D", password="first-5ecret", save_password="yes")
    assert (first.value("account_name"), "A password is set" in first.text) == ("ada", True)
    values = {"name": "R&D", "account_name": "grace", "password": "second-5ecret", "save_password": "yes"}
    second = await site.person.fill(first, values)
    assert ("Password saved" in second.text, second.value("account_name")) == (True, "grace")
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


async def process(site: Site) -> str:
    """Create an approval process with the server, and return its name."""
    await site.admin("POST", "/approval-processes", {"name": "To ServiceNow", "server": NAME})
    return "To ServiceNow"


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
    """A password that changed in ServiceNow stops the requests; saving the new one sends them (integration 2.13)."""
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
    """A changed API Credential updates the same registration (integration 2.13)."""
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
    assert (shown.status, "Unknown credential '<b>'" in shown.text) == (404, True)


async def test_foreign_systems_are_listed_by_kind(site: Site) -> None:
    """The ServiceNow link leads to its servers (integration 7, fs_servicenow.png)."""
    assert (await site.person.get(SYSTEMS)).cells == [
        ["Active Directory Domains (not simulated)", "0"],
        ["Azure Active Directory Domains (not simulated)", "0"],
        ["Azure Service Bus (not simulated)", "0"],
        ["Privilege Manager Server (not simulated)", "0"],
        ["Secret Server (not simulated)", "0"],
        ["ServiceNow", "0"],
        ["SMTP Server (not simulated)", "0"],
        ["Symantec Management Platform (not simulated)", "0"],
        ["SysLog (not simulated)", "0"],
        ["System Center Configuration Manager (not simulated)", "0"],
        ["Thycotic One (not simulated)", "0"],
    ]
    servers = await site.person.open(SYSTEMS, "ServiceNow")
    assert (servers.address, "No ServiceNow servers yet" in servers.text) == (SERVERS, True)
    await create_server(site)
    await create_server(site, "Test instance", "https://test.service-now.com/")
    assert (await site.person.get(SYSTEMS)).cells[5] == ["ServiceNow", "2"]
    assert (await site.person.get(SERVERS)).cells == [
        [NAME, NAME, site.servicenow, "No"],
        ["Test instance", "Test instance", "https://test.service-now.com", "No"],
    ]


async def test_new_server_opens_its_page(site: Site) -> None:
    """New has Name and Base URL; the page has the printed sections (integration 7, webhook-1.png)."""
    shown = await create_server(site)
    assert "Created" in shown.text
    assert (shown.value("name"), shown.area("description")) == (NAME, NAME)
    assert shown.detail("Type") == "Service Now Instance Resource (Resources)"
    assert (shown.chosen("credential"), shown.is_ticked("use_webhook")) == ("", False)
    assert shown.value("base_url") == site.servicenow
    assert shown.value("post_uri") == ""
    assert shown.detail("API Endpoint of this console") == f"{site.url}/Tms/services/api/v1/approval/approve"
    saved = await site.person.fill(shown, {"name": NAME, "base_url": site.servicenow, "description": "Later"})
    assert (saved.status, saved.area("description"), saved.chosen("credential")) == (200, "Later", "")


@pytest.mark.parametrize("settings", [Settings(documented_only=True)])
async def test_documented_page_of_a_server(site: Site) -> None:
    """No page shows the console's own address, nor the registration."""
    shown = await create_server(site)
    assert ("API Endpoint" in shown.text, "Registration" in shown.text) == (False, False)


INSTANCE = "https://example.service-now.com"


@pytest.mark.parametrize(
    ("name", "base_url", "field", "complaint"),
    [
        ("", "https://x.example", "name", "Name is empty; expected text"),
        (NAME, "https://x.example", "name", f"Name '{NAME}' already exists"),
        ("x", " ", "base_url", f"Base URL is empty; expected an address such as {INSTANCE}"),
        (
            "x",
            "https://[InstanceName].service-now.com/",
            "base_url",
            f"Base URL has '[InstanceName]' for the instance's name; expected an address such as {INSTANCE}",
        ),
        ("x", "dev1", "base_url", "Base URL is 'dev1'; expected an address such as https://example.service-now.com"),
    ],
)
async def test_invalid_new_server_is_refused(site: Site, name: str, base_url: str, field: str, complaint: str) -> None:
    """The error is beside its field, and nothing is saved."""
    await create_server(site)
    shown = (
        await create_server(site, name, base_url)
        if name
        else await site.person.submit(f"{SERVERS}/create", {"name": "", "base_url": base_url})
    )
    assert (shown.status, shown.error(field)) == (422, complaint)
    assert len((await site.person.get(SERVERS)).cells) == 1


async def test_saved_foreign_system_registers(site: Site) -> None:
    """Save Changes with Use Webhook registers the webhook in the background (integration 2.6 to 2.10)."""
    shown = await registered(site)
    (registration,) = await site.records("integration_configuration")
    (activity_type,) = await site.records("activity_type")
    assert "Registration with ServiceNow App Simulator only" in shown.text
    assert shown.detail("Webhook") == WEBHOOK
    assert shown.detail("Instance Id") == registration["sys_id"]
    assert shown.detail("ActivityType Id") == activity_type["sys_id"]
    assert f"Register webhook of '{NAME}' with ServiceNow App" in (await site.person.get(TASKS)).text
    home = (await site.person.get("/")).text
    assert f"Webhooks : {WEBHOOK}, enabled" in home
    assert f"Instance Id {registration['sys_id']}" in home


async def test_several_servers_register_each_for_itself(site: Site) -> None:
    """Each has its own registration and webhook (integration 8, set-up-servicenow.md)."""
    values = await ready(site)
    for name in ("First", "Second"):
        page = await create_server(site, name)
        await create_credential(site.person, f"{name} API", account_name=f"{name}-client")
        shown = await site.person.fill(page, values | {"name": name, "api_credential": f"{name} API"})
        assert shown.detail("Webhook") == f"New Webhook for {name} setting"
    ids = {each["sys_id"] for each in await site.records("integration_configuration")}
    assert len(ids) == 2
    for name in ("First", "Second"):
        assert (await site.person.open(SERVERS, name)).detail("Instance Id") in ids


async def test_renaming_keeps_the_registration(site: Site) -> None:
    """Another name or description changes nothing in ServiceNow (integration 8)."""
    first = await registered(site)
    values = await ready(site) | {"name": "Renamed", "description": "Ours"}
    again = await site.person.fill(first, values)
    assert (again.value("name"), again.area("description")) == ("Renamed", "Ours")
    assert again.detail("Instance Id") == first.detail("Instance Id")
    assert len(await site.records("integration_configuration")) == 1


async def test_webhook_appears_under_messaging(site: Site) -> None:
    """Webhook Configuration lists the webhook with the printed details (integration 2.11, webhook-4.png)."""
    assert "No webhooks yet" in (await site.person.get(MESSAGING)).text
    await registered(site)
    listed = await site.person.get(MESSAGING)
    assert (
        "Webhook Configuration 1 Items Search Create Name ↑ Description Last Modified By Last Modified" in listed.text
    )
    assert listed.cells == [[WEBHOOK, "", "Privilege Manager", "1/5/26, 9:00 AM"]]
    shown = await webhook_page(site)
    assert (shown.value("name"), shown.area("description")) == (WEBHOOK, "")
    assert shown.detail("Type") == "Webhook Resource (Resources)"
    assert shown.chosen("event") == "Approval Request Event"
    assert shown.choices("event")[-2:] == ["Approval Request Event", "System Approval Request Event"]
    assert shown.chosen("credential") == "ServiceNow user"
    assert shown.value("endpoint_url") == f"{site.servicenow}/api/now/table/x_thyti_thycotic_p_request"
    assert shown.is_ticked("enabled")
    assert (await site.person.get(f"{MESSAGING}/webhook?id=other")).status == 404


def values_of(page: Shown) -> dict[str, str]:
    """Return the fields of a webhook's page, as a browser sends them."""
    values = {"name": page.value("name"), "description": page.area("description"), "event": page.chosen("event")}
    values |= {"credential": page.chosen("credential"), "endpoint_url": page.value("endpoint_url")}
    return values | ({"enabled": "yes"} if page.is_ticked("enabled") else {})


async def test_webhook_is_edited(site: Site) -> None:
    """Every field can be changed, and stays changed when the foreign system is saved again."""
    server = await registered(site)
    await create_credential(site.person, "Other")
    page = await webhook_page(site)
    changes = {
        "name": "To dev",
        "description": "Ours",
        "event": "System Approval Request Event",
        "credential": "Other",
        "endpoint_url": "https://elsewhere.example/in",
    }
    shown = await site.person.fill(page, values_of(page) | changes)
    assert "Changes saved" in shown.text
    assert values_of(shown) == changes | {"enabled": "yes"}
    await site.person.fill(await site.person.get(server.address), await ready(site) | {"description": "again"})
    assert values_of(await webhook_page(site, "To dev")) == changes | {"enabled": "yes"}


async def test_disabled_webhook_sends_nothing(site: Site) -> None:
    """Enabled off stops it while Use Webhook stays ticked; on again, it sends what waited."""
    server = await registered(site)
    await site.admin("POST", "/approval-types", {"name": "ServiceNow type", "process": await process(site)})
    await site.admin("POST", "/policies", {"name": "P", "approval_type": "ServiceNow type"})
    page = await webhook_page(site)
    off = await site.person.fill(page, {**values_of(page), "enabled": ""})
    assert off.is_ticked("enabled") is False
    assert (await site.person.get(server.address)).is_ticked("use_webhook")
    await site.ask(PolicyName="P")
    assert await site.records("request") == []
    await site.person.fill(off, values_of(off) | {"enabled": "yes"})
    assert len(await site.records("request")) == 1


async def test_invalid_webhook_is_refused(site: Site) -> None:
    """Each error is beside its field, and nothing is saved."""
    await registered(site)
    page = await webhook_page(site)
    wrong = {"name": "", "event": "Any", "credential": "", "endpoint_url": "elsewhere"}
    shown = await site.person.fill(page, values_of(page) | wrong)
    assert shown.status == 422
    assert shown.error("name") == "Name is empty; expected text"
    assert shown.error("event") == "Webhook Event 'Any' is not one of the choices"
    assert shown.error("credential") == "Credential is empty; choose one"
    assert shown.error("endpoint_url").startswith("Endpoint URL is 'elsewhere'; expected an address")
    assert values_of(await webhook_page(site)) == values_of(page)


async def test_webhook_is_made_by_hand(site: Site) -> None:
    """Name, credential and Request URL; then its page, with the generic event (integration 7)."""
    await create_credential(site.person, "Logs on elsewhere")
    page = await site.person.open(MESSAGING, "Create")
    values = {"name": "Ours", "credential": "Logs on elsewhere", "request_url": "https://hooks.example/in"}
    shown = await site.person.fill(page, values)
    assert "Created" in shown.text
    assert values_of(shown) == {
        "name": "Ours",
        "description": "",
        "event": "System Approval Request Event",
        "credential": "Logs on elsewhere",
        "endpoint_url": "https://hooks.example/in",
        "enabled": "yes",
    }
    without = await site.person.fill(shown, values_of(shown) | {"credential": ""})
    assert (without.status, without.chosen("credential")) == (200, "")


async def test_invalid_new_webhook_is_refused(site: Site) -> None:
    """Each error is beside its field; a credential may be left out, but not invented."""
    await site.person.submit(f"{MESSAGING}/create", {"name": "Ours", "request_url": "https://hooks.example/in"})
    wrong = {"name": "Ours", "credential": "ghost", "request_url": ""}
    shown = await site.person.submit(f"{MESSAGING}/create", wrong)
    assert (shown.status, shown.error("name")) == (422, "Name 'Ours' already exists")
    assert shown.error("credential") == "Credential 'ghost' is not one of the choices"
    assert shown.error("request_url").startswith("Request URL is empty; expected an address")
    assert len((await site.person.get(MESSAGING)).cells) == 1


async def test_use_webhook_needs_the_api(site: Site) -> None:
    """If API Enabled is off, Use Webhook is refused beside its field and nothing is saved (integration 2.1)."""
    values = await ready(site)
    await site.person.submit(ADVANCED, {})
    page = await create_server(site)
    shown = await site.person.fill(page, values | {"name": "Other"})
    assert (shown.status, shown.error("use_webhook")) == (422, API_OFF)
    kept = await site.person.get(page.address)
    assert (kept.value("name"), kept.chosen("credential")) == (NAME, "")


async def test_invalid_foreign_system_is_refused(site: Site) -> None:
    """Each error is beside its field, which keeps what was typed."""
    values = await ready(site)
    page = await create_server(site)
    wrong = {"name": "", "base_url": "dev1", "credential": "", "api_credential": "ghost", "post_uri": "ftp://x"}
    shown = await site.person.fill(page, values | wrong)
    expected = "expected an address such as https://example.service-now.com"
    expected_uri = "expected an address such as https://console.example/Tms/services/api/v1/approval/approve"
    assert shown.status == 422
    assert shown.error("name") == "Name is empty; expected text"
    assert shown.error("base_url") == f"Base URL is 'dev1'; {expected}"
    assert shown.error("credential") == "Credential is empty; choose one"
    assert shown.error("api_credential") == "API Credential 'ghost' is not one of the choices"
    assert shown.error("post_uri") == f"Privilege Manager Post Uri is 'ftp://x'; {expected_uri}"
    assert shown.value("base_url") == "dev1"
    assert shown.is_ticked("use_webhook")


async def test_foreign_system_without_webhook_registers_nothing(site: Site) -> None:
    """The fields of the webhook are not validated either; a credential that does not exist is."""
    values = await ready(site) | {"post_uri": "nonsense"}
    del values["use_webhook"]
    page = await create_server(site)
    shown = await site.person.fill(page, values)
    assert (shown.detail("Webhook"), shown.is_ticked("use_webhook")) == ("none", False)
    assert shown.value("post_uri") == ""
    assert shown.detail("API Endpoint of this console") == f"{site.url}/Tms/services/api/v1/approval/approve"
    assert await site.records("integration_configuration") == []
    assert "Webhooks : none yet" in (await site.person.get("/")).text
    ghost = await site.person.fill(shown, values | {"credential": "ghost"})
    assert (ghost.status, ghost.error("credential")) == (422, "Credential 'ghost' is not one of the choices")


async def test_saving_again_changes_nothing(site: Site) -> None:
    """Saving without changes creates no second webhook or registration (integration 2.13)."""
    first = await registered(site)
    again = await site.person.fill(first, await ready(site))
    assert again.detail("Instance Id") == first.detail("Instance Id")
    assert len(await site.records("integration_configuration")) == 1
    assert len((await site.person.get(MESSAGING)).cells) == 1


async def test_unticking_disables_the_webhook(site: Site) -> None:
    """The webhook stays, disabled (integration 2.13)."""
    first = await registered(site)
    values = await ready(site)
    del values["use_webhook"]
    await site.person.fill(first, values)
    assert not (await webhook_page(site)).is_ticked("enabled")
    assert f"Webhooks : {WEBHOOK}, disabled" in (await site.person.get("/")).text


async def test_missing_foreign_system_gets_404(site: Site) -> None:
    """The page says that there is none."""
    assert (await site.person.get(SERVER)).status == 404
    await create_server(site)
    assert (await site.person.get(f"{SERVER}?id=none")).status == 404


async def test_stale_forms_are_refused(site: Site) -> None:
    """A form that was opened before a change overwrites nothing."""
    server = await registered(site)
    values = await ready(site)
    webhook = await webhook_page(site)
    path = f"{CREDENTIALS}/edit?name=ServiceNow+user"
    login = {"name": "ServiceNow user", "account_name": "privman.integration"}
    changes = {
        path: (login | {"password": "other"}, login | {"account_name": "mallory"}),
        server.address: (values | {"post_uri": "https://pm.example/approve"}, values),
        webhook.address: (values_of(webhook) | {"description": "first"}, values_of(webhook)),
        ADVANCED: ({}, {"api_enabled": "yes"}),
    }
    for address, (first, second) in changes.items():
        hidden = (await site.person.get(address)).hidden()
        assert (await site.person.post(address, hidden | first)).status == 200
        separator = "&" if "?" in address else "?"
        shown = await site.person.post(f"{address}{separator}done=saved", hidden | second)
        assert (address, shown.status, CHANGED in shown.text) == (address, 409, True)
        assert shown.links["Open the page again"] == address
    assert "API Enabled : off" in (await site.person.get("/")).text
    assert (await site.person.get(path)).value("account_name") == "privman.integration"
    assert (await site.person.get(server.address)).value("post_uri") == "https://pm.example/approve"
    assert (await webhook_page(site)).area("description") == "first"


async def test_failed_server_task_is_shown(site: Site) -> None:
    """The page and Server Tasks show why the registration failed and when it is tried again."""
    assert "No server tasks yet" in (await site.person.get(TASKS)).text
    shown = await registered(site, base_url="http://127.0.0.1:9")
    assert shown.detail("Instance Id") == "not registered"
    assert "no connection to 127.0.0.1:9: Connection refused" in shown.text
    tasks = await site.person.get(TASKS)
    assert f"Register webhook of '{NAME}' with ServiceNow App Jan 5, 2026, 9:00:00 AM Failed" in tasks.text
    assert "retrying in 60 s" in tasks.text
    assert tasks.tabs == ["Tasks", "Automation"]


async def test_control_plane_keeps_the_chosen_credential(site: Site) -> None:
    """The control plane continues with the credential that was chosen on a page."""
    await registered(site)
    system = await site.admin("POST", "/foreign-system", {})
    assert system["api_credential"] == "API Credential"


async def test_control_plane_needs_a_credential_for_a_webhook(site: Site) -> None:
    """Without the set-up's credential, the control plane's webhook is refused and the credential named."""
    values = await ready(site)
    del values["use_webhook"]
    await site.person.fill(await create_server(site), values)
    async with site.person.http.post(f"{site.url}/__admin/foreign-system", json={"use_webhook": True}) as answer:
        body = await answer.json()
    expected = f"unknown credential '{NAME} webhook'; expected 'ServiceNow user', 'API Credential'"
    assert (answer.status, body) == (400, {"error": expected})
