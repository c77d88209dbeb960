"""Writing over the Table API."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.intake import LONGEST_VALUE
from mock_servicenow.now_platform.records.plans import LONGEST_INDEXED, LONGEST_TEXT
from mock_servicenow.now_platform.rest.table_api import MOST_NAMES
from privman_core.virtual_clock import VirtualClock

Client = TestClient[web.Request, web.Application]
Swallowed = Callable[[], list[str]]
ADMIN = "6816f79cc0a8016401c5a33be04be441"


async def post(client: Client, table: str, values: object, **parameters: str) -> dict[str, Any]:
    """Return the record that a successful POST created."""
    response = await client.post(f"/api/now/table/{table}", json=values, params=parameters)
    assert response.status == 201, await response.text()
    result: dict[str, Any] = (await response.json())["result"]
    return result


async def patch(client: Client, table: str, sys_id: str, values: object, **parameters: str) -> dict[str, Any]:
    """Return the record after a successful PATCH."""
    response = await client.patch(f"/api/now/table/{table}/{sys_id}", json=values, params=parameters)
    assert response.status == 200, await response.text()
    result: dict[str, Any] = (await response.json())["result"]
    return result


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


async def test_a_number_of_ones_own_is_kept(client: Client) -> None:
    """A record that brings a number keeps it."""
    assert (await post(client, "problem", {"number": "PRB7"}))["number"] == "PRB7"


async def test_a_sys_id_of_ones_own_is_kept(client: Client) -> None:
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
    """The write succeeds without them, and the journal tells."""
    assert "bunk" not in await post(client, "problem", {"bunk": "1"})
    assert swallowed() == ["column-ignored"]


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
async def test_a_missing_record_is_told(client: Client, verb: str) -> None:
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


async def test_delete_answers_nothing(client: Client) -> None:
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
    """X-no-response-body leaves the body out; Location still tells where a new record is."""
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


async def test_only_the_first_record_counts(client: Client, swallowed: Swallowed) -> None:
    """Of an array the first object is inserted, and the journal tells."""
    assert (await post(client, "cmn_department", [{"name": "a"}, {"name": "b"}]))["name"] == "a"
    assert swallowed() == ["records-ignored"]


@pytest.mark.parametrize(
    ("column", "written", "raw", "display"),
    [
        ("u_broken", True, "true", "true"),
        ("u_broken", "1", "true", "true"),
        ("u_broken", "no", "false", "false"),
        ("u_broken", None, "", ""),
        ("u_pieces", 1000, "1000", "1,000"),
        ("u_pieces", "-7", "-7", "-7"),
        ("u_pieces", "9007199254740993", "9007199254740993", "9,007,199,254,740,993"),
        ("u_price", "USD;1234.5", "USD;1234.5", "$1,234.50"),
        ("u_price", "CHF;1", "CHF;1", "CHF 1.00"),
        ("u_price", "1234.5", "1234.5", "1234.5"),
        ("u_price", "cheap", "cheap", "cheap"),
        ("u_weight", 1234.5, "1234.5", "1,234.5"),
        ("u_color", "r", "r", "Red"),
        ("u_bought", "2026-01-05", "2026-01-05", "2026-01-05"),
        ("u_bought", "2026-01-05 10:00:00", "2026-01-05", "2026-01-05"),
        ("u_play_time", "16:30:00", "1970-01-01 16:30:00", "16 Hours 30 Minutes"),
        ("u_play_time", "16 Hours 30 Minutes", "1970-01-01 16:30:00", "16 Hours 30 Minutes"),
        ("u_play_time", "1970-01-01 16:30:00", "1970-01-01 16:30:00", "16 Hours 30 Minutes"),
        ("u_play_time", "1 02:03:04", "1970-01-02 02:03:04", "1 Day 2 Hours 3 Minutes 4 Seconds"),
        ("u_play_time", "00:00:00", "1970-01-01 00:00:00", "0 Seconds"),
        ("u_play_time", "", "", ""),
        ("u_owner", "itil", "9a2e5b0e", "ITIL User"),
        ("u_friends", f"{ADMIN},46c5bf6ca9fe1981010713e3ac7d3384", None, "System Administrator, Natasha Ingram"),
        (
            "u_settings",
            {"Wait": "00:00:50", "Retries": 3, "None": None},
            '{"Wait":"00:00:50","Retries":"3","None":""}',
            None,
        ),
        ("u_settings", '{"a": "b"}', '{"a":"b"}', '{"a":"b"}'),
        ("u_settings", "a=b", "a=b", "a=b"),
        ("u_settings", "[1]", "[1]", "[1]"),
    ],
)
async def test_values_by_type(
    client: Client, column: str, written: object, raw: str | None, display: str | None
) -> None:
    """Each type reads raw and displayed as platform 1.7 says."""
    record = await post(client, "u_toy", {"u_color": "r", column: written}, sysparm_display_value="all")
    if column == "u_owner":
        assert len(record[column]["value"]) == 32
    else:
        assert record[column]["value"] == (written if raw is None else raw)
    assert record[column]["display_value"] == (record[column]["value"] if display is None else display)


@pytest.mark.parametrize(
    ("column", "written", "rule"),
    [
        ("u_pieces", "many", "value-ignored"),
        ("u_pieces", "9223372036854775808", "value-ignored"),
        ("u_pieces", "1_000", "value-ignored"),
        ("u_weight", "heavy", "value-ignored"),
        ("u_weight", "1e999", "value-ignored"),
        ("u_weight", "nan", "value-ignored"),
        ("u_play_time", "999999999999 Days", "value-ignored"),
        ("u_name", "a\0b", "value-ignored"),
        ("u_bought", "yesterday", "value-ignored"),
        ("u_play_time", "a while", "value-ignored"),
        ("u_play_time", "3 Hours or so", "value-ignored"),
        ("u_color", "g", "choice-unknown"),
        ("u_owner", "nobody", "reference-unresolved"),
        ("u_name", "x" * 41, "value-too-long"),
    ],
)
async def test_questionable_values_are_told(
    client: Client, swallowed: Swallowed, column: str, written: str, rule: str
) -> None:
    """What is no value of the type is dropped, what merely should not be is stored, and the journal tells."""
    record = await post(client, "u_toy", {"u_color": "r", column: written}, sysparm_exclude_reference_link="true")
    assert swallowed() == [rule]
    assert record[column] == ("" if rule == "value-ignored" else written)


@pytest.mark.parametrize("display", ["false", "true"])
@pytest.mark.parametrize("column", ["u_pieces", "u_weight", "u_play_time", "u_bought", "u_owner"])
async def test_long_texts_are_no_values_of_other_types(
    client: Client, swallowed: Swallowed, column: str, display: str
) -> None:
    """No number, date, duration or reference is as long, and taking one apart would take seconds."""
    text = "1,111" * LONGEST_VALUE
    record = await post(client, "u_toy", {"u_color": "r", column: text}, sysparm_input_display_value=display)
    assert (record[column], swallowed()) == ("", ["value-ignored"])


async def test_texts_have_an_end(instance: Instance) -> None:
    """A text that is far longer than its column is cut, as the platform cuts it sooner."""
    with instance.transaction(instance.system) as session:
        record = session.insert("incident", {"description": "x" * (LONGEST_TEXT + 1)})
    assert record["description"] == "x" * LONGEST_TEXT
    assert [finding.rule for finding in session.findings] == ["value-too-long"]


async def test_texts_of_indexed_columns_fit_any_index(client: Client, swallowed: Swallowed) -> None:
    """An index of PostgreSQL holds less than a text may have; nothing else would be wrong with it."""
    text = "".join(chr(0x20000 + number * 37 % 42_000) for number in range(LONGEST_INDEXED + 1))
    record = await post(client, "problem", {"number": text})
    assert (record["number"], swallowed()) == (text[:LONGEST_INDEXED], ["value-too-long"])
    record = await post(client, "problem", {"assigned_to": text[:LONGEST_INDEXED]})
    assert (record["assigned_to"]["value"], swallowed()[1:]) == (text[:LONGEST_INDEXED], ["reference-unresolved"])


async def test_so_many_names_of_a_list_are_looked_up(client: Client) -> None:
    """The others of a list, and sys_ids, stay as they are; a name that stands there again is looked up once."""
    await post(client, "sys_user", {"user_name": "joe", "name": "Joe"})
    names = [*(f"Nobody {number}" for number in range(MOST_NAMES - 1)), *(["System Administrator"] * 2), "Joe"]
    values = {"watch_list": ",".join([*names, ADMIN])}
    record = await post(client, "incident", values, sysparm_input_display_value="true")
    assert record["watch_list"].split(",") == [*names[: MOST_NAMES - 1], ADMIN, ADMIN, "Joe", ADMIN]


async def test_a_display_value_of_several_records_is_not_resolved(client: Client, swallowed: Swallowed) -> None:
    """A reference given as text is looked up only where it is unambiguous."""
    for _ in range(2):
        await post(client, "cmn_department", {"name": "Twins"})
    record = await post(client, "sys_user", {"user_name": "x", "department": "Twins"})
    assert record["department"]["value"] == "Twins"
    assert swallowed() == ["reference-unresolved"]


async def test_date_times_are_shown_in_the_users_zone(client: Client, instance: Instance) -> None:
    """Raw date-times are UTC, displayed ones are in the instance's zone, or in the user's own."""
    shown = {"sysparm_display_value": "all", "sysparm_fields": "sys_created_on"}
    record = await post(client, "problem", {}, **shown)
    assert record["sys_created_on"] == {"display_value": "2026-01-05 01:00:00", "value": "2026-01-05 09:00:00"}
    with instance.transaction(instance.system) as session:
        session.update("sys_user", ADMIN, {"time_zone": "Europe/Berlin"})
    record = await post(client, "problem", {}, **shown)
    assert record["sys_created_on"]["display_value"] == "2026-01-05 10:00:00"
    with instance.transaction(instance.system) as session:
        session.update("sys_user", ADMIN, {"time_zone": "Mars/Olympus"})
    record = await post(client, "problem", {}, **shown)
    assert record["sys_created_on"]["display_value"] == "2026-01-05 09:00:00"


async def test_dates_are_shown_in_the_users_format(client: Client, instance: Instance) -> None:
    """The user's patterns apply to what is shown and to display values that are written."""
    with instance.transaction(instance.system) as session:
        formats = {"date_format": "dd/MM/yyyy", "time_format": "hh:mm:ss a", "time_zone": "UTC"}
        session.update("sys_user", ADMIN, formats)
    values = {"u_color": "r", "u_bought": "31/12/2025", "u_sold": "05/01/2026 01:00:00 PM"}
    both = {"sysparm_display_value": "all", "sysparm_input_display_value": "true"}
    record = await post(client, "u_toy", values, **both)
    assert record["u_bought"] == {"display_value": "31/12/2025", "value": "2025-12-31"}
    assert record["u_sold"] == {"display_value": "05/01/2026 01:00:00 PM", "value": "2026-01-05 13:00:00"}
    record = await post(client, "u_toy", {"u_color": "r", "u_bought": "2025-12-31"}, **both)
    assert record["u_bought"]["value"] == "2025-12-31"


