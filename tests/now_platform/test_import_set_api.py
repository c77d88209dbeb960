"""The Import Set API."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.imports.transforms import MOST_MAPS
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext
from privman_core.virtual_clock import VirtualClock

from .import_sets import BASE, emails, insert, make, make_map, result, rows

Client = TestClient[web.Request, web.Application]
Values = dict[str, Any]
URL = "https://dev12345.service-now.com"


@pytest.mark.usefixtures("user_map")
async def test_insert_answers_the_outcome_of_the_row(client: Client) -> None:
    """3.4: POST of a row answers 201 with import set, staging table and the record made by the map."""
    answer = await insert(client, {"user_id": "john.public", "first_name": "John Public"})
    sys_id = answer["result"][0]["sys_id"]
    assert answer == {
        "import_set": "ISET0010001",
        "staging_table": "u_imp_user",
        "result": [
            {
                "transform_map": "User",
                "table": "sys_user",
                "display_name": "name",
                "display_value": "John Public",
                "record_link": f"{URL}/api/now/table/sys_user/{sys_id}",
                "status": "inserted",
                "sys_id": sys_id,
            }
        ],
    }
    response = await client.get(f"/api/now/table/sys_user/{sys_id}")
    assert (await response.json())["result"]["user_name"] == "john.public"


@pytest.mark.long
@pytest.mark.usefixtures("user_map")
async def test_coalesce_updates_the_record_that_has_the_key(client: Client) -> None:
    """3.4: a record with the same key is updated, unless no value differs."""
    first = await result(client, {"user_id": "john", "email": "a@import.example"})
    second = await result(client, {"user_id": "john", "email": "b@import.example"})
    third = await result(client, {"user_id": "john", "email": "b@import.example"})
    assert [each["status"] for each in (first, second, third)] == ["inserted", "updated", "ignored"]
    assert first["sys_id"] == second["sys_id"] == third["sys_id"]
    assert third["status_message"] == "No field values changed"
    assert await emails(client) == ["b@import.example"]


@pytest.mark.usefixtures("user_map")
async def test_a_row_without_its_key_transforms_nothing(client: Client) -> None:
    """3.4: without a value for the key the row is ignored, and sys_id is that of the staging row."""
    outcome = await result(client, {"email": "a@import.example"})
    assert outcome["status"] == "ignored"
    assert outcome["status_message"] == "Coalesce fields without a value: user_name"
    (row,) = await rows(client)
    assert outcome["sys_id"] == row["sys_id"]
    assert outcome["record_link"] == ""
    assert await emails(client) == []


@pytest.mark.usefixtures("user_map")
async def test_empty_values_are_not_copied(client: Client) -> None:
    """3.4: an empty value leaves what the record has, unless the map copies empty fields."""
    await result(client, {"user_id": "john", "email": "a@import.example"})
    assert (await result(client, {"user_id": "john", "email": ""}))["status"] == "ignored"
    assert await emails(client) == ["a@import.example"]


@pytest.mark.long
async def test_empty_values_are_copied_if_the_map_says_so(client: Client) -> None:
    """3.4: copy_empty_fields lets an empty value clear a column."""
    fields = ("user_id>user_name", "email>email")
    await make_map(client, "sys_user", *fields, coalesce="user_name", copy_empty_fields="true")
    await result(client, {"user_id": "john", "email": "a@import.example"})
    assert (await result(client, {"user_id": "john", "email": ""}))["status"] == "updated"
    assert await emails(client) == []


async def test_without_coalesce_every_row_inserts(client: Client) -> None:
    """3.4: a map without a key inserts a record for each row."""
    await make_map(client, "sys_user", "email>email")
    statuses = [(await result(client, {"email": "a@import.example"}))["status"] for _ in range(2)]
    assert statuses == ["inserted", "inserted"]
    assert await emails(client) == ["a@import.example"] * 2


async def test_a_key_may_be_a_reference(client: Client) -> None:
    """3.4: a key is looked for as it is stored: a reference by what people read."""
    await make_map(client, "sys_user", "department>department", "first_name>name", coalesce="department")
    outcome = await result(client, {"department": "Finance", "first_name": "Finance's one"})
    assert outcome["status"] == "updated"
    assert outcome["sys_id"] == "6816f79cc0a8016401c5a33be04be441"


async def test_a_key_that_no_record_can_have(client: Client) -> None:
    """3.4: a key that its column cannot hold, or that has no column, is found in no record."""
    await make_map(client, "sys_user", "extra>sys_created_on", "user_id>user_name", coalesce="sys_created_on")
    await make_map(client, "sys_user", "extra>bunk", coalesce="bunk")
    answer = await insert(client, {"extra": "no date", "user_id": "john"})
    assert [outcome["status"] for outcome in answer["result"]] == ["inserted", "inserted"]


async def test_every_map_makes_a_result(client: Client, user_map: str) -> None:
    """3.4: result has one entry for each active map, in the maps' order; the row names the last."""
    incidents = await make_map(client, "incident", "extra>short_description", name="Incident", order="200")
    await make_map(client, "incident", name="Off", active="false")
    await make_map(client, "incident", name="Other", source="u_imp_closed")
    answer = await insert(client, {"user_id": "john", "extra": "New user"})
    assert [(each["transform_map"], each["display_value"]) for each in answer["result"]] == [
        ("User", ""),
        ("Incident", "INC0010001"),
    ]
    (row,) = await rows(client)
    assert row["sys_transform_map"]["value"] == incidents != user_map
    assert row["sys_import_state"] == "inserted"
    assert row["sys_target_table"] == "incident"
    assert row["sys_target_sys_id"] == answer["result"][1]["sys_id"]


