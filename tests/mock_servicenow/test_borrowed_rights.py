"""Attackers who manage rules or imports without being administrators: what acts for them never opens what is closed."""

import json
from pathlib import Path

import pytest

from mock_servicenow.app import Blueprint
from mock_servicenow.settings import Settings

from .conftest import ADMIN, CONFIGURATION, REQUEST, SECRET, Instance, running

KEPT = f"{CONFIGURATION}_secret"
ADMIN_ROLE = "2831a114c611228501d4ea6c309d626d"
RULE = {"when": "before", "abort_action": "true"}
EVERY_WRITE = {f"action_{name}": "true" for name in ("insert", "update", "delete")}


@pytest.mark.long
@pytest.mark.parametrize("collection", [KEPT, "global"])
async def test_no_stored_rule_acts_on_the_secret(instance: Instance, collection: str) -> None:
    """The rule that aborts would tell how the Secret begins, as often as somebody tries to delete the registration."""
    instance_id = await instance.register()
    admin = await instance.add_user("rules", "admin")
    guess = {"name": "guess", "filter_condition": f"secretSTARTSWITH{SECRET[:3]}", **RULE, **EVERY_WRITE}
    assert (await instance.insert("sys_script", {"collection": collection, **guess}, admin)).status == 201
    gone = await instance.call("DELETE", f"/api/now/table/{CONFIGURATION}/{instance_id}", admin)
    assert gone.status == 204
    assert len(await instance.findings("rule-on-closed-table")) == (collection == KEPT)


async def test_no_data_policy_acts_on_the_secret(instance: Instance) -> None:
    """The registration that is refused would tell how its Secret begins."""
    begins = {"model_table": KEPT, "conditions": f"secretSTARTSWITH{SECRET[:3]}"}
    policy = (await instance.insert("sys_data_policy2", begins)).result["sys_id"]
    demanded = {"sys_data_policy": policy, "field": "sys_tags", "mandatory": "true"}
    assert (await instance.insert("sys_data_policy_rule", demanded)).status == 201
    await instance.register()
    assert await instance.findings("rule-on-closed-table")


async def test_no_stored_rule_sees_the_secret_of_a_registration(instance: Instance) -> None:
    """The Secret has left the registration before the first stored rule looks at it."""
    seen = {"collection": CONFIGURATION, "filter_condition": f"instance_metadataLIKE{SECRET[:8]}", "order": "-1000"}
    await instance.insert("sys_script", {"name": "see", **seen, **RULE, **EVERY_WRITE})
    assert (await instance.insert(CONFIGURATION, {"instance_metadata": json.dumps(instance.metadata())})).status == 201


@pytest.mark.long
@pytest.mark.parametrize("registered", [False, True], ids=["insert", "update"])
async def test_no_stored_rule_leads_the_secret_elsewhere(instance: Instance, registered: bool) -> None:  # noqa: FBT001
    """A template changes the address in the name of whoever writes the registration, who may be an administrator."""
    ids = await instance.set_up() if registered else ("", "")
    rules = await instance.add_user("rules", "business_rule_admin")
    pairs = instance.metadata() | {"Password": "********"}
    elsewhere = json.dumps(pairs | {"Token Url": f"{pairs['Token Url']}?mine"})
    rule = {"collection": CONFIGURATION, "template": f"instance_metadata={elsewhere}", "order": "900"}
    await instance.insert("sys_script", {"name": "lead", "when": "before", **rule, **EVERY_WRITE}, rules)
    if registered:
        touched = {"instance_metadata": json.dumps(pairs | {"Maximum retry attempts": "1"})}
        assert (await instance.update(CONFIGURATION, ids[0], touched)).status == 200
    else:
        ids = await instance.set_up()
    await instance.update(REQUEST, await instance.asked(ids), {"status": "Deny"})
    await instance.clock.settle()
    assert [each["Password"] for each in instance.console.logons] == ["********"]
    assert await instance.findings("secret-forgotten")


