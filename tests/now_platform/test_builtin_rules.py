"""Data policies and the business rules that every instance has."""

from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from .writing import ADMIN, patch, post

Client = TestClient[web.Request, web.Application]


async def test_a_data_policy_demands_columns(client: Client) -> None:
    """A stored policy refuses a record that lacks what it demands, where its condition holds."""
    policy = {"model_table": "task", "conditions": "state=107"}
    response = await client.post("/api/now/table/sys_data_policy2", json=policy)
    policy_id = (await response.json())["result"]["sys_id"]
    for field in ("close_notes", "resolution_code", "bunk"):
        rule = {"sys_data_policy": policy_id, "field": field, "mandatory": True}
        assert (await client.post("/api/now/table/sys_data_policy_rule", json=rule)).status == 201
    record = await post(client, "problem", {"state": "103"})
    path = f"/api/now/table/problem/{record['sys_id']}"
    response = await client.patch(path, json={"state": "107"})
    assert response.status == 403
    assert (await response.json())["error"] == {
        "message": "Operation Failed",
        "detail": "Data Policy Exception: The following fields are mandatory: Close notes, Resolution code",
    }
    complete = {"state": "107", "close_notes": "x", "resolution_code": "duplicate"}
    assert (await client.patch(path, json=complete)).status == 200


async def test_a_data_policy_without_condition_always_applies(client: Client) -> None:
    """An insert is refused as an update is."""
    response = await client.post("/api/now/table/sys_data_policy2", json={"model_table": "cmn_department"})
    rule = {"sys_data_policy": (await response.json())["result"]["sys_id"], "field": "name", "mandatory": "true"}
    await client.post("/api/now/table/sys_data_policy_rule", json=rule)
    assert (await client.post("/api/now/table/cmn_department", json={})).status == 403
    assert (await client.post("/api/now/table/cmn_department", json={"name": "x"})).status == 201


@pytest.mark.parametrize(
    ("impact", "urgency", "priority"),
    [
        ("1", "1", "1"),
        ("1", "2", "2"),
        ("2", "1", "2"),
        ("2", "2", "3"),
        ("3", "2", "4"),
        ("3", "3", "5"),
        ("9", "1", "4"),
    ],
)
async def test_priority_follows_impact_and_urgency(client: Client, impact: str, urgency: str, priority: str) -> None:
    """Impact and urgency give the priority; where they say nothing, the default stays."""
    assert (await post(client, "incident", {"impact": impact, "urgency": urgency}))["priority"] == priority


async def test_a_new_incident_has_priority_five(client: Client) -> None:
    """Impact and urgency are 3 by default; other columns do not change the priority."""
    record = await post(client, "incident", {})
    assert (record["state"], record["impact"], record["urgency"], record["priority"]) == ("1", "3", "3", "5")
    await patch(client, "incident", record["sys_id"], {"priority": "1"})
    assert (await patch(client, "incident", record["sys_id"], {"description": "x"}))["priority"] == "1"


async def test_a_closed_task_is_inactive(client: Client) -> None:
    """A task is inactive from its closed state until it leaves it; who closed it first is kept."""
    record = await post(client, "problem", {"state": "103"})
    closed = await patch(client, "problem", record["sys_id"], {"state": "107"})
    assert (closed["active"], closed["closed_at"], closed["closed_by"]["value"]) == (
        "false",
        "2026-01-05 09:00:00",
        ADMIN,
    )
    assert (await patch(client, "problem", record["sys_id"], {"state": "103"}))["active"] == "true"
    again = await patch(client, "problem", record["sys_id"], {"state": "107"})
    assert again["closed_at"] == "2026-01-05 09:00:00"


async def test_a_new_task_may_be_inactive(client: Client) -> None:
    """1.8: JSON booleans count; an open state makes a task active only where it leaves a closed one."""
    record = await post(client, "incident", {"active": False})
    assert record["active"] == "false"
    moved = await patch(client, "incident", record["sys_id"], {"state": "2"})
    assert moved["active"] == "false"


async def test_a_user_is_named_by_first_and_last_name(client: Client) -> None:
    """8.2: a user's name is made of its parts, unless the client names the user otherwise."""
    path = "/api/now/table/sys_user"
    created = await client.post(path, json={"user_name": "bob", "first_name": "Bob", "last_name": "Ross"})
    user = (await created.json())["result"]
    assert user["name"] == "Bob Ross"
    for change, name in [
        ({"last_name": ""}, "Bob"),
        ({"first_name": "Rob", "name": "R."}, "R."),
        ({"title": "x"}, "R."),
    ]:
        changed = await client.patch(f"{path}/{user['sys_id']}", json=change)
        assert (await changed.json())["result"]["name"] == name


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("glide.oauth.inbound.client.credentials.grant_type.enabled", ["misspelt-property"]),
        ("glide.rest.max_content_lenght", ["misspelt-property"]),
        ("glide.export.csv.charsett", ["misspelt-property"]),
        ("com.glide.attachment.max_sise", ["misspelt-property"]),
        ("glide.export.csv.charset", []),
        ("glide.sys.date_format", []),
        ("glide.sys.time_format", []),
        ("my.own.property", []),
    ],
)
async def test_a_misspelt_property_is_a_finding(
    client: Client, swallowed: Callable[[], list[str]], name: str, found: list[str]
) -> None:
    """It is stored as on an instance, and the finding names the property that was meant."""
    record = await post(client, "sys_properties", {"name": name, "value": "true"})
    assert (await client.patch(f"/api/now/table/sys_properties/{record['sys_id']}", json={"value": "1"})).status == 200
    assert swallowed() == found


async def test_children_of_an_incident_are_counted(client: Client) -> None:
    """Docs, samples: child_incidents; a child comes, moves and goes."""

    async def children() -> list[str]:
        found = [await client.get(f"/api/now/table/incident/{each['sys_id']}") for each in parents]
        return [(await each.json())["result"]["child_incidents"] for each in found]

    parents = [await post(client, "incident", {}) for _ in range(2)]
    assert await children() == ["0", "0"]
    first, second = [await post(client, "incident", {"parent_incident": parents[0]["sys_id"]}) for _ in range(2)]
    assert await children() == ["2", "0"]
    await patch(client, "incident", first["sys_id"], {"short_description": "x"})
    await patch(client, "incident", first["sys_id"], {"parent_incident": parents[1]["sys_id"]})
    assert await children() == ["1", "1"]
    await patch(client, "incident", second["sys_id"], {"parent_incident": ""})
    await client.delete(f"/api/now/table/incident/{first['sys_id']}")
    assert await children() == ["0", "0"]
    assert (await client.delete(f"/api/now/table/incident/{second['sys_id']}")).status == 204
    orphan = await post(client, "incident", {"parent_incident": first["sys_id"]})
    assert (await client.delete(f"/api/now/table/incident/{orphan['sys_id']}")).status == 204


async def test_children_are_counted_as_far_as_a_column_holds(client: Client) -> None:
    """A client may have written the largest number."""
    most, incidents = str(2**63 - 1), "/api/now/table/incident"
    parent = (await (await client.post(incidents, json={"child_incidents": most})).json())["result"]
    assert (await client.post(incidents, json={"parent_incident": parent["sys_id"]})).status == 201
    read = (await (await client.get(f"{incidents}/{parent['sys_id']}")).json())["result"]
    assert read["child_incidents"] == most