async def test_a_row_without_maps_only_stays(client: Client) -> None:
    """3.4: without a map the result is empty."""
    assert (await insert(client, {"user_id": "john"}))["result"] == []
    (row,) = await rows(client)
    assert row["user_id"] == "john"
    assert row["sys_import_state"] == "ignored"


async def test_a_map_that_fails_leaves_the_others_alone(client: Client, instance: Instance, user_map: str) -> None:
    """3.4: a refused map is undone and reported as an error; other maps continue."""

    def refuse(context: RuleContext) -> None:
        context.abort("no")

    instance.add_rule(BusinessRule("no incidents", "incident", "after", frozenset({"insert"}), refuse))
    await make_map(client, "incident", "extra>short_description", name="Incident", order="1")
    await make_map(client, "bunk", "extra>short_description", coalesce="short_description", name="Bunk", order="2")
    answer = await insert(client, {"user_id": "john", "extra": "import of john"})
    (row,) = await rows(client)
    refused, unknown, inserted = answer["result"]
    assert refused["status"] == unknown["status"] == "error"
    assert "aborted by Business Rule 'no incidents^" in refused["error_message"]
    assert refused["sys_id"] == row["sys_id"]
    assert unknown["error_message"] == "Invalid table bunk"
    assert inserted["status"] == "inserted"
    assert row["sys_transform_map"]["value"] == user_map
    query = {"sysparm_query": "short_description=import of john"}
    assert (await (await client.get("/api/now/table/incident", params=query)).json())["result"] == []


@pytest.mark.usefixtures("user_map")
async def test_get_answers_the_row_again(client: Client) -> None:
    """3.4: GET of a staging row answers 200 with what POST answered; a record deleted since has no link."""
    inserted = await insert(client, {"user_id": "john", "first_name": "John"})
    (row,) = await rows(client)
    response = await client.get(f"{BASE}/{row['sys_id']}")
    assert response.status == 200
    assert await response.json() == inserted
    await client.delete(f"/api/now/table/sys_user/{inserted['result'][0]['sys_id']}")
    (outcome,) = (await (await client.get(f"{BASE}/{row['sys_id']}")).json())["result"]
    assert (outcome["status"], outcome["record_link"]) == ("inserted", "")


@pytest.mark.usefixtures("user_map")
async def test_get_of_a_row_whose_table_is_gone(client: Client, instance: Instance) -> None:
    """An administrator may write anything into what became of a row; a name of no table gets 400."""
    await insert(client, {"user_id": "john"})
    (row,) = await rows(client)
    with instance.transaction(instance.system) as session:
        (outcome,) = session.find_all("sys_import_set_row_outcome", import_set_row=row["sys_id"])
        session.update("sys_import_set_row_outcome", outcome.sys_id, {"target_table": "bunk"})
    response = await client.get(f"{BASE}/{row['sys_id']}")
    assert (response.status, (await response.json())["error"]["message"]) == (400, "Invalid table bunk")


