"""The Change Management API: changes of every type, tasks, approvals (Docs: change-management-api)."""

import json
from collections.abc import Callable

import pytest

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.provisioning.provisioning import ADMIN_ID
from privman_core.journal import Journal

from .changes import API, Client, Create, got, new, refused

CHANGES = "/api/now/table/change_request"
NOBODY = "0" * 32


async def test_each_field_has_value_and_display_value(client: Client, create: Create) -> None:
    """Numbers and booleans are such; a moment is also shown in the user's zone; journals are empty."""
    sys_id = create("change_request", short_description="a", start_date="2026-07-01 19:00:00", comments="said")
    change = await got(client, f"/{sys_id}")
    assert change["state"] == {"display_value": "New", "value": -5}
    assert change["on_hold"] == {"display_value": "false", "value": False}
    assert change["requested_by"]["value"] == "system"
    moment = {"display_value": "2026-07-01 12:00:00", "value": "2026-07-01 19:00:00"}
    assert change["start_date"] == {**moment, "display_value_internal": "2026-07-01 12:00:00"}
    assert change["end_date"] == {"display_value": "", "value": "", "display_value_internal": ""}
    assert change["comments"] == {"display_value": "", "value": ""}
    assert change["sys_id"] == {"display_value": sys_id, "value": sys_id}


@pytest.mark.parametrize("kind", ["normal", "emergency"])
async def test_change_of_a_type_is_created_changed_and_deleted(client: Client, kind: str) -> None:
    """The body overrides the parameters; what is no writable field is named and ignored."""
    body = {"short_description": "Reboot", "sys_mod_count": 9, "no_such_field": "x", "encrypted_fields": "description"}
    made = await got(client, f"/{kind}?short_description=x&description=d&sysparm_x=y", "POST", body)
    assert (made["short_description"]["value"], made["description"]["value"]) == ("Reboot", "d")
    assert (made["type"]["value"], made["state"]["display_value"]) == (kind, "New")
    assert made["__meta"] == {"ignoredFields": ["no_such_field", "sys_mod_count"]}
    sys_id = made["sys_id"]["value"]
    changed = await got(client, f"/{kind}/{sys_id}", "PATCH", {"risk": 2})
    assert (changed["risk"], "__meta" in changed) == ({"display_value": "High", "value": 2}, False)
    other = {"normal": "emergency", "emergency": "normal"}[kind]
    for verb in ("GET", "PATCH", "DELETE"):
        assert (await refused(client, f"/{other}/{sys_id}", verb, {}))[0] == 404
    assert (await got(client, f"/{kind}/{sys_id}", "DELETE"))["number"] == made["number"]
    assert (await refused(client, f"/{sys_id}"))[0] == 404


async def test_changes_are_found_by_query_pairs_text_and_order(client: Client, create: Create) -> None:
    """Of every type, or of one, which no query leaves."""
    for text, kind in (("b", "normal"), ("a", "normal"), ("needle", "emergency")):
        create("change_request", short_description=f"find {text}", type=kind, category="Network")

    async def texts(path: str) -> list[str]:
        return [change["short_description"]["value"] for change in await got(client, path)]

    assert await texts("?category=Network&order=short_description") == ["find a", "find b", "find needle"]
    assert await texts("?category=Network&type=normal&sysparm_limit=1&sysparm_offset=1") == ["find a"]
    assert await texts("/emergency?sysparm_query=category=Network") == ["find needle"]
    assert await texts("/emergency?sysparm_query=category=Network^NQtype=normal") == ["find needle"]
    assert await texts("/normal?sysparm_query=category=Network^ORDERBYDESCshort_description&order=number") == [
        "find b",
        "find a",
    ]
    assert await texts("?textSearch=find%20needle&order=no_such_field") == ["find needle"]
    assert await texts("/standard?category=Network") == []


async def test_model_presets_the_type(client: Client) -> None:
    """By name or sys_id; a type that is given wins; an unknown model is refused."""
    models = {model["name"]["value"]: model["sys_id"]["value"] for model in await got(client, "/model")}
    assert models.keys() == {"Normal", "Standard", "Emergency"}
    assert (await got(client, f"/model/{models['Normal']}"))["table_name"]["value"] == "change_request"
    made = await got(client, "?chg_model=emergency", "POST")
    assert (made["type"]["value"], made["chg_model"]["value"]) == ("emergency", models["Emergency"])
    made = await got(client, "", "POST", {"chg_model": models["Emergency"], "type": "Normal"})
    assert made["type"]["value"] == "normal"
    assert (await refused(client, "", "POST", {"chg_model": "x"}))[0] == 400