@pytest.mark.long
async def test_a_rule_that_empties_a_registration_loses_its_secret(instance: Instance) -> None:
    """A registration without addresses has others than were asked for, so the Secret goes nowhere afterwards."""
    ids = await instance.set_up()
    rule = {"collection": CONFIGURATION, "template": "instance_metadata=no pairs", "order": "900"}
    stored = await instance.insert("sys_script", {"name": "empty", "when": "before", **rule, **EVERY_WRITE})
    pairs = json.dumps(instance.metadata() | {"Password": "********"})
    assert (await instance.update(CONFIGURATION, ids[0], {"instance_metadata": pairs})).status == 200
    assert await instance.findings("secret-forgotten")
    await instance.call("DELETE", f"/api/now/table/sys_script/{stored.result['sys_id']}")
    assert (await instance.update(CONFIGURATION, ids[0], {"instance_metadata": pairs})).status == 200
    await instance.update(REQUEST, await instance.asked(ids), {"status": "Deny"})
    await instance.clock.settle()
    assert [each["Password"] for each in instance.console.logons] == ["********"]


async def test_a_rule_that_changes_other_pairs_keeps_the_secret(instance: Instance) -> None:
    """A template that leaves the addresses as they were asked for leads the Secret nowhere."""
    fewer = json.dumps(instance.metadata() | {"Password": "********", "Maximum retry attempts": "0"})
    rule = {"collection": CONFIGURATION, "template": f"instance_metadata={fewer}", "when": "before", **EVERY_WRITE}
    await instance.insert("sys_script", {"name": "fewer retries", **rule})
    ids = await instance.set_up()
    await instance.update(REQUEST, await instance.asked(ids), {"status": "Deny"})
    await instance.clock.settle()
    assert [each["Password"] for each in instance.console.logons] == [SECRET]


async def _mapped(instance: Instance, user: tuple[str, str], source: str, target: str, **fields: str) -> None:
    """Store a transform map; ``fields`` are the columns of the target by those of the source."""
    tables = {"name": "mine", "source_table": source, "target_table": target, "active": "true"}
    transform_map = (await instance.insert("sys_transform_map", tables, user)).result["sys_id"]
    for column, target_field in fields.items():
        entry = {"map": transform_map, "source_field": column, "target_field": target_field}
        assert (await instance.insert("sys_transform_entry", entry, user)).status == 201


@pytest.mark.long
async def test_only_staging_tables_are_transformed(instance: Instance) -> None:
    """An import set is a record that may name any table; a map would copy the Secret into an incident."""
    await instance.register()
    imports = await instance.add_user("imports", "import_admin")
    await _mapped(instance, imports, KEPT, "incident", secret="short_description")
    rows = {"records": [{"User ID": "x"}]}
    loaded = await instance.call("POST", "/api/now/import/imp_user/insertMultiple", imports, json=rows)
    after = {"table_name": KEPT, "state": "loaded", "run_after": loaded.body["import_set_id"]}
    follower = (await instance.insert("sys_import_set", after, imports)).result["sys_id"]
    await instance.clock.advance(10)
    assert await instance.read("incident", query=f"short_description={SECRET}") == []
    assert (await instance.read("sys_import_set", follower))["state"] == "processed"


@pytest.mark.long
async def test_no_import_writes_into_a_closed_table(instance: Instance) -> None:
    """A row that is imported beside the Secrets would give a registration another one."""
    imports = await instance.add_user("imports", "import_admin")
    await _mapped(instance, imports, "imp_user", KEPT, title="configuration", phone="secret")
    answer = await instance.call("POST", "/api/now/import/imp_user", imports, json={"user_id": "x", "phone": "y"})
    outcome = answer.body["result"][1]
    assert (outcome["status"], outcome["error_message"]) == ("error", f"Invalid table {KEPT}")


