"""Writing over the Table API."""

from base64 import b64encode
from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance
from privman_core.journal import Journal
from privman_core.virtual_clock import VirtualClock

from .writing import ADMIN, patch, post

Client = TestClient[web.Request, web.Application]
Swallowed = Callable[[], list[str]]


async def test_insert_answers_the_record_with_its_address(client: Client) -> None:
    """POST answers 201 with defaults, number and system columns, and Location."""
    response = await client.post("/api/now/table/problem", json={"short_description": "x"})
    record = (await response.json())["result"]
    assert response.status == 201
    assert response.headers["Location"] == f"https://dev12345.service-now.com/api/now/table/problem/{record['sys_id']}"
    assert record["number"] == "PRB0010001"
    assert record["opened_by"]["value"] == ADMIN
    assert record["active"] == "true"
    assert record["state"] == "101"
    assert record["sys_class_name"] == "problem"
    assert record["opened_at"] == record["sys_created_on"] == record["sys_updated_on"] == "2026-01-05 09:00:00"
    assert record["sys_created_by"] == record["sys_updated_by"] == "admin"
    assert record["sys_mod_count"] == "0"
    assert len(record["sys_id"]) == 32


async def test_location_repeats_the_version(client: Client) -> None:
    """Location has the version of the request."""
    response = await client.post("/api/now/v2/table/problem", json={})
    assert response.headers["Location"].startswith("https://dev12345.service-now.com/api/now/v2/table/problem/")


async def test_numbers_count_up_per_table(client: Client) -> None:
    """Each numbered table counts on its own."""
    numbers = [(await post(client, table, {}))["number"] for table in ("problem", "problem", "incident")]
    assert numbers == ["PRB0010001", "PRB0010002", "INC0010001"]


@pytest.mark.parametrize("count", ["", str(2**63 - 1), None], ids=["emptied", "at its end", "deleted"])
async def test_without_a_counter_there_is_no_number(
    client: Client, instance: Instance, swallowed: Swallowed, count: str | None
) -> None:
    """1.8: what gives a table its numbers is a record that an administrator may spoil."""
    with instance.transaction(instance.system) as session:
        counter = session.find("sys_number", category="problem")
        assert counter is not None
        if count is None:
            session.delete("sys_number", counter.sys_id)
        else:
            session.update("sys_number", counter.sys_id, {"number": count})
    assert (await post(client, "problem", {}))["number"] == ""
    assert swallowed() == ["number-missing"]


async def test_users_who_delete_themselves_are_a_finding(client: Client, swallowed: Swallowed) -> None:
    """An instance lets an administrator do so, who is locked out from then on."""
    response = await client.delete(f"/api/now/table/sys_user/{ADMIN}")
    assert response.status == 204
    assert swallowed() == ["own-user-deleted"]


async def test_a_given_number_is_kept(client: Client) -> None:
    """A record that brings a number keeps it."""
    assert (await post(client, "problem", {"number": "PRB7"}))["number"] == "PRB7"


async def test_a_given_sys_id_is_kept(client: Client) -> None:
    """A sys_id in the body is honoured with its letter case, and another update cannot change it."""
    sys_id = "AAAABBBBCCCCDDDDEEEEFFFF00001111"
    assert (await post(client, "problem", {"sys_id": sys_id}))["sys_id"] == sys_id
    assert (await patch(client, "problem", sys_id, {"sys_id": "0" * 32}))["sys_id"] == sys_id
    assert (await client.delete(f"/api/now/table/problem/{sys_id}")).status == 204
    assert (await client.get(f"/api/now/table/problem/{sys_id}")).status == 404


async def test_a_sys_id_cannot_be_used_twice(client: Client) -> None:
    """A sys_id that exists is refused as a duplicate."""
    response = await client.post("/api/now/table/cmn_department", json={"sys_id": "a581ab703710200044e0bfc8bcbe5de8"})
    assert response.status == 403
    detail = "Duplicate entry 'a581ab703710200044e0bfc8bcbe5de8' for key 'PRIMARY'"
    assert (await response.json())["error"]["detail"] == f"Unique Key violation detected by database ({detail})"