async def test_standard_change_takes_its_template(client: Client, create: Create) -> None:
    """Whose texts nobody overrides, while other fields may be given."""
    [template] = await got(client, "/standard/template")
    assert template["template"]["display_value"] == "Clear BGP sessions on a Cisco router"
    path = f"/standard/{template['sys_id']['value']}"
    made = await got(client, path, "POST", {"priority": 2, "description": "mine", "category": "Other"})
    assert "Resend the complete BGP table" in made["description"]["value"]
    assert (made["type"]["value"], made["priority"]["value"], made["category"]["value"]) == ("standard", 2, "Other")
    assert made["__meta"] == {"ignoredFields": ["description"]}
    change = made["sys_id"]["value"]
    assert (await got(client, f"/standard/{change}/risk", "PATCH"))["risk"]["value"] == 3
    assert (await got(client, f"/standard/template/{template['sys_id']['value']}"))["name"] == template["name"]
    empty = create("std_change_record_producer", name="Empty")
    assert (await refused(client, f"/standard/{empty}", "POST"))[0] == 400
    assert (await refused(client, f"/standard/{NOBODY}", "POST"))[0] == 404


async def test_template_version_fills_a_change_of_the_table_api(client: Client) -> None:
    """Except for the fields that the client gives."""
    [version] = (await (await client.get("/api/now/table/std_change_producer_version")).json())["result"]
    body = {"std_change_producer_version": version["sys_id"], "short_description": "mine", "type": "standard"}
    made = (await (await client.post(CHANGES, json=body)).json())["result"]
    assert (made["short_description"], made["category"]) == ("mine", "Network")


@pytest.mark.long
async def test_tasks_belong_to_their_change(client: Client) -> None:
    """A task is listed, changed and deleted below its change alone."""
    change, other = await new(client), await new(client)
    made = await got(client, f"/{change}/task?short_description=Retire%20node&no_such_field=x", "POST")
    assert (made["parent"]["value"], made["short_description"]["value"]) == (change, "Retire node")
    assert made["__meta"] == {"ignoredFields": ["no_such_field"]}
    task = made["sys_id"]["value"]
    assert [each["sys_id"]["value"] for each in await got(client, f"/{change}/task")] == [task]
    assert await got(client, f"/{other}/task") == []
    assert (await got(client, f"/{change}/task/{task}", "PATCH", {"state": 1}))["state"]["display_value"] == "Open"
    assert (await refused(client, f"/{other}/task/{task}", "DELETE"))[0] == 404
    assert (await got(client, f"/{change}/task/{task}", "DELETE"))["sys_id"]["value"] == task
    for verb in ("GET", "POST"):
        assert (await refused(client, f"/{NOBODY}/task", verb))[0] == 404


@pytest.mark.parametrize(
    ("decision", "state"), [({"state": "approved"}, "Authorize"), ({"state": "rejected", "comments": "why"}, "New")]
)
async def test_approver_decides(client: Client, create: Create, decision: dict[str, str], state: str) -> None:
    """Once nobody else is asked; a rejection counts at once."""
    change = create("change_request", state="-4", type="normal")
    create("sysapproval_approver", sysapproval=change, approver=ADMIN_ID, state="requested")
    assert (await got(client, f"/{change}"))["approval"]["value"] == "requested"
    decided = await got(client, f"/{change}/approvals", "PATCH", decision)
    assert (decided["approval"]["value"], decided["state"]["display_value"]) == (decision["state"], state)
    assert (await refused(client, f"/{change}/approvals", "PATCH", decision))[0] == 400


