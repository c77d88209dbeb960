"""The pages of foreign systems, and the registration of their webhooks."""

import pytest

from console_sim.settings import Settings

from .configuring import NAME, WEBHOOK, create_credential, create_server, ready, registered
from .conftest import ADVANCED, MESSAGING, SERVER, SERVERS, SYSTEMS, TASKS, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
API_OFF = "Use Webhook API Enabled is off; webhooks need it on (Admin, Configuration, Advanced, API Settings)"


async def test_set_up_of_a_server_without_credential(site: Site) -> None:
    """It gets one of the usual name, and there is none without a name."""
    await create_server(site)
    await site.set_up(name=NAME)
    server = await site.person.open(SERVERS, NAME)
    assert server.chosen("credential") == f"{NAME} user"
    assert server.choices("credential") == [f"{NAME} webhook", f"{NAME} user"]


async def test_foreign_systems_are_listed_by_kind(site: Site) -> None:
    """The ServiceNow link leads to its servers (fs_servicenow.png)."""
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
        [NAME, NAME, f"{site.servicenow}/", "No"],
        ["Test instance", "Test instance", "https://test.service-now.com/", "No"],
    ]


async def test_new_server_opens_its_page(site: Site) -> None:
    """New has Name and Base URL; the page has the printed sections (webhook-1.png)."""
    shown = await create_server(site)
    assert "Foreign system 'Dev instance' created." in shown.text
    assert (shown.value("name"), shown.area("description")) == (NAME, NAME)
    assert shown.detail("Type") == "Service Now Instance Resource (Resources)"
    assert (shown.chosen("credential"), shown.is_ticked("use_webhook")) == ("", False)
    assert shown.value("base_url") == f"{site.servicenow}/"
    assert shown.value("post_uri") == ""
    assert shown.detail("API Endpoint of this console") == f"{site.url}/Tms/services/api/v1/approval/approve"
    saved = await site.person.fill(shown, {"name": NAME, "base_url": site.servicenow, "description": "Later"})
    assert (saved.status, saved.area("description"), saved.chosen("credential")) == (200, "Later", "")
    assert saved.value("base_url") == site.servicenow


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
    """Save Changes with Use Webhook registers the webhook in the background."""
    shown = await registered(site)
    (registration,) = await site.records("integration_configuration")
    (activity_type,) = await site.records("activity_type")
    assert "Registration with ServiceNow App Simulator only" in shown.text
    assert shown.detail("Webhook") == f"{WEBHOOK}, enabled"
    assert shown.detail("Instance Id") == registration["sys_id"]
    assert shown.detail("ActivityType Id") == activity_type["sys_id"]
    assert f"Register webhook of '{NAME}' with ServiceNow App" in (await site.person.get(TASKS)).text
    home = (await site.person.get("/")).text
    assert f"Webhooks : {WEBHOOK}, enabled" in home
    assert f"Instance Id {registration['sys_id']}" in home


async def test_several_servers_register_each_for_itself(site: Site) -> None:
    """Each has its own registration and webhook (set-up-servicenow.md)."""
    values = await ready(site)
    for name in ("First", "Second"):
        page = await create_server(site, name)
        await create_credential(site.person, f"{name} API", account_name=f"{name}-client")
        shown = await site.person.fill(page, values | {"name": name, "api_credential": f"{name} API"})
        assert shown.detail("Webhook") == f"New Webhook for {name} setting, enabled"
    ids = {each["sys_id"] for each in await site.records("integration_configuration")}
    assert len(ids) == 2
    for name in ("First", "Second"):
        assert (await site.person.open(SERVERS, name)).detail("Instance Id") in ids


async def test_renaming_keeps_the_registration(site: Site) -> None:
    """Another name or description changes nothing in ServiceNow."""
    first = await registered(site)
    values = await ready(site) | {"name": "Renamed", "description": "Ours"}
    again = await site.person.fill(first, values)
    assert (again.value("name"), again.area("description")) == ("Renamed", "Ours")
    assert again.detail("Instance Id") == first.detail("Instance Id")
    assert len(await site.records("integration_configuration")) == 1


async def test_use_webhook_needs_the_api(site: Site) -> None:
    """If API Enabled is off, Use Webhook is refused beside its field and nothing is saved."""
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
    """Saving without changes creates no second webhook or registration."""
    first = await registered(site)
    again = await site.person.fill(first, await ready(site))
    assert again.detail("Instance Id") == first.detail("Instance Id")
    assert len(await site.records("integration_configuration")) == 1
    assert len((await site.person.get(MESSAGING)).cells) == 1


async def test_missing_foreign_system_gets_404(site: Site) -> None:
    """The page says that there is none."""
    assert (await site.person.get(SERVER)).status == 404
    await create_server(site)
    assert (await site.person.get(f"{SERVER}?id=none")).status == 404


async def test_failed_server_task_is_shown(site: Site) -> None:
    """The page and Server Tasks show why the registration failed and when it is tried again."""
    assert "No server task was attempted" in (await site.person.get(TASKS)).text
    shown = await registered(site, base_url="http://127.0.0.1:9")
    assert shown.detail("Instance Id") == "not acknowledged"
    assert "no connection to 127.0.0.1:9: Connection refused" in shown.text
    tasks = await site.person.get(TASKS)
    assert f"Register webhook of '{NAME}' with ServiceNow App Jan 5, 2026, 9:00:00 AM UTC Failed" in tasks.text
    assert "refused; next attempt at Jan 5, 2026, 9:01:00 AM UTC Simulator only" in tasks.text
    assert tasks.tabs == ["Tasks", "Automation"]
    await site.clock.advance(60)
    later = [row[2] for row in (await site.person.get(TASKS)).cells]
    assert ["next attempt at" in outcome for outcome in later] == [True, False]


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