async def test_date_times_at_the_edge_of_the_calendar(client: Client) -> None:
    """A moment that has no place on the user's calendar shows as it is stored."""
    record = await post(
        client, "u_toy", {"u_color": "r", "u_sold": "0001-01-01 00:00:00"}, sysparm_display_value="true"
    )
    assert record["u_sold"] == "0001-01-01 00:00:00"
    values = {"u_color": "r", "u_sold": "9999-12-31 23:00:00"}
    record = await post(client, "u_toy", values, sysparm_input_display_value="true")
    assert record["u_sold"] == "9999-12-31 23:00:00"


async def test_an_empty_method_override_is_none(client: Client) -> None:
    """1.2: a header without a verb leaves the verb that was sent."""
    response = await client.post("/api/now/table/problem", json={}, headers={"X-HTTP-Method-Override": ""})
    assert response.status == 201


async def test_unknown_choices_may_be_refused(client: Client, instance: Instance, swallowed: Swallowed) -> None:
    """The property that forbids them makes them ignored."""
    with instance.transaction(instance.system) as session:
        name = "glide.rest.choice.allow_non_existing_value"
        session.insert("sys_properties", {"name": name, "value": "false"})
    record = await post(client, "problem", {"state": "55"})
    assert record["state"] == "101"
    assert swallowed() == ["choice-unknown"]


