"""The pages under Configuration: tabs, API Settings, and forms that are out of date."""

from html import escape

import pytest

from .configuring import ready, registered, values_of, webhook_page
from .conftest import ADVANCED, CONFIGURATION, CREDENTIALS, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
CHANGED = "The values changed after you opened this page, so nothing was saved"


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
    """Advanced, API Settings has the switch."""
    assert "Changes saved" in (await site.person.submit(ADVANCED, {"api_enabled": "yes"})).text
    assert (await site.person.get(ADVANCED)).is_ticked("api_enabled")
    assert "API Enabled : on" in (await site.person.get("/")).text
    await site.person.submit(ADVANCED, {})
    assert "API Enabled : off" in (await site.person.get("/")).text


async def test_stale_forms_are_refused(site: Site) -> None:
    """A form that was opened before a change overwrites nothing, and the page shows what was typed into it."""
    server = await registered(site)
    values = await ready(site)
    webhook = await webhook_page(site)
    path = f"{CREDENTIALS}/edit?name=ServiceNow+user"
    login = {"name": "ServiceNow user", "account_name": "privman.integration"}
    changes = {
        path: (login | {"password": "other"}, login | {"account_name": "mallory"}),
        server.address: (values | {"post_uri": "https://pm.example/approve"}, values),
        webhook.address: (values_of(webhook) | {"description": "first"}, values_of(webhook) | {"description": "mine"}),
        ADVANCED: ({}, {"api_enabled": "yes"}),
    }
    for address, (first, second) in changes.items():
        hidden = (await site.person.get(address)).hidden()
        assert (await site.person.post(address, hidden | first)).status == 200
        shown = await site.person.post(address, hidden | second)
        assert (address, shown.status, CHANGED in shown.text) == (address, 409, True)
        typed = {value for name, value in second.items() if "credential" not in name} - {""}
        assert {value for value in typed if f"<dd>{escape(value)}</dd>" not in shown.html} == set()
        assert shown.links["Open the page again"] == address
    assert "API Enabled : off" in (await site.person.get("/")).text
    assert (await site.person.get(path)).value("account_name") == "privman.integration"
    assert (await site.person.get(server.address)).value("post_uri") == "https://pm.example/approve"
    assert (await webhook_page(site)).area("description") == "first"