async def test_change_waits_for_every_approver(client: Client, create: Create) -> None:
    """A second one who is still asked keeps it where it is; approvals of other tasks only set their outcome."""
    change = create("change_request", state="-4", type="normal")
    for approver in (ADMIN_ID, create("sys_user", user_name="second")):
        create("sysapproval_approver", sysapproval=change, approver=approver, state="requested")
    decided = await got(client, f"/{change}/approvals", "PATCH", {"state": "approved"})
    assert (decided["approval"]["value"], decided["state"]["display_value"]) == ("requested", "Assess")
    task = create("sc_request")
    create("sysapproval_approver", sysapproval=task, state="approved")
    create("sysapproval_approver", sysapproval=task, state="duplicate")
    create("sysapproval_approver", state="approved")
    assert (await (await client.get(f"/api/now/table/sc_request/{task}")).json())["result"]["approval"] == "approved"


@pytest.mark.parametrize(
    "body", [{}, {"state": []}, {"state": "open"}, {"state": "rejected"}, {"state": "approved", "comments": 1}]
)
async def test_unusable_decisions_are_refused(client: Client, body: dict[str, object]) -> None:
    """A state but the two, and a rejection without a reason."""
    assert (await refused(client, f"/{await new(client)}/approvals", "PATCH", body))[0] == 400


async def test_items_are_associated_and_listed(client: Client, create: Create) -> None:
    """By a worker, whose messages name what was not associated."""
    change, item = await new(client), create("cmdb_ci", name="node")
    body = {"association_type": "affected", "cmdb_ci_sys_ids": f"{item}, {NOBODY}"}
    begun = await got(client, f"/{change}/ci", "POST", body, 202)
    assert begun["state"] == {"value": 1, "display_value": "Waiting"}
    worker = begun["worker"]["sysId"]
    done = await got(client, f"/worker/{worker}")
    assert (done["state"], done["type"]) == ({"value": 3, "display_value": "Complete"}, "affected")
    assert done["messages"]["errorMessages"] == [f"Invalid CMDB_CI sys_id provided: {NOBODY}"]
    [listed] = await got(client, f"/{change}/ci?association_type=affected")
    assert listed["ci_item"] == {"display_value": "node", "value": item}
    again = await got(client, f"/{change}/ci", "POST", {**body, "cmdb_ci_sys_ids": [item]}, 202)
    again = await got(client, f"/worker/{again['worker']['sysId']}")
    assert again["messages"]["infoMessages"] == [f"CMDB_CI sys_id already associated: {item}"]
    assert await got(client, f"/{change}/ci?association_type=impacted") == []
    await got(client, f"/{change}/ci", "POST", {**body, "association_type": "impacted"}, 202)  # which is no service
    assert await got(client, f"/{change}/ci?association_type=impacted") == []
    assert (await refused(client, f"/{change}/ci"))[0] == 400
    for wrong in ({**body, "association_type": "x"}, {**body, "cmdb_ci_sys_ids": 1}, {**body, "cmdb_ci_sys_ids": [1]}):
        assert (await refused(client, f"/{change}/ci", "POST", wrong))[0] == 400


@pytest.mark.parametrize("messages", ["", "[]", "x"])
async def test_worker_with_odd_messages_has_none(client: Client, create: Create, messages: str) -> None:
    """Anybody may write its record."""
    worker = create("chg_mgt_worker", messages=messages, payload=f"""[[], 1, ["x", "y"]{messages}]""")
    empty: dict[str, list[str]] = {"errorMessages": [], "warningMessages": [], "infoMessages": []}
    assert (await got(client, f"/worker/{worker}"))["messages"] == empty


HOUR = "duration_in_seconds=3600"


async def slots(client: Client, path: str, verb: str = "GET", body: object = None) -> list[list[str]]:
    """Return start and end of the slots that a worker has found."""
    begun = await got(client, path, verb, body, 202)
    assert (begun["state"], begun["type"]) == ({"value": 1, "display_value": "Waiting"}, "schedule")
    done = await got(client, f"/worker/{begun['worker']['sysId']}")
    assert done["state"] == {"value": 3, "display_value": "Complete"}
    return [[span["start"]["value"], span["end"]["value"]] for span in done.get("payload", {}).get("spans", [])]


