"""Credentials, foreign systems and webhooks, created on the pages."""

from typing import Any

from .conftest import ADVANCED, CREDENTIALS, MESSAGING, SERVERS, Person, Shown, Site

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


async def process(site: Site) -> str:
    """Create an approval process with the server, and return its name."""
    await site.admin("POST", "/approval-processes", {"name": "To ServiceNow", "server": NAME})
    return "To ServiceNow"


async def webhook_page(site: Site, name: str = WEBHOOK) -> Shown:
    """Open the page of a webhook."""
    return await site.person.open(MESSAGING, name)


def values_of(page: Shown) -> dict[str, str]:
    """Return the fields of a webhook's page, as a browser sends them."""
    values = {"name": page.value("name"), "description": page.area("description"), "event": page.chosen("event")}
    values |= {"credential": page.chosen("credential"), "endpoint_url": page.value("endpoint_url")}
    return values | ({"enabled": "yes"} if page.is_ticked("enabled") else {})