@pytest.mark.long
async def test_unknown_rows_get_404(client: Client) -> None:
    """3.4: GET of a row that does not exist is 404, and so is one whose import set has been cleaned up."""
    assert (await client.get(f"{BASE}/{'0' * 32}")).status == 404
    await insert(client, {})
    (row,) = await rows(client)
    await client.delete(f"/api/now/table/sys_import_set/{row['sys_import_set']['value']}")
    assert (await client.get(f"{BASE}/{row['sys_id']}")).status == 404


@pytest.mark.parametrize("table", ["bunk", "incident", "sys_import_set_row"])
async def test_other_tables_get_400(client: Client, table: str) -> None:
    """3.4: only a staging table takes rows."""
    for path in (table, f"{table}/insertMultiple"):
        response = await client.post(f"/api/now/import/{path}", json={"records": []})
        assert response.status == 400
        assert (await response.json())["error"]["message"] == f"Invalid table {table}"
    assert (await client.get(f"/api/now/import/{table}/1")).status == 400


async def test_verbs_and_paths(client: Client) -> None:
    """1.9: other verbs are 405, other paths 400."""
    assert (await client.get(BASE)).status == 405
    assert (await client.delete(f"{BASE}/1")).status == 405
    assert (await client.get(f"{BASE}/insertMultiple")).status == 405
    assert (await client.get(f"{BASE}/1/2")).status == 400


async def test_an_unreadable_body_imports_nothing(client: Client) -> None:
    """1.9: a client that accepts neither JSON nor XML gets 406, and no row is kept."""
    response = await client.post(BASE, json={"user_id": "a"}, headers={"Accept": "image/png"})
    assert response.status == 406
    assert await rows(client) == []


async def test_other_values_than_text_are_converted(client: Client, swallowed: Callable[[], list[str]]) -> None:
    """3.4: nested JSON is flattened with = for :, other values become text, unknown keys are ignored."""
    await insert(client, {"extra": {"a": 1, "b": {"c": [True, "x"]}}, "user_id": 7, "email": None, "bunk": "x"})
    (row,) = await rows(client)
    assert row["extra"] == "{a=1, b={c=[true, x]}}"
    assert row["user_id"] == "7"
    assert row["email"] == ""
    assert "column-ignored" in swallowed()


@pytest.mark.usefixtures("user_map")
async def test_xml(client: Client) -> None:
    """1.10, 3.4: a row may be sent and answered as XML."""
    entry = b"<request><entry><user_id>john</user_id><first_name>John</first_name></entry></request>"
    headers = {"Content-Type": "application/xml", "Accept": "application/xml"}
    response = await client.post(BASE, data=entry, headers=headers)
    text = await response.text()
    assert "<response><import_set>ISET0010001</import_set><staging_table>u_imp_user</staging_table><result>" in text
    assert "<display_value>John</display_value>" in text


@pytest.mark.parametrize("path", ["u_imp_closed", "u_imp_closed/insertMultiple"])
async def test_the_staging_table_has_its_own_rules(user: Client, path: str) -> None:
    """3.4: who may not create staging rows is refused."""
    response = await user.post(f"/api/now/import/{path}", json={"records": [{}]})
    assert response.status == 403


@pytest.mark.usefixtures("user_map")
async def test_maps_act_with_the_rights_of_the_platform(
    client: Client, user: Client, grant: Callable[[str, str], None]
) -> None:
    """3.4: a transform writes in its user's name, even what the user may not write."""
    grant("plain", "import_set_loader")
    outcome = await result(user, {"user_id": "john"})
    response = await client.get(f"/api/now/table/sys_user/{outcome['sys_id']}")
    assert (await response.json())["result"]["sys_created_by"] == "plain"


@pytest.mark.long
async def test_the_staging_table_of_users(client: Client) -> None:
    """3.4: every instance has a staging table of users with its map; the same user again is updated."""
    statuses = []
    for title in ("Painter", "Painter", "Teacher"):
        row = {"user_id": "bob", "first_name": "Bob", "last_name": "Ross", "title": title}
        answer = await client.post("/api/now/import/imp_user", json=row)
        assert answer.status == 201
        [outcome] = (await answer.json())["result"]
        statuses.append((outcome["status"], outcome["transform_map"], outcome["table"], outcome["display_value"]))
    assert statuses == [(status, "User", "sys_user", "Bob Ross") for status in ("inserted", "ignored", "updated")]