@pytest.mark.long
async def test_a_restart_lends_no_import_set_the_rights_of_an_administrator(
    blueprint: Blueprint, tmp_path: Path
) -> None:
    """Rows that wait when an instance starts are transformed without roles: anybody may have written them."""
    settings = Settings(database=f"sqlite:///{tmp_path}/instance.db")
    async with running(settings, blueprint) as instance:
        imports = await instance.add_user("imports", "import_admin")
        own_id = (await instance.read("sys_user", query="user_name=imports"))[0]["sys_id"]
        await _mapped(instance, ADMIN, "imp_user", "sys_user_has_role", title="user", phone="role")
        loaded = (
            await instance.insert("sys_import_set", {"table_name": "imp_user", "state": "loaded"}, imports)
        ).result
        row = {"sys_import_set": loaded["sys_id"], "sys_import_row": "0", "title": own_id, "phone": ADMIN_ROLE}
        assert (await instance.insert("imp_user", row, imports)).status == 201
    async with running(settings, blueprint) as instance:
        await instance.clock.advance(10)
        assert (await instance.read("sys_import_set", loaded["sys_id"]))["state"] == "processed"
        assert await instance.read("sys_user_has_role", query=f"user={own_id}^role={ADMIN_ROLE}") == []


async def test_no_stored_rule_hands_out_the_rights_of_an_administrator(instance: Instance) -> None:
    """A template would make somebody else of whom an administrator grants a role, and another role of the role."""
    await instance.add_user("rules", "business_rule_admin")
    own_id = (await instance.read("sys_user", query="user_name=rules"))[0]["sys_id"]
    template = f"role={ADMIN_ROLE}^user={own_id}"
    rule = {"collection": "sys_user_has_role", "when": "before", "template": template, **EVERY_WRITE}
    assert (await instance.insert("sys_script", {"name": "grant", **rule})).status == 201
    grant = {"role": (await instance.read("sys_user_role", query="name=itil"))[0]["sys_id"], "user": own_id}
    granted = (await instance.insert("sys_user_has_role", grant)).result
    assert (granted["role"]["value"], granted["user"]["value"]) == (grant["role"], own_id)
    assert await instance.read("sys_user_has_role", query=f"user={own_id}^role={ADMIN_ROLE}") == []
    assert await instance.findings("privilege-refused")


async def test_no_rule_waits_for_a_table_of_users(instance: Instance) -> None:
    """A table that does not exist yet may be defined as one of users, by an administrator who knows of no rule."""
    rules = await instance.add_user("rules", "business_rule_admin")
    maps = await instance.add_user("maps", "import_admin")
    template = {"name": "wait", "when": "before", "template": "user_password=stolen", "action_insert": "true"}
    assert (await instance.insert("sys_script", {"collection": "u_vip", **template}, rules)).status == 403
    loads = {"name": "wait", "source_table": "imp_user", "target_table": "u_vip"}
    assert (await instance.insert("sys_transform_map", loads, maps)).status == 403
    assert (await instance.insert("sys_script", {"collection": "u_vip", **template})).status == 201


@pytest.mark.long
@pytest.mark.parametrize("table", ["sys_script", "sys_data_policy2", "sys_transform_map"])
async def test_what_acts_on_a_table_goes_with_it(instance: Instance, table: str) -> None:
    """The next table of that name may be one of users, and nobody looks for what the first one had."""
    await instance.insert("sys_user_role", {"name": "data_policy_admin"})
    role = {"sys_script": "business_rule_admin", "sys_transform_map": "import_admin"}.get(table, "data_policy_admin")
    manager = await instance.add_user("manager", role)
    first = (await instance.insert("sys_db_object", {"name": "u_vip"})).result["sys_id"]
    stored = await instance.insert(table, acting(table, "u_vip"), manager)
    assert stored.status == 201
    assert (await instance.call("DELETE", f"/api/now/table/sys_db_object/{first}")).status == 204
    assert (await instance.call("GET", f"/api/now/table/{table}/{stored.result['sys_id']}")).status == 404