async def test_a_sys_id_of_another_form_is_ignored(client: Client, swallowed: Swallowed) -> None:
    """What is no 32 hexadecimal digits is no primary key."""
    assert len((await post(client, "problem", {"sys_id": "../x"}))["sys_id"]) == 32
    assert swallowed() == ["value-ignored"]


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


async def test_a_data_policy_demands_columns(client: Client) -> None:
    """A stored policy refuses a record that lacks what it demands, where its condition holds."""
    policy = {"model_table": "task", "conditions": "state=107"}
    response = await client.post("/api/now/table/sys_data_policy2", json=policy)
    policy_id = (await response.json())["result"]["sys_id"]
    for field in ("close_notes", "resolution_code", "bunk"):
        rule = {"sys_data_policy": policy_id, "field": field, "mandatory": True}
        assert (await client.post("/api/now/table/sys_data_policy_rule", json=rule)).status == 201
    record = await post(client, "problem", {})
    path = f"/api/now/table/problem/{record['sys_id']}"
    response = await client.patch(path, json={"state": "107"})
    assert response.status == 403
    assert (await response.json())["error"] == {
        "message": "Operation Failed",
        "detail": "Data Policy Exception: The following fields are mandatory: Close notes, Resolution code",
    }
    complete = {"state": "107", "close_notes": "x", "resolution_code": "duplicate"}
    assert (await client.patch(path, json=complete)).status == 200