async def test_slots_of_an_item_are_between_its_changes(client: Client, create: Create) -> None:
    """From now on, or from the planned start; each is as long as asked (inferred: no maintenance schedules)."""
    item = create("cmdb_ci", name="node")
    for start, end in (("09:30", "10:00"), ("10:30", "11:00"), ("13:00", "14:00")):
        create("change_request", cmdb_ci=item, start_date=f"2026-01-05 {start}:00", end_date=f"2026-01-05 {end}:00")
    found = await slots(client, f"/ci/{item}/schedule?{HOUR}")
    assert found == [
        [f"2026-01-05 {start}:00", f"2026-01-05 {end}:00"] for start, end in (("11:00", "12:00"), ("14:00", "15:00"))
    ]
    planned = f"/ci/{item}/schedule?{HOUR}&planned_start_time=2026-01-05 12:30:00"
    assert await slots(client, planned) == [["2026-01-05 14:00:00", "2026-01-05 15:00:00"]]
    assert await slots(client, f"/ci/{item}/schedule?duration_in_seconds=99999999") == []
    begun = await got(client, f"/ci/{item}/schedule?{HOUR}", status=202)
    shown = (await got(client, f"/worker/{begun['worker']['sysId']}"))["payload"]["spans"][0]["start"]
    assert shown == {"value": "2026-01-05 11:00:00", "display_value": "2026-01-05 03:00:00"}
    asked = {
        "cmdb_ci_sys_id": item,
        "planned_start_time": "",
        "duration_in_seconds": 3600,
        "timezone": "America/Los_Angeles",
    }
    assert json.loads(begun["request"]) == asked


async def test_change_is_planned_for_the_first_slot(client: Client, create: Create) -> None:
    """The slots of a planned change are as long as it; the change itself is not in its own way."""
    item = create("cmdb_ci", name="node")
    create("change_request", cmdb_ci=item, start_date="2026-01-05 09:00:00", end_date="2026-01-05 10:00:00")
    change = create("change_request", cmdb_ci=item, start_date="2026-01-05 09:30:00", end_date="2026-01-05 11:30:00")
    assert await slots(client, f"/{change}/schedule") == [["2026-01-05 10:00:00", "2026-01-05 12:00:00"]]
    worker = (await got(client, f"/{change}/schedule/first_available", "PATCH", {"duration_in_seconds": "600"}, 202))[
        "worker"
    ]
    assert (await got(client, f"/worker/{worker['sysId']}"))["messages"]["infoMessages"] == ["Change has been updated"]
    planned = await got(client, f"/{change}")
    assert [planned[name]["value"] for name in ("start_date", "end_date")] == [
        "2026-01-05 10:00:00",
        "2026-01-05 10:10:00",
    ]
    body = {"duration_in_seconds": 8_640_000, "planned_start_time": "2026-02-01 00:00:00"}
    worker = (await got(client, f"/{change}/schedule/first_available", "PATCH", body, 202))["worker"]
    told = (await got(client, f"/worker/{worker['sysId']}"))["messages"]["infoMessages"]
    assert told == ["No slots found for 90 days from now"]


@pytest.mark.long
async def test_slots_that_cannot_be_found(
    client: Client, user: Client, grant: Callable[[str, str], None], create: Create
) -> None:
    """Unusable parameters and changes are refused, as documented; so is planning without write access."""
    item = create("cmdb_ci", name="node")
    bare, unplanned = create("change_request"), create("change_request", cmdb_ci=item)
    schedule = f"/ci/{item}/schedule"
    for query in ("", "?duration_in_seconds=x", "?duration_in_seconds=0", f"?{HOUR}&planned_start_time=tomorrow"):
        assert (await refused(client, f"{schedule}{query}"))[0] == 400
    assert (await refused(client, f"/ci/{NOBODY}/schedule?{HOUR}"))[0] == 400
    assert [(await refused(client, f"/{each}/schedule"))[0] for each in (bare, unplanned, NOBODY)] == [400, 400, 404]
    assert await slots(client, f"{schedule}?{HOUR}&planned_start_time=9999-12-31 00:00:00") == []
    first = f"/{unplanned}/schedule/first_available"
    assert (await refused(client, first, "PATCH", {}))[0] == 400
    rule = create("sys_security_acl", name="change_request.start_date", operation="write")
    create("sys_security_acl_role", sys_security_acl=rule, sys_user_role=create("sys_user_role", name="planner"))
    grant("plain", "itil")
    assert (await refused(user, first, "PATCH", {"duration_in_seconds": 60}))[0] == 403