@pytest.mark.parametrize("verb", ["post", "patch"])
async def test_unique_values_cannot_be_used_twice(client: Client, verb: str) -> None:
    """A value of a unique column that exists is refused on insert and update."""
    path = "/api/now/table/sys_user" + ("" if verb == "post" else f"/{ADMIN}")
    response = await client.request(verb, path, json={"user_name": "itil"})
    assert response.status == 403
    assert (await response.json())["error"] == {
        "message": "Operation Failed",
        "detail": "Unique Key violation detected by database (Duplicate entry 'itil' for key 'user_name')",
    }


async def test_unknown_columns_are_ignored(client: Client, swallowed: Swallowed) -> None:
    """The write succeeds without them, with a finding."""
    assert "bunk" not in await post(client, "problem", {"bunk": "1"})
    assert swallowed() == ["column-ignored"]


async def test_a_misspelt_column_is_named_with_the_nearest(client: Client, journal: Journal) -> None:
    """Of many in one record, only the first few are compared."""
    names = ["short_descripton", "bunk", *(f"bunk_{number}" for number in range(3)), "short_descriptoin"]
    await post(client, "problem", dict.fromkeys(names, "1"))
    ignored = "the value was ignored"
    assert [finding.message for _, finding in journal.findings()] == [
        f"table problem: has no column 'short_descripton' (did you mean 'short_description'?): {ignored}",
        *(f"table problem: has no column '{name}': {ignored}" for name in names[1:]),
    ]


async def test_system_columns_are_not_writable(client: Client, swallowed: Swallowed) -> None:
    """Values for sys_created_by and the like have no effect."""
    record = await post(client, "problem", {"sys_created_by": "me", "sys_mod_count": "7"})
    assert record["sys_created_by"] == "admin"
    assert record["sys_mod_count"] == "0"
    assert swallowed() == ["column-read-only"] * 2


async def test_system_columns_may_be_supplied_on_request(client: Client) -> None:
    """With sysparm_suppress_auto_sys_field they are kept, on insert and on update."""
    suppress = {"sysparm_suppress_auto_sys_field": "true"}
    record = await post(client, "problem", {"sys_created_on": "2020-01-01 00:00:00"}, **suppress)
    assert record["sys_created_on"] == "2020-01-01 00:00:00"
    assert record["sys_updated_on"] == "2026-01-05 09:00:00"
    record = await patch(client, "problem", record["sys_id"], {"sys_updated_by": "me"}, **suppress)
    assert record["sys_updated_by"] == "me"
    assert record["sys_mod_count"] == "1"


@pytest.mark.parametrize("verb", ["put", "patch"])
async def test_updates_change_what_is_supplied(client: Client, verb: str, clock: VirtualClock) -> None:
    """PUT and PATCH alike change only what the body names."""
    record = await post(client, "problem", {"short_description": "x", "description": "y"})
    await clock.advance(60)
    path = f"/api/now/table/problem/{record['sys_id']}"
    response = await client.request(verb, path, json={"short_description": "z", "description": ""})
    changed = (await response.json())["result"]
    assert response.status == 200
    assert (changed["short_description"], changed["description"], changed["number"]) == ("z", "", record["number"])
    assert changed["sys_mod_count"] == "1"
    assert changed["sys_updated_on"] == "2026-01-05 09:01:00"


@pytest.mark.parametrize("body", ["{}", "", '{"short_description": "x"}'])
async def test_an_update_without_effect_changes_nothing(client: Client, body: str) -> None:
    """It answers 200 with the record and does not count."""
    record = await post(client, "problem", {"short_description": "x"})
    headers = {"Content-Type": "application/json"}
    response = await client.patch(f"/api/now/table/problem/{record['sys_id']}", data=body, headers=headers)
    assert response.status == 200
    assert (await response.json())["result"] == record


@pytest.mark.parametrize("verb", ["get", "put", "patch", "delete"])
async def test_a_missing_record_gets_404(client: Client, verb: str) -> None:
    """Every verb answers 404; an update inserts nothing."""
    response = await client.request(verb, "/api/now/table/problem/bunk")
    assert response.status == 404
    assert await response.json() == {
        "error": {
            "message": "No Record found",
            "detail": "Record doesn't exist or ACL restricts the record retrieval",
        },
        "status": "failure",
    }