async def test_no_stored_rule_sets_the_password_of_an_administrator(instance: Instance) -> None:
    """Every wrong password is counted in the user's record, which the instance itself writes."""
    rule = {"collection": "sys_user", "when": "before", "filter_condition": "user_name=admin", **EVERY_WRITE}
    take_over = {"name": "take over", "template": "user_password=mine", **rule}
    assert (await instance.insert("sys_script", take_over)).status == 201
    statuses = [
        (await instance.call("GET", "/api/now/table/incident", ("admin", password))).status
        for password in ("wrong", "mine", "admin", "mine")
    ]
    assert statuses == [401, 401, 200, 401]


async def test_a_stored_rule_may_change_what_gives_no_rights(instance: Instance) -> None:
    """A template on a user's name keeps administrators from nothing."""
    rule = {"collection": "sys_user", "when": "before", "template": "title=Colleague", **EVERY_WRITE}
    await instance.insert("sys_script", {"name": "title", **rule})
    await instance.add_user("colleague", "itil")
    assert (await instance.read("sys_user", query="user_name=colleague"))[0]["title"] == "Colleague"


async def test_no_stored_rule_compares_with_a_password(instance: Instance) -> None:
    """Neither a password that is written nor one that was there: the rule that aborts would tell."""
    guess = {"collection": "jwt_verifier_map", "filter_condition": "shared_keyCHANGESTOguessed", **RULE, **EVERY_WRITE}
    await instance.insert("sys_script", {"name": "guess", **guess})
    shown = {"sysparm_input_display_value": "true"}
    written = {"name": "x", "shared_key": "guessed"}
    answer = await instance.call("POST", "/api/now/table/jwt_verifier_map", json=written, params=shown)
    assert answer.status == 201


RIGHTS = (
    *("sys_user", "sys_user_has_role", "sys_group_has_role", "sys_user_role_contains", "sys_user_grmember"),
    *("sys_user_group", "sys_user_role", "api_key", "oauth_credential", "oauth_entity", "oauth_jwt", "oauth_api_scope"),
    *(
        "sys_api_access_policy",
        "inbound_auth_profile",
        "http_key_auth",
        "sys_script",
        "sys_transform_map",
        "sys_public",
    ),
    *("sys_transform_entry", "sys_properties", "sys_metadata", "imp_user"),
)


def acting(table: str, acts_on: str) -> dict[str, str]:
    """Return the values of a rule, a policy or a map."""
    return {
        "sys_script": {"name": "r", "collection": acts_on, "when": "before", "template": "user=x", **EVERY_WRITE},
        "sys_data_policy2": {"short_description": "p", "model_table": acts_on},
        "sys_transform_map": {"name": "m", "source_table": "imp_user", "target_table": acts_on, "order": "1"},
    }[table]


@pytest.mark.long
@pytest.mark.parametrize(
    ("table", "column", "role"),
    [
        ("sys_script", "collection", "business_rule_admin"),
        ("sys_data_policy2", "model_table", "data_policy_admin"),
        ("sys_transform_map", "target_table", "import_admin"),
    ],
)
async def test_only_administrators_keep_what_acts_on_rights(
    instance: Instance, table: str, column: str, role: str
) -> None:
    """It acts in the name of whoever writes or loads: neither made, nor turned to it, nor changed, nor deleted."""
    await instance.insert("sys_user_role", {"name": "data_policy_admin"})
    manager = await instance.add_user("manager", role)
    everything = ("global",) if table == "sys_script" else ()
    own = await instance.insert(table, acting(table, "incident"), manager)
    assert own.status == 201
    statuses: list[int] = []
    for acts_on in (*RIGHTS, *everything):
        statuses.append((await instance.insert(table, acting(table, acts_on), manager)).status)
        statuses.append((await instance.update(table, own.result["sys_id"], {column: acts_on}, manager)).status)
        of_admin = await instance.insert(table, {**acting(table, acts_on), "active": "false"})
        path = f"/api/now/table/{table}/{of_admin.result['sys_id']}"
        statuses.append((await instance.call("PATCH", path, manager, json={"active": "true"})).status)
        statuses.append((await instance.call("DELETE", path, manager)).status)
        assert (await instance.call("DELETE", path)).status == 204
    assert set(statuses) == {403}
    assert len(await instance.findings("privilege-refused")) == len(statuses)
    assert (await instance.update(table, own.result["sys_id"], {column: "problem"}, manager)).status == 200


