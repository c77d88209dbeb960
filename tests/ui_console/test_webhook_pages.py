"""The pages of webhooks, under Messaging."""

import pytest

from .configuring import WEBHOOK, create_credential, process, ready, registered, values_of, webhook_page
from .conftest import MESSAGING, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_webhook_appears_under_messaging(site: Site) -> None:
    """Webhook Configuration lists the webhook with the printed details (webhook-4.png)."""
    assert "No webhooks yet" in (await site.person.get(MESSAGING)).text
    await registered(site)
    listed = await site.person.get(MESSAGING)
    assert (
        "Webhook Configuration 1 Items Search Create Name ↑ Description Last Modified By Last Modified" in listed.text
    )
    assert listed.cells == [[WEBHOOK, "", "Privilege Manager", "1/5/26, 9:00 AM UTC"]]
    shown = await webhook_page(site)
    assert (shown.value("name"), shown.area("description")) == (WEBHOOK, "")
    assert shown.detail("Type") == "Webhook Resource (Resources)"
    assert shown.chosen("event") == "Approval Request Event"
    assert shown.choices("event")[-2:] == ["Approval Request Event", "System Approval Request Event"]
    assert shown.chosen("credential") == "ServiceNow user"
    assert shown.value("endpoint_url") == f"{site.servicenow}/api/now/table/x_thyti_thycotic_p_request"
    assert shown.is_ticked("enabled")
    assert (await site.person.get(f"{MESSAGING}/webhook?id=other")).status == 404


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
    """Name, credential and Request URL; then its page, with the generic event."""
    await create_credential(site.person, "Logs on elsewhere")
    page = await site.person.open(MESSAGING, "Create")
    values = {"name": "Ours", "credential": "Logs on elsewhere", "request_url": "https://hooks.example/in"}
    shown = await site.person.fill(page, values)
    assert "Webhook 'Ours' created." in shown.text
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


async def test_unticking_disables_the_webhook(site: Site) -> None:
    """The webhook stays, disabled."""
    first = await registered(site)
    values = await ready(site)
    del values["use_webhook"]
    await site.person.fill(first, values)
    assert not (await webhook_page(site)).is_ticked("enabled")
    assert f"Webhooks : {WEBHOOK}, disabled" in (await site.person.get("/")).text