async def test_a_data_policy_without_condition_holds_always(client: Client) -> None:
    """An insert is refused as an update is."""
    response = await client.post("/api/now/table/sys_data_policy2", json={"model_table": "cmn_department"})
    rule = {"sys_data_policy": (await response.json())["result"]["sys_id"], "field": "name", "mandatory": "true"}
    await client.post("/api/now/table/sys_data_policy_rule", json=rule)
    assert (await client.post("/api/now/table/cmn_department", json={})).status == 403
    assert (await client.post("/api/now/table/cmn_department", json={"name": "x"})).status == 201


async def test_display_values_may_be_written(client: Client) -> None:
    """With sysparm_input_display_value date-times are local, choices are labels, references are names."""
    values = {
        "due_date": "2026-01-05 01:00:00",
        "follow_up": "tomorrow",
        "state": "Assess",
        "assigned_to": "Natasha Ingram",
        "bunk": "1",
    }
    record = await post(client, "problem", values, sysparm_input_display_value="true")
    assert record["due_date"] == "2026-01-05 09:00:00"
    assert record["follow_up"] == ""
    assert record["state"] == "102"
    assert record["assigned_to"]["value"] == "46c5bf6ca9fe1981010713e3ac7d3384"


@pytest.mark.parametrize(
    ("column", "displayed", "stored"),
    [
        ("u_pieces", "1,234,567", "1234567"),
        ("u_pieces", "1,2", ""),
        ("u_weight", "-1,234.5", "-1234.5"),
        ("u_weight", "7", "7"),
        ("u_price", "$1,234.50", "USD;1234.50"),
        ("u_price", "CHF 1.00", "CHF;1.00"),
        ("u_price", "cheap", "cheap"),
        ("u_friends", "Natasha Ingram, System Administrator", f"46c5bf6ca9fe1981010713e3ac7d3384,{ADMIN}"),
        ("u_friends", "nobody", "nobody"),
    ],
)
async def test_what_is_displayed_may_be_written_back(client: Client, column: str, displayed: str, stored: str) -> None:
    """1.3, 1.7: grouped numbers, amounts with their sign and lists of names are display values, too."""
    record = await post(client, "u_toy", {"u_color": "r", column: displayed}, sysparm_input_display_value="true")
    assert record[column] == stored


async def test_a_list_of_anything_is_written_as_displayed(client: Client) -> None:
    """1.7: the entries of a list that refers to no table are taken as they are, without the space between them."""
    shown = {"sysparm_display_value": "all", "sysparm_input_display_value": "true"}
    record = await post(client, "sys_user_group", {"type": "a, b"}, **shown)
    assert record["type"] == {"display_value": "a, b", "value": "a,b"}


async def test_a_display_value_names_a_record_of_the_class_that_is_referred_to(client: Client) -> None:
    """A problem is found by its number where a problem is referred to, an incident is not, though both are tasks."""
    problem, incident = await post(client, "problem", {}), await post(client, "incident", {})
    written = {"problem_id": problem["number"], "parent_incident": problem["number"]}
    record = await post(client, "incident", written, sysparm_input_display_value="true")
    assert record["problem_id"]["value"] == problem["sys_id"]
    written = {"problem_id": incident["number"], "parent_incident": incident["number"]}
    other = await post(client, "incident", written, sysparm_input_display_value="true")
    assert other["parent_incident"]["value"] == incident["sys_id"]
    assert problem["sys_id"] not in str(record["parent_incident"])
    assert incident["sys_id"] not in str(other["problem_id"])


