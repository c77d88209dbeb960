"""The CMDB Instance API: configuration items with their relations (Docs: cmdb-instance-api)."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from .conftest import URL

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
SERVERS = "/api/now/cmdb/instance/cmdb_ci_linux_server"
DEPENDS, RUNS = "1a9cb166f1571100a92eb60da2bce5c5", "60bc4e22c0a8010e01f074cbe6bd73c3"


async def made(client: Client, path: str = SERVERS, **body: object) -> dict[str, Any]:
    """Return what the API answers to the creation of an item."""
    answer = await client.post(path, json={"source": "ServiceNow", **body})
    assert answer.status == 200, await answer.text()
    result: dict[str, Any] = (await answer.json())["result"]
    return result


async def refused(client: Client, verb: str, path: str, body: object = None) -> tuple[int, str]:
    """Return status and message of an error."""
    answer = await client.request(verb, path, json=body)
    return answer.status, (await answer.json())["error"]["message"]


async def test_created_item_has_source_and_relations_of_both_directions(client: Client, create: Create) -> None:
    """Attributes, references with three values, and each relation with type and target."""
    base, user = create("cmdb_ci", name="base"), create("cmdb_ci", name="user")
    result = await made(
        client,
        attributes={"name": "lnux999", "ram": 2048, "location": "London"},
        outbound_relations=[{"type": RUNS, "target": base}],
        inbound_relations=[{"type": DEPENDS, "target": user}],
    )
    attributes = result["attributes"]
    assert (attributes["name"], attributes["ram"], attributes["firewall_status"]) == ("lnux999", "2048", "Intranet")
    assert (attributes["discovery_source"], attributes["sys_class_name"]) == ("ServiceNow", "cmdb_ci_linux_server")
    assert attributes["first_discovered"] == attributes["last_discovered"] == attributes["sys_created_on"]
    assert attributes["managed_by"] == ""
    london = attributes["location"]["value"]
    link = f"{URL}/api/now/table/cmn_location/{london}"
    assert attributes["location"] == {"display_value": "London", "link": link, "value": london}
    [outbound], [inbound] = result["outbound_relations"], result["inbound_relations"]
    target = {"display_value": "base", "link": f"{URL}/api/now/cmdb/instance/cmdb_ci/{base}", "value": base}
    kind = {"display_value": "Runs on::Runs", "link": f"{URL}/api/now/table/cmdb_rel_type/{RUNS}", "value": RUNS}
    assert outbound == {"sys_id": outbound["sys_id"], "target": target, "type": kind}
    assert (inbound["target"]["value"], inbound["type"]["value"]) == (user, DEPENDS)


async def test_class_among_the_attributes_wins(client: Client, create: Create) -> None:
    """As in the sample with depends_on, which relates the new item to an existing one."""
    host = create("cmdb_ci_server", name="host")
    result = await made(
        client,
        attributes={"name": "test", "sys_class_name": "cmdb_ci_database", "tcp_port": "1433"},
        depends_on={"outbound_relations": {"target": host, "type": RUNS}},
    )
    assert (result["attributes"]["sys_class_name"], result["attributes"]["tcp_port"]) == ("cmdb_ci_database", "1433")
    assert result["outbound_relations"][0]["target"]["value"] == host


async def test_items_of_a_class_are_listed_by_name(client: Client, create: Create) -> None:
    """With pages, queries and the versions of the path."""
    ids = [create("cmdb_ci_linux_server", name=f"srv{number}") for number in range(3)]
    listed = await client.get(f"{SERVERS}?sysparm_query=nameSTARTSWITHsrv^ORDERBYname&sysparm_limit=2&sysparm_offset=1")
    assert (await listed.json())["result"] == [{"sys_id": ids[1], "name": "srv1"}, {"sys_id": ids[2], "name": "srv2"}]
    versioned = await client.get(f"/api/now/v1/cmdb/instance/cmdb_ci/{ids[0]}")
    attributes = (await versioned.json())["result"]["attributes"]
    assert attributes["name"] == "srv0"
    assert "kernel_release" not in attributes, "the attributes are those of the class in the path"


@pytest.mark.parametrize("verb", ["PUT", "PATCH"])
async def test_update_keeps_other_attributes_and_relations(client: Client, create: Create, verb: str) -> None:
    """Both verbs do the same, and neither touches relations."""
    base = create("cmdb_ci", name="base")
    item = await made(
        client, attributes={"name": "a", "os": "Linux"}, outbound_relations=[{"type": RUNS, "target": base}]
    )
    body = {"source": "Manual Entry", "attributes": {"name": "b"}}
    answer = await client.request(verb, f"{SERVERS}/{item['attributes']['sys_id']}", json=body)
    changed = (await answer.json())["result"]
    found = {name: changed["attributes"][name] for name in ("name", "os", "discovery_source")}
    assert found == {"name": "b", "os": "Linux", "discovery_source": "Manual Entry"}
    assert changed["outbound_relations"] == item["outbound_relations"]


async def test_relations_are_added_and_removed(client: Client, create: Create) -> None:
    """A relation is removed at either of its items, and at no other."""
    one, other = create("cmdb_ci_linux_server", name="one"), create("cmdb_ci_linux_server", name="other")
    body = {"source": "ServiceNow", "outbound_relations": [{"type": DEPENDS, "target": other}]}
    added = (await (await client.post(f"{SERVERS}/{one}/relation", json=body)).json())["result"]
    [relation] = added["outbound_relations"]
    there = (await (await client.get(f"{SERVERS}/{other}")).json())["result"]
    assert [each["sys_id"] for each in there["inbound_relations"]] == [relation["sys_id"]]
    third = create("cmdb_ci_linux_server", name="third")
    assert (await client.delete(f"{SERVERS}/{third}/relation/{relation['sys_id']}")).status == 404
    removed = await client.delete(f"{SERVERS}/{one}/relation/{relation['sys_id']}")
    assert (removed.status, await removed.text()) == (200, "")
    assert (await (await client.get(f"{SERVERS}/{one}")).json())["result"]["outbound_relations"] == []


@pytest.mark.parametrize("body", [None, {}, {"source": "elsewhere"}, {"source": 1}])
async def test_every_write_names_a_source_of_the_choices(client: Client, create: Create, body: object) -> None:
    """One of the choice values of discovery_source; only relations may do without."""
    item = create("cmdb_ci_linux_server", name="one")
    for verb, path in (("POST", SERVERS), ("PUT", f"{SERVERS}/{item}")):
        assert await refused(client, verb, path, body) == (400, "Invalid source")
    related = await client.post(f"{SERVERS}/{item}/relation", json=body)
    assert related.status == (400 if body else 200)


async def test_incomplete_relation_fails_and_stores_nothing(client: Client) -> None:
    """The documented answer to a relation without a target."""
    body: dict[str, object] = {"source": "ServiceNow", "attributes": {"name": "gone"}}
    without_target = {"depends_on": {"outbound_relations": {"type": RUNS}}}
    failure = (500, "Exception while executing request: null")
    assert await refused(client, "POST", SERVERS, body | without_target) == failure
    assert await refused(client, "POST", SERVERS, body | {"inbound_relations": ["x"]}) == failure
    to_nothing = {"inbound_relations": [{"type": RUNS, "target": "0" * 32}]}
    assert (await refused(client, "POST", SERVERS, body | to_nothing))[0] == 404
    assert (await (await client.get(f"{SERVERS}?name=gone")).json())["result"] == []


async def test_what_is_no_item_is_refused(client: Client, create: Create) -> None:
    """Classes outside of the CMDB, missing items, attributes that are no object, and XML bodies."""
    assert await refused(client, "GET", "/api/now/cmdb/instance/incident") == (400, "Invalid table incident")
    assert (await refused(client, "GET", f"{SERVERS}/{'0' * 32}"))[0] == 404
    body = {"source": "ServiceNow", "attributes": "name"}
    assert (await refused(client, "POST", SERVERS, body))[0] == 400
    assert (await refused(client, "POST", SERVERS, ["x"]))[0] == 400
    relation = create("cmdb_rel_ci")
    assert (await refused(client, "DELETE", f"{SERVERS}/{'0' * 32}/relation/{relation}"))[0] == 404
    xml = await client.post(SERVERS, data="<request/>", headers={"Content-Type": "application/xml"})
    assert xml.status == 415


async def test_api_requires_itil(user: Client, grant: Callable[[str, str], None]) -> None:
    """Documented: the user has the role; others get 403 at every endpoint."""
    for verb, path in (
        ("GET", SERVERS),
        ("GET", f"{SERVERS}/x"),
        ("POST", SERVERS),
        ("DELETE", f"{SERVERS}/x/relation/y"),
    ):
        assert await refused(user, verb, path) == (403, "User Not Authorized")
    grant("plain", "itil")
    assert (await made(user, attributes={"name": "mine"}))["attributes"]["sys_created_by"] == "plain"


async def test_xml_repeats_an_element_for_each_relation(client: Client, create: Create) -> None:
    """Lists have no element of their own."""
    ids = [create("cmdb_ci", name=f"<{number}>") for number in range(2)]
    relations = [{"type": RUNS, "target": each} for each in ids]
    item = await made(client, attributes={"name": "a"}, outbound_relations=relations)
    path = f"{SERVERS}/{item['attributes']['sys_id']}"
    text = await (await client.get(path, headers={"Accept": "application/xml"})).text()
    assert text.count("<outbound_relations>") == 2
    assert "<display_value>&lt;1&gt;</display_value>" in text