@pytest.mark.long
@pytest.mark.parametrize(
    ("table", "column", "whole", "role"),
    [
        ("sys_transform_entry", "map", "sys_transform_map", "import_admin"),
        ("sys_data_policy_rule", "sys_data_policy", "sys_data_policy2", "data_policy_admin"),
    ],
)
async def test_only_administrators_add_to_what_acts_on_rights(
    instance: Instance, table: str, column: str, whole: str, role: str
) -> None:
    """An entry of an administrator's map would fill a column of which he knows nothing; so would one made before it."""
    await instance.insert("sys_user_role", {"name": "data_policy_admin"})
    manager = await instance.add_user("manager", role)
    rights = (await instance.insert(whole, acting(whole, "sys_user"))).result["sys_id"]
    harmless = (await instance.insert(whole, acting(whole, "incident"))).result["sys_id"]
    own, of_admin = (
        await instance.insert(table, {column: harmless}, manager),
        await instance.insert(table, {column: rights}),
    )
    assert own.status == 201
    refused = [
        await instance.insert(table, {column: rights}, manager),
        await instance.insert(table, {column: "ab" * 16}, manager),
        await instance.update(table, own.result["sys_id"], {column: rights}, manager),
        await instance.update(table, of_admin.result["sys_id"], {column: harmless}, manager),
        await instance.call("DELETE", f"/api/now/table/{table}/{of_admin.result['sys_id']}", manager),
    ]
    assert [answer.status for answer in refused] == [403] * len(refused)
    assert (await instance.call("DELETE", f"/api/now/table/{table}/{own.result['sys_id']}", manager)).status == 204


@pytest.mark.long
async def test_an_administrator_gets_rid_of_every_rule(instance: Instance) -> None:
    """Even of one that aborts that, or makes it active again; other changes it aborts still."""
    rule = {"name": "stay", "collection": "sys_script", "template": "active=true", **RULE, **EVERY_WRITE}
    rules = await instance.add_user("rules", "business_rule_admin")
    for collection in ("sys_script", "sys_metadata", "global"):
        path = f"/api/now/table/sys_script/{(await instance.insert('sys_script', rule)).result['sys_id']}"
        other = {"name": "other", "collection": "incident"}
        assert (await instance.call("PATCH", path, json={"collection": collection})).status == 403
        assert (await instance.insert("sys_script", other)).status == 403
        assert (await instance.call("DELETE", path, rules)).status == 403
        off = await instance.call("PATCH", path, json={"active": "false", "collection": collection})
        assert (off.status, off.result["active"]) == (200, "false")
        kept = await instance.insert("sys_script", {**rule, "collection": collection})
        path = f"/api/now/table/sys_script/{kept.result['sys_id']}"
        assert (await instance.call("DELETE", path)).status == 204


async def test_nobody_but_administrators_ends_a_lockout(instance: Instance) -> None:
    """Whoever manages users could try as many passwords of an administrator as he likes."""
    manager = await instance.add_user("manager", "user_admin")
    [admin] = await instance.read("sys_user", query="user_name=admin")
    for _ in range(3):
        assert (await instance.call("GET", "/api/now/table/incident", ("admin", "wrong"))).status == 401
    assert (await instance.update("sys_user", admin["sys_id"], {"failed_attempts": "0"}, manager)).status == 403