async def test_journal_columns_append(client: Client) -> None:
    """Each write appends an entry; raw they read empty, displayed newest first, and as rows."""
    record = await post(client, "u_toy", {"u_color": "r", "u_notes": "first"}, sysparm_display_value="all")
    first = "2026-01-05 01:00:00 - System Administrator (Notes)\nfirst\n\n"
    assert record["u_notes"] == {"display_value": first, "value": ""}
    changed = await patch(client, "u_toy", record["sys_id"]["value"], {"u_notes": "second"})
    assert changed["u_notes"] == ""
    assert changed["sys_mod_count"] == "1"
    sys_id = record["sys_id"]["value"]
    response = await client.get(f"/api/now/table/u_toy/{sys_id}?sysparm_display_value=true&sysparm_fields=u_notes")
    second = first.replace("first", "second")
    assert (await response.json())["result"]["u_notes"] == second + first
    entries = f"/api/now/table/sys_journal_field?sysparm_query=element_id={sys_id}&sysparm_fields=element,name,value"
    assert (await (await client.get(entries)).json())["result"] == [
        {"element": "u_notes", "name": "u_toy", "value": "first"},
        {"element": "u_notes", "name": "u_toy", "value": "second"},
    ]
    assert (await client.delete(f"/api/now/table/u_toy/{sys_id}")).status == 204
    assert (await (await client.get(entries)).json())["result"] == []


async def test_journal_columns_of_a_page_keep_apart(client: Client) -> None:
    """Each record of a list shows its own entries."""
    for text in ("one", "two"):
        await post(client, "u_toy", {"u_color": "r", "u_notes": text})
    response = await client.get("/api/now/table/u_toy?sysparm_display_value=true&sysparm_fields=u_notes")
    notes = [record["u_notes"].splitlines()[1] for record in (await response.json())["result"]]
    assert notes == ["one", "two"]


async def test_entries_of_authors_who_are_gone_keep_their_user_name(client: Client, instance: Instance) -> None:
    """An entry by a user who is not in the tables shows the user name."""
    with instance.transaction(instance.system) as session:
        record = session.insert("u_toy", {"u_notes": "hello"})
        assert "system (Notes)" in session.display(record, "u_notes")
    response = await client.get(f"/api/now/table/u_toy/{record.sys_id}?sysparm_display_value=true")
    assert (await response.json())["result"]["u_notes"] == "2026-01-05 01:00:00 - system (Notes)\nhello\n\n"


async def test_passwords_are_masked(client: Client) -> None:
    """A password that is set shows a mask, one that is not is empty; neither reads raw."""
    shown = {"sysparm_display_value": "all", "sysparm_input_display_value": "true"}
    record = await post(client, "u_toy", {"u_color": "r", "u_key": "secret"}, **shown)
    assert record["u_key"] == {"display_value": "********", "value": ""}
    record = await post(client, "u_toy", {"u_color": "r"}, **shown)
    assert record["u_key"] == {"display_value": "", "value": ""}


async def test_passwords_need_the_input_parameter(client: Client, swallowed: Swallowed) -> None:
    """Without sysparm_input_display_value a password is not set, and the journal tells."""
    record = await post(client, "u_toy", {"u_color": "r", "u_key": "secret"}, sysparm_display_value="true")
    assert record["u_key"] == ""
    assert swallowed() == ["password-ignored"]


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
async def test_incidents_work_out_their_priority(client: Client, impact: str, urgency: str, priority: str) -> None:
    """Impact and urgency give the priority; where they say nothing, the default stays."""
    assert (await post(client, "incident", {"impact": impact, "urgency": urgency}))["priority"] == priority


async def test_a_new_incident_has_priority_five(client: Client) -> None:
    """Impact and urgency are 3 by default; another column leaves the priority alone."""
    record = await post(client, "incident", {})
    assert (record["state"], record["impact"], record["urgency"], record["priority"]) == ("1", "3", "3", "5")
    await patch(client, "incident", record["sys_id"], {"priority": "1"})
    assert (await patch(client, "incident", record["sys_id"], {"description": "x"}))["priority"] == "1"


async def test_a_closed_task_is_inactive(client: Client) -> None:
    """A task is inactive from its closed state until it leaves it; who closed it first is kept."""
    record = await post(client, "problem", {})
    closed = await patch(client, "problem", record["sys_id"], {"state": "107"})
    assert (closed["active"], closed["closed_at"], closed["closed_by"]["value"]) == (
        "false",
        "2026-01-05 09:00:00",
        ADMIN,
    )
    assert (await patch(client, "problem", record["sys_id"], {"state": "101"}))["active"] == "true"
    again = await patch(client, "problem", record["sys_id"], {"state": "107"})
    assert again["closed_at"] == "2026-01-05 09:00:00"


async def test_a_new_task_may_be_inactive(client: Client) -> None:
    """1.8: JSON booleans count; an open state makes a task active only where it leaves a closed one."""
    record = await post(client, "incident", {"active": False})
    assert record["active"] == "false"
    moved = await patch(client, "incident", record["sys_id"], {"state": "2"})
    assert moved["active"] == "false"


async def test_a_user_is_called_by_first_and_last_name(client: Client) -> None:
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