async def test_impacted_services_are_above_the_item(client: Client, create: Create) -> None:
    """Whatever depends on the item by relationships, in circles, too, as far as it is a service (inferred)."""
    node, farm = create("cmdb_ci", name="node"), create("cmdb_ci", name="farm")
    shop = create("cmdb_ci_service", name="shop")
    for parent, child in ((farm, node), (shop, farm), (node, shop)):
        create("cmdb_rel_ci", parent=parent, child=child)
    change = await new(client, cmdb_ci=node)
    for told in ([], [f"CMDB_CI sys_id already associated: {shop}"]):
        begun = await got(client, f"/{change}/refresh_impacted_services", "POST")
        assert (begun["type"], begun["request"]) == ("impacted", "")
        assert (await got(client, f"/worker/{begun['worker']['sysId']}"))["messages"]["infoMessages"] == told
        [listed] = await got(client, f"/{change}/ci?association_type=impacted")
        assert listed["cmdb_ci_service"]["value"] == shop
    bare = await new(client)
    await got(client, f"/{bare}/refresh_impacted_services", "POST")
    assert await got(client, f"/{bare}/ci?association_type=impacted") == []


async def test_next_states_follow_the_life_cycle(client: Client, create: Create) -> None:
    """Of the change's type; while it is on hold none is available."""
    change = create("change_request", type="normal", state="-1")
    states = await got(client, f"/{change}/nextstates")
    assert states["available_states"] == ["-1", "0", "4"]
    assert states["state_label"] == {"-1": "Implement", "0": "Review", "4": "Canceled"}
    [[review], _] = states["state_transitions"]
    assert (review["display_value"], review["to_state"]) == ("Implement to Review", "0")
    assert (review["transition_available"], review["conditions"][0]["passed"]) == (True, True)
    held = create("change_request", type="normal", on_hold="true")
    [[first], *_] = (await got(client, f"/{held}/nextstates"))["state_transitions"]
    assert (first["transition_available"], first["conditions"][0]["passed"]) == (False, False)


@pytest.mark.long
async def test_roles_of_each_verb(user: Client, grant: Callable[[str, str], None], create: Create) -> None:
    """Documented: readers, writers, and who deletes."""
    change = create("change_request")

    async def may() -> list[bool]:
        calls = (("GET", f"{API}/{change}"), ("PATCH", f"{API}/{change}"), ("DELETE", f"{API}/{NOBODY}"))
        return [(await user.request(verb, path, json={})).status != 403 for verb, path in calls]

    assert await may() == [False, False, False]
    grant("plain", "sn_change_read")
    assert await may() == [True, False, False]
    grant("plain", "itil")
    assert await may() == [True, True, False]
    grant("plain", "change_manager")
    assert await may() == [True, True, True]


async def test_changes_are_also_xml(client: Client, create: Create) -> None:
    """Each field an element with two of its own."""
    change = create("change_request", short_description="<a>")
    text = await (await client.get(f"{API}/{change}", headers={"Accept": "application/xml"})).text()
    assert "<short_description><display_value>&lt;a&gt;</display_value>" in text
    assert "<on_hold><display_value>false</display_value><value>false</value></on_hold>" in text


@pytest.mark.long
async def test_long_lists_end_with_an_error(client: Client, create: Create) -> None:
    """What would be too long to write is cancelled, as a record of the Table API is."""
    for _ in range(35):
        create("change_request", description="x" * 1024 * 1024)
    assert (await refused(client, "?sysparm_limit=10000"))[0] == 500
    named = create("sys_user", user_name="long", name="x" * 1024 * 1024)
    for number in range(35):
        create("change_request", category="Named", assigned_to=named, order=str(number))
    assert (await refused(client, "?category=Named"))[0] == 500


async def standard_change(create: Create, template: str) -> tuple[str, str]:
    """Return the sys_ids of a producer with a template, and of its version."""
    held = create("sys_template", template=template)
    producer = create("std_change_record_producer", name="Reboot", template=held)
    return producer, create("std_change_producer_version", std_change_producer=producer)


