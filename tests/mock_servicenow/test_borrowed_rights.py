"""Attackers who manage rules or imports without being administrators: what acts for them never opens what is closed."""

import json
from pathlib import Path

import pytest

from mock_servicenow.app import Blueprint
from mock_servicenow.settings import Settings

from .conftest import CONFIGURATION, REQUEST, SECRET, Instance, running

KEPT = f"{CONFIGURATION}_secret"
ADMIN_ROLE = "2831a114c611228501d4ea6c309d626d"
RULE = {"when": "before", "abort_action": "true"}
EVERY_WRITE = {f"action_{name}": "true" for name in ("insert", "update", "delete")}


@pytest.mark.parametrize("collection", [KEPT, "global"])
async def test_no_stored_rule_acts_on_the_secret(instance: Instance, collection: str) -> None:
    """The rule that aborts would tell how the Secret begins, as often as somebody tries to delete the registration."""
    instance_id = await instance.register()
    rules = await instance.add_user("rules", "business_rule_admin", "web_service_admin")
    guess = {"name": "guess", "filter_condition": f"secretSTARTSWITH{SECRET[:3]}", **RULE, **EVERY_WRITE}
    assert (await instance.insert("sys_script", {"collection": collection, **guess}, rules)).status == 201
    gone = await instance.call("DELETE", f"/api/now/table/{CONFIGURATION}/{instance_id}", rules)
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


async def test_no_import_writes_into_a_closed_table(instance: Instance) -> None:
    """A row that is imported beside the Secrets would give a registration another one."""
    imports = await instance.add_user("imports", "import_admin")
    await _mapped(instance, imports, "imp_user", KEPT, title="configuration", phone="secret")
    answer = await instance.call("POST", "/api/now/import/imp_user", imports, json={"user_id": "x", "phone": "y"})
    outcome = answer.body["result"][1]
    assert (outcome["status"], outcome["error_message"]) == ("error", f"Invalid table {KEPT}")


async def test_a_restart_lends_no_import_set_the_rights_of_an_administrator(
    blueprint: Blueprint, tmp_path: Path
) -> None:
    """Rows that wait when an instance starts are transformed without roles: anybody may have written them."""
    settings = Settings(database=f"sqlite:///{tmp_path}/instance.db")
    async with running(settings, blueprint) as instance:
        imports = await instance.add_user("imports", "import_admin")
        own_id = (await instance.read("sys_user", query="user_name=imports"))[0]["sys_id"]
        await _mapped(instance, imports, "imp_user", "sys_user_has_role", title="user", phone="role")
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
    rules = await instance.add_user("rules", "business_rule_admin")
    own_id = (await instance.read("sys_user", query="user_name=rules"))[0]["sys_id"]
    template = f"role={ADMIN_ROLE}^user={own_id}"
    rule = {"collection": "sys_user_has_role", "when": "before", "template": template, **EVERY_WRITE}
    await instance.insert("sys_script", {"name": "grant", **rule}, rules)
    grant = {"role": (await instance.read("sys_user_role", query="name=itil"))[0]["sys_id"], "user": own_id}
    granted = (await instance.insert("sys_user_has_role", grant)).result
    assert (granted["role"]["value"], granted["user"]["value"]) == (grant["role"], own_id)
    assert await instance.read("sys_user_has_role", query=f"user={own_id}^role={ADMIN_ROLE}") == []
    assert await instance.findings("privilege-refused")


async def test_no_stored_rule_sets_the_password_of_an_administrator(instance: Instance) -> None:
    """Every wrong password is counted in the user's record, which the instance itself writes."""
    rules = await instance.add_user("rules", "business_rule_admin")
    rule = {"collection": "sys_user", "when": "before", "filter_condition": "user_name=admin", **EVERY_WRITE}
    await instance.insert("sys_script", {"name": "take over", "template": "user_password=mine", **rule}, rules)
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