@pytest.mark.parametrize("path", ["imp_user", "imp_user/insertMultiple", "imp_user/insertMultiple?run_after=none"])
@pytest.mark.parametrize("records", [[], [{"User ID": "admin", "Email": "other@example.com"}]])
async def test_loading_takes_a_role(
    user: Client, instance: Instance, clock: VirtualClock, path: str, records: list[dict[str, str]]
) -> None:
    """Maps act with the rights of the platform, so not everybody may feed them; nothing is left of the attempt."""
    body = {"records": records} if "Multiple" in path else {"user_id": "admin", "email": "other@example.com"}
    answer = await user.post(f"/api/now/import/{path}", json=body)
    assert answer.status == 403
    assert (await answer.json())["error"]["message"] == "Operation Failed"
    await clock.advance(5)
    with instance.transaction(instance.system) as session:
        assert session.find("sys_user", user_name="admin", email="admin@example.com") is not None
        assert not session.find_all("sys_import_set")
        assert not session.find_all("sys_multi_import_set")


@pytest.mark.parametrize("role", ["import_admin", "import_set_loader", "import_transformer"])
async def test_import_roles_can_load(user: Client, grant: Callable[[str, str], None], role: str) -> None:
    """Each of the roles for imports loads rows, and reads what became of them."""
    grant("plain", role)
    answer = await insert(user, {"user_id": "john"}, "/api/now/import/imp_user")
    assert answer["result"][0]["status"] == "inserted"


@pytest.mark.parametrize("table", ["imp_user", "sys_import_set_row", "sys_import_set", "sys_multi_import_set"])
async def test_imported_rows_are_not_readable_by_everybody(client: Client, user: Client, table: str) -> None:
    """Rows that were loaded are people's data, and waiting ones are to be transformed as they came."""
    assert (await client.post("/api/now/import/imp_user", json={"user_id": "john"})).status == 201
    assert (await user.get(f"/api/now/table/{table}")).status == 403
    assert (await user.post(f"/api/now/table/{table}", json={})).status == 403


async def test_a_refused_state_leaves_nothing_waiting(client: Client) -> None:
    """Rows and import sets whose last state a business rule refuses have it all the same, and a finding says so."""
    await make_map(client, "sys_user", "user_id>user_name", coalesce="user_name")
    for table in ("u_imp_user", "sys_import_set"):
        rule = {"name": "Stay", "collection": table, "when": "before", "action_update": "true", "abort_action": "true"}
        pending = {"u_imp_user": "sys_import_state=inserted", "sys_import_set": "state=processed"}
        await make(client, "sys_script", **rule, filter_condition=pending[table])
    await client.post(BASE, json={"user_id": "ada"})
    (row,) = (await (await client.get("/api/now/table/u_imp_user")).json())["result"]
    assert row["sys_import_state"] == "error"
    assert "Stay" in row["sys_import_state_comment"] or "aborted" in row["sys_import_state_comment"].lower()
    (import_set,) = (await (await client.get("/api/now/table/sys_import_set")).json())["result"]
    assert import_set["state"] == "processed"


@pytest.mark.long
async def test_a_row_goes_through_a_bounded_number_of_maps(
    client: Client, instance: Instance, swallowed: Callable[[], list[str]]
) -> None:
    """All maps of a row are worked through at once, the first ones in their order."""
    with instance.transaction(instance.system) as session:
        maps = [
            {"sys_id": f"{number:032x}", "name": f"{number}", "source_table": "u_imp_user", "order": f"{number}"}
            for number in range(MOST_MAPS, -1, -1)
        ]
        session.store_rows("sys_transform_map", [{**each, "target_table": "incident"} for each in maps])
    outcomes = (await insert(client, {"user_id": "x"}))["result"]
    assert [each["transform_map"] for each in outcomes] == [f"{number}" for number in range(MOST_MAPS)]
    assert swallowed() == ["transform-map-ignored"]
