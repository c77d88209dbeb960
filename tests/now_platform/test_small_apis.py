"""Lists of tables and columns, the current user, messages, events."""

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
Grant = Callable[[str, str], None]
EVENT = {
    "source": "SCOM",
    "node": "host",
    "type": "Disk space",
    "resource": "D:",
    "metric_name": "Free",
    "severity": "4",
}


async def got(client: Client, path: str) -> Any:
    """Return the result of a successful GET."""
    answer = await client.get(f"/api/{path}")
    assert answer.status == 200, await answer.text()
    return (await answer.json())["result"]


async def posted(client: Client, path: str, body: object) -> tuple[int, Any]:
    """Return the status and the body of the answer to a POST."""
    answer = await client.post(f"/api/{path}", json=body)
    return answer.status, await answer.json()


async def test_tables_and_columns_that_the_user_may_read(client: Client, user: Client) -> None:
    """Users: labels and names; of a column its type, choices and reference."""
    everything = await got(client, "now/doc/table/schema")
    assert {"label": "Incident", "value": "incident"} in everything
    assert {"label": "Vault", "value": "u_vault"} in everything
    assert {"label": "Vault", "value": "u_vault"} not in await got(user, "now/doc/table/schema")
    columns = (await got(client, "now/ui/meta/u_toy"))["columns"]
    assert columns["u_color"]["choices"] == [{"label": "Red", "value": "r"}, {"label": "Blue", "value": "b"}]
    assert columns["u_owner"]["reference"] == "sys_user"
    assert (columns["u_name"]["type"], columns["u_name"]["label"]) == ("string", "Name")
    assert "u_secret" not in (await got(user, "now/ui/meta/u_toy"))["columns"]
    assert (await user.get("/api/now/ui/meta/u_vault")).status == 403
    assert (await client.get("/api/now/ui/meta/u_bunk")).status == 400


async def test_the_current_user(client: Client, user: Client) -> None:
    """Users: the names of the one who asks."""
    assert await got(client, "now/ui/user/current_user") == {
        "user_avatar": "",
        "user_sys_id": "6816f79cc0a8016401c5a33be04be441",
        "user_name": "admin",
        "user_display_name": "System Administrator",
        "user_initials": "SA",
    }
    assert (await got(user, "now/ui/user/current_user"))["user_name"] == "plain"
    assert (await client.post("/api/now/ui/user/current_user")).status == 405


async def test_a_message_is_a_record(client: Client) -> None:
    """Docs: the links of the answer; the message as it is read."""
    body = {
        "to": ["User1 <user1@example.com>", "user2@example.com"],
        "cc": ["user3@example.com"],
        "subject": "Hello There",
        "text": "Test Message",
        "table_name": "incident",
        "table_record_id": "136b2140bd0312004d7d1371f1abbdb6",
        "headers": {"X-Custom": "header"},
    }
    status, answer = await posted(client, "now/email", body)
    sys_id = answer["result"]["id"]
    assert (status, answer["result"]["links"][0]) == (200, {"rel": "self", "href": f"/now/v1/email/{sys_id}"})
    email = await got(client, f"now/v1/email/{sys_id}")
    assert (email["to"], email["bcc"], email["headers"]) == (body["to"], [""], {"X-Custom": "header"})
    assert (email["type"], email["state"], email["html"]) == ("send-ready", "ready", "")
    fields = await got(client, f"now/email/{sys_id}?sysparm_fields=id,state")
    assert fields == {"id": sys_id, "state": "ready"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"to": "user1@example.com"},
        {"to": [1]},
        {"to": ["user1@example.com"] * 101},
        {"to": ["user1@example.com"], "table_name": "incident"},
    ],
)
async def test_messages_that_are_refused(client: Client, body: object) -> None:
    """Docs: to is required, at most 100 addresses, a record takes table and sys_id."""
    assert (await posted(client, "now/email", body))[0] == 400


async def test_messages_take_a_role(client: Client, user: Client, grant: Grant) -> None:
    """Docs: email_api_send; a message that is not there, or not for the user, is 403."""
    body = {"to": ["user1@example.com"], "headers": 1}
    assert (await posted(user, "now/email", body))[0] == 403
    grant("plain", "email_api_send")
    assert (await posted(user, "now/email", body))[0] == 200
    assert (await client.get("/api/now/email/bunk")).status == 403


async def test_events(client: Client, user: Client, grant: Grant) -> None:
    """Docs: one or more in a call, with a role; a key is made where none is given."""
    assert (await posted(user, "global/em/jsonv2", {"records": [EVENT]}))[0] == 403
    grant("plain", "evt_mgmt_integration")
    answer = await posted(user, "global/em/jsonv2", {"records": [EVENT, EVENT | {"message_key": "mine"}]})
    assert answer == (200, {"result": {"Default Bulk Endpoint": "2 events were inserted"}})
    xml = await user.post("/api/global/em/jsonv2", json={"records": []}, headers={"Accept": "application/xml"})
    assert ET.fromstring(await xml.text())[0][0].tag == "Default_Bulk_Endpoint"  # noqa: S314 - our own answer
    events = await got(client, "now/table/em_event?sysparm_fields=message_key,severity,state")
    assert [event["message_key"] for event in events] == ["SCOMhostDisk spaceD:Free", "mine"]
    refused: tuple[object, ...] = ({}, {"records": [1]}, {"records": [{}] * 1_001})
    for body in refused:
        assert (await posted(user, "global/em/jsonv2", body))[0] == 400


@pytest.mark.long
async def test_apis_that_are_disabled(client: Client, user: Client, create: Create) -> None:
    """Docs: by their names, in a list; where some are enabled the others are not."""
    create("sys_properties", name="glide.rest.apis.disabled", value="Aggregate API, Table API")
    assert (await client.get("/api/now/table/incident")).status == 403
    assert (await client.get("/api/now/v2/stats/incident?sysparm_count=true")).status == 403
    assert (await client.get("/api/now/attachment")).status == 200
    create("sys_properties", name="glide.rest.apis.enabled", value="Attachment API,Table API")
    assert (await client.get("/api/now/table/incident")).status == 403
    assert (await user.get("/api/now/attachment")).status == 200
    assert (await client.get("/api/now/doc/table/schema")).status == 403
    assert (await client.get("/incident_list.do?JSONv2")).status == 200