@pytest.mark.parametrize(
    "template",
    [
        "sys_class_name=incident",
        "sys_id=x",
        "risk=abc^start_date=notadate^on_hold=maybe^cmdb_ci=nothing",
        "sys_created_by=evil^sys_mod_count=9",
    ],
)
async def test_templates_are_taken_as_clients_values_are(
    client: Client, create: Create, instance: Instance, template: str
) -> None:
    """Converted, and without the columns that nobody may write."""
    producer, version = await standard_change(create, f"{template}^description=taken")
    with instance.transaction(instance.system) as session:
        session.update("std_change_record_producer", producer, {"current_version": version})
    made = await got(client, f"/standard/{producer}", "POST", {})
    by_table = await client.post(CHANGES, json={"std_change_producer_version": version})
    assert by_table.status == 201
    for each in (made, await got(client, f"/{(await by_table.json())['result']['sys_id']}")):
        assert each["description"]["value"] == "taken"
        assert (each["sys_class_name"]["value"], each["sys_created_by"]["value"]) == ("change_request", "admin")
        assert (each["risk"]["value"], each["on_hold"]["value"]) == (3, False)


@pytest.mark.long
async def test_an_unreadable_template_fills_nothing(user: Client, create: Create, instance: Instance) -> None:
    """A change would show what is in it."""
    create("sys_user_has_role", user="plain", role="itil")
    create("sys_security_acl", name="sys_template", operation="read", condition="name=open")
    producer, version = await standard_change(create, "description=secret")
    with instance.transaction(instance.system) as session:
        session.update("std_change_record_producer", producer, {"current_version": version})
    assert (await refused(user, f"/standard/{producer}", "POST", {}))[0] == 400
    made = await user.post(CHANGES, json={"std_change_producer_version": version})
    assert (await made.json())["result"]["description"] == ""


async def test_the_preset_of_a_model_sets_no_sys_id(client: Client, create: Create) -> None:
    """Else its second change would be refused as a duplicate."""
    model = create("chg_model", record_preset=f"sys_id={NOBODY}^type=normal")
    for _ in range(2):
        assert (await got(client, "", "POST", {"chg_model": model}))["sys_id"]["value"] != NOBODY


@pytest.mark.parametrize(
    ("verb", "path", "why"),
    [
        ("GET", "?order=nosuch", "table 'change_request' has no column 'nosuch'"),
        ("GET", "?association_type=affected", "table 'change_request' has no column 'association_type'"),
        ("GET", "?nosuch=1", "table 'change_request' has no column 'nosuch'"),
        ("GET", "?sysparm_query=active=true&number=1", "field=value pairs do not go with sysparm_query"),
        ("GET", "/{change}?number=1", "parameter 'number' means nothing here"),
        ("GET", "/{change}/task?sysparm_limt=1", "parameter 'sysparm_limt' means nothing here"),
        ("GET", "/{change}/ci?association_type=affected&sysparm_limt=1", "parameter 'sysparm_limt' means nothing"),
        ("GET", "/{change}/nextstates?type=normal", "parameter 'type' means nothing here"),
        ("POST", "/normal?sysparm_limt=1", "parameter 'sysparm_limt' means nothing here"),
        ("PATCH", "/{change}?sysparm_fields=number", "parameter 'sysparm_fields' means nothing here"),
        ("DELETE", "/{change}?number=1", "parameter 'number' means nothing here"),
    ],
)
async def test_what_has_no_effect_is_a_finding(  # noqa: PLR0913, PLR0917 - a request and its finding
    client: Client, create: Create, journal: Journal, verb: str, path: str, why: str
) -> None:
    """Parameters without a meaning, and columns that are not there."""
    await got(client, path.format(change=create("change_request")), verb)
    [message] = [finding.message for _, finding in journal.findings()]
    assert why in message


async def test_items_beyond_a_thousand_are_a_finding(client: Client, create: Create, journal: Journal) -> None:
    """They are not looked for."""
    body = {"association_type": "affected", "cmdb_ci_sys_ids": [f"{number}" for number in range(1_001)]}
    await got(client, f"/{create('change_request')}/ci", "POST", body, 202)
    assert [finding.message for _, finding in journal.findings()] == [
        "cmdb_ci_sys_ids has 1,001 entries; those after the first 1,000 were ignored"
    ]