async def test_delete_answers_204(client: Client) -> None:
    """DELETE answers 204 without a body."""
    record = await post(client, "problem", {})
    response = await client.delete(f"/api/now/table/problem/{record['sys_id']}")
    assert response.status == 204
    assert await response.read() == b""


async def test_a_record_may_be_written_through_its_parent_class(client: Client) -> None:
    """An incident updates and deletes through task; the answer has the columns of task."""
    record = await post(client, "incident", {"caller_id": ADMIN})
    changed = await patch(client, "task", record["sys_id"], {"short_description": "y"})
    assert changed["short_description"] == "y"
    assert "caller_id" not in changed
    assert (await client.delete(f"/api/now/table/task/{record['sys_id']}")).status == 204
    assert (await client.get(f"/api/now/table/incident/{record['sys_id']}")).status == 404


@pytest.mark.parametrize(("verb", "status"), [("POST", 201), ("PUT", 204), ("PATCH", 204)])
async def test_no_body_on_request(client: Client, verb: str, status: int) -> None:
    """X-no-response-body leaves the body out; Location still names the new record."""
    path = "/api/now/table/cmn_department" + ("" if verb == "POST" else "/a581ab703710200044e0bfc8bcbe5de8")
    response = await client.request(verb, path, json={"name": "x"}, headers={"X-no-response-body": "true"})
    assert response.status == status
    assert await response.read() == b""
    assert ("Location" in response.headers) == (verb == "POST")


async def test_method_override_selects_the_verb(client: Client) -> None:
    """X-HTTP-Method-Override makes a POST a PATCH."""
    headers = {"X-HTTP-Method-Override": "PATCH"}
    path = f"/api/now/table/sys_user/{ADMIN}"
    response = await client.post(path, json={"title": "x"}, headers=headers)
    assert response.status == 200
    assert (await response.json())["result"]["title"] == "x"


@pytest.mark.parametrize("sent", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("batched", [False, True])
async def test_method_override_counts_for_get_and_post(
    client: Client, swallowed: Swallowed, sent: str, *, batched: bool
) -> None:
    """Docs, REST API, "such as GET or POST": of another verb the header is ignored, and says so in a finding."""
    path, override = f"/api/now/table/sys_user/{ADMIN}", "PATCH" if sent == "DELETE" else "DELETE"
    header = {"X-HTTP-Method-Override": override}
    if batched:
        headers = [{"name": name, "value": value} for name, value in header.items()]
        item = {"id": "1", "method": sent, "url": path, "headers": headers, "body": b64encode(b"{}").decode()}
        answer = await client.post("/api/now/batch", json={"batch_request_id": "1", "rest_requests": [item]})
        status = (await answer.json())["serviced_requests"][0]["status_code"]
    else:
        status = (await client.request(sent, path, json={}, headers=header)).status
    assert status == (204 if sent == "DELETE" else 200)
    assert "override-ignored" in swallowed()


async def test_only_the_first_record_of_a_body_is_written(client: Client, swallowed: Swallowed) -> None:
    """Of an array only the first object is inserted, with a finding."""
    assert (await post(client, "cmn_department", [{"name": "a"}, {"name": "b"}]))["name"] == "a"
    assert swallowed() == ["records-ignored"]


async def test_an_empty_method_override_is_ignored(client: Client) -> None:
    """1.2: a header without a verb leaves the verb that was sent."""
    response = await client.post("/api/now/table/problem", json={}, headers={"X-HTTP-Method-Override": ""})
    assert response.status == 201


async def test_system_columns_may_be_kept_for_administrators(
    client: Client, user: Client, instance: Instance, grant: Callable[[str, str], None]
) -> None:
    """The property lets nobody else supply them."""
    with instance.transaction(instance.system) as session:
        found = session.find("sys_properties", name="glide.rest.table_api.admin_only_sys_fields")
        assert found is not None
        session.update("sys_properties", found.sys_id, {"value": "true"})
    suppress = {"sysparm_suppress_auto_sys_field": "true"}
    assert (await post(client, "problem", {"sys_created_by": "me"}, **suppress))["sys_created_by"] == "me"
    assert (await post(user, "problem", {"sys_created_by": "me"}, **suppress))["sys_created_by"] == "plain"
    grant("plain", "itil")
    assert (await post(user, "problem", {"sys_created_by": "me"}, **suppress))["sys_created_by"] == "plain"
