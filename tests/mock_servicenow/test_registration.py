import json
from pathlib import Path

import pytest

from mock_servicenow.app import Blueprint
from mock_servicenow.privilege_manager.registrations import Configuration, ConfigurationRules
from mock_servicenow.settings import Settings
from privman_contracts import WireNames
from privman_core.virtual_clock import VirtualClock

from .conftest import ACTIVITY_TYPE, CLIENT_ID, CONFIGURATION, REQUEST, RESPONSE, SECRET, Instance, StubConsole, running


async def test_registration_returns_the_instance_id(instance: Instance) -> None:
    """A registration is answered 201 with the sys_id that is the Instance Id (step 9)."""
    answer = await instance.insert(CONFIGURATION, {"instance_metadata": json.dumps(instance.metadata())})
    assert answer.status == 201
    assert len(answer.result["sys_id"]) == 32


async def test_registration_is_readable_with_the_secret_masked(instance: Instance) -> None:
    """The registration body reads back as it was sent, the Secret masked (step 12)."""
    instance_id = await instance.register()
    record = await instance.read(CONFIGURATION, instance_id)
    assert json.loads(record["instance_metadata"]) == instance.metadata() | {"Password": "********"}
    shown = await instance.read(CONFIGURATION, instance_id, sysparm_display_value="all")
    assert SECRET not in json.dumps(shown)


async def test_secret_is_on_no_page_of_the_control_plane(instance: Instance) -> None:
    """Client Id, Secret and tokens are in no journal, not even where the console is called."""
    ids = await instance.set_up()
    request = await instance.asked(ids)
    await instance.update(REQUEST, request, {"status": "Approve"})
    await instance.clock.settle()
    for page in ("requests", "deliveries", "findings"):
        answer = await instance.call("GET", f"/__admin/{page}", None)
        shown = json.dumps(answer.body)
        assert [each for each in (CLIENT_ID, SECRET, "token-1") if each in shown] == []
    assert instance.console.decisions


@pytest.mark.parametrize("table", [f"{CONFIGURATION}_secret", f"{RESPONSE}_delivery"])
async def test_the_apps_own_tables_are_closed(instance: Instance, table: str) -> None:
    """The tables that hold Secrets, and what is to be delivered, are closed to the Table API."""
    await instance.register()
    answer = await instance.call("GET", f"/api/now/table/{table}")
    assert answer.status == 403
    assert answer.body["error"]["detail"] == "Failed API level ACL Validation"


async def test_pairs_may_come_as_an_object(instance: Instance) -> None:
    """Name-value pairs sent as an object rather than as text are stored as text (name_values)."""
    answer = await instance.insert(CONFIGURATION, {"instance_metadata": instance.metadata()})
    assert json.loads(answer.result["instance_metadata"])["Username"] == CLIENT_ID


@pytest.mark.parametrize(
    "metadata",
    ["", "no pairs", "[]", "[" * 60_000, json.dumps({"Username": "x"}), json.dumps({"Password": 5})],
    ids=["empty", "text", "list", "nested too deeply", "no Secret", "number"],
)
async def test_registration_without_usable_pairs_is_taken(instance: Instance, metadata: str) -> None:
    """The platform stores whatever the column is given; only a delivery will find that it cannot be used."""
    answer = await instance.insert(CONFIGURATION, {"instance_metadata": metadata})
    assert answer.status == 201


@pytest.mark.long
async def test_new_secret_replaces_the_old(instance: Instance) -> None:
    """A registration updated with another Secret delivers with that one (step 13)."""
    ids = await instance.set_up()
    changed = json.dumps(instance.metadata() | {"Password": "another-secret"})
    await instance.update(CONFIGURATION, ids[0], {"instance_metadata": changed})
    request = await instance.asked(ids)
    await instance.update(REQUEST, request, {"status": "Deny"})
    await instance.clock.settle()
    assert instance.console.logons == [{"UserName": CLIENT_ID, "Password": "another-secret"}]


async def _shown(instance: Instance, text: str) -> bool:
    """Tell whether the journal shows a text that a caller sends."""
    await instance.call("GET", "/api/now/table/incident", params={"sysparm_limit": "1", "note": text})
    journal = await instance.call("GET", "/__admin/requests", None, params={"last": "1"})
    return text in json.dumps(journal.body)


@pytest.mark.long
@pytest.mark.parametrize("end", ["replaced", "deleted"])
async def test_dead_secrets_are_forgotten_in_time(instance: Instance, end: str) -> None:
    """Secrets that were replaced or deleted take bounded memory; one that another registration has stays masked."""
    shared, own = await instance.register(), await instance.register(Password="own-5ecret-of-the-user")
    for turn in range(6):
        long_one = await instance.register(Password=f"{turn}-5ecret" * 60_000)
        await instance.call("DELETE", f"/api/now/table/{CONFIGURATION}/{long_one}")
        if turn == 0 and end == "deleted":
            await instance.call("DELETE", f"/api/now/table/{CONFIGURATION}/{own}")
        elif turn == 0:
            pairs = json.dumps(instance.metadata())
            await instance.update(CONFIGURATION, own, {"instance_metadata": pairs})
            pairs = json.dumps(instance.metadata() | {"Password": "new-5ecret-of-the-user"})
            await instance.update(CONFIGURATION, shared, {"instance_metadata": pairs})
    assert await _shown(instance, "own-5ecret-of-the-user")
    assert not await _shown(instance, SECRET)


async def test_masked_secret_sent_back_changes_nothing(instance: Instance) -> None:
    """Who reads a registration, changes a pair and writes it back does not lose the Secret."""
    ids = await instance.set_up()
    masked = json.dumps(instance.metadata() | {"Password": "********", "Maximum retry attempts": "0"})
    await instance.update(CONFIGURATION, ids[0], {"instance_metadata": masked})
    request = await instance.asked(ids)
    await instance.update(REQUEST, request, {"status": "Deny"})
    await instance.clock.settle()
    assert instance.console.logons == [{"UserName": CLIENT_ID, "Password": SECRET}]


@pytest.mark.long
@pytest.mark.parametrize("steps", [["Token Url"], ["Endpoint Url"], ["", "Token Url"]], ids=str)
async def test_a_secret_goes_nowhere_else(instance: Instance, steps: list[str]) -> None:
    """Who writes a registration without knowing its Secret gets neither that nor a token at an address of his own."""
    ids = await instance.set_up()
    writer = await instance.add_user("writer", "web_service_admin")
    await instance.update(REQUEST, await instance.asked(ids), {"status": "Approve"})
    await instance.clock.settle()
    for pair in steps:
        pairs = instance.metadata() | {"Password": "********"}
        pairs |= {pair: f"{pairs[pair]}?mine"} if pair else {}
        written = {"instance_metadata": json.dumps(pairs) if pair else "no pairs"}
        assert (await instance.update(CONFIGURATION, ids[0], written, writer)).status == 200
    await instance.update(REQUEST, await instance.asked(ids, request_id=CLIENT_ID), {"status": "Deny"})
    await instance.clock.settle()
    assert [each["Password"] for each in instance.console.logons] == [SECRET, "********"]
    assert instance.console.tokens == ["Bearer token-1", "Bearer token-2"]
    assert await instance.findings("secret-forgotten")


@pytest.mark.long
async def test_a_new_secret_goes_to_a_new_address(instance: Instance) -> None:
    """Who names the Secret may say where it goes; who changes another pair, need not name it."""
    ids = await instance.set_up()
    writer = await instance.add_user("writer", "web_service_admin")
    moved = instance.metadata() | {"Token Url": f"{instance.metadata()['Token Url']}?new"}
    for pairs in (moved, moved | {"Password": "********", "Maximum retry attempts": "1"}):
        await instance.update(CONFIGURATION, ids[0], {"instance_metadata": json.dumps(pairs)}, writer)
    await instance.update(REQUEST, await instance.asked(ids), {"status": "Deny"})
    await instance.clock.settle()
    assert [each["Password"] for each in instance.console.logons] == [SECRET]


async def test_an_administrator_may_move_a_secret(instance: Instance) -> None:
    """Whoever administers the instance changes an address without naming the Secret."""
    ids = await instance.set_up()
    moved = {"Token Url": f"{instance.metadata()['Token Url']}?new", "Password": "********"}
    await instance.update(CONFIGURATION, ids[0], {"instance_metadata": json.dumps(instance.metadata() | moved)})
    await instance.update(REQUEST, await instance.asked(ids), {"status": "Deny"})
    await instance.clock.settle()
    assert [each["Password"] for each in instance.console.logons] == [SECRET]


async def test_what_an_earlier_process_was_told_is_masked(tmp_path: Path, blueprint: Blueprint) -> None:
    """After a restart Client Id and Secret are in no journal either."""
    settings = Settings(database=f"sqlite:///{tmp_path / 'instance.db'}")
    async with running(settings, blueprint) as instance:
        await instance.register()
    async with running(settings, blueprint) as instance:
        assert [text for text in (CLIENT_ID, SECRET) if await _shown(instance, text)] == []


def test_a_configuration_is_printed_without_its_secret() -> None:
    """No message about one can show it."""
    pairs = Instance("", VirtualClock(), None, StubConsole(url="http://console.example")).metadata()  # type: ignore[arg-type]
    configuration = Configuration.read(ConfigurationRules.of(WireNames.load()), pairs)
    assert (configuration.password, SECRET in repr(configuration)) == (SECRET, False)


async def test_an_address_that_changes_without_any_secret(instance: Instance) -> None:
    """Where there is no Secret, none is forgotten."""
    writer = await instance.add_user("writer", "web_service_admin")
    sys_id = (await instance.insert(CONFIGURATION, {"instance_metadata": "{}"})).result["sys_id"]
    pairs = json.dumps({"Token Url": "http://localhost/"})
    assert (await instance.update(CONFIGURATION, sys_id, {"instance_metadata": pairs}, writer)).status == 200
    assert not await instance.findings("secret-forgotten")


async def test_registration_without_a_secret_is_deleted(instance: Instance) -> None:
    """A registration that never had a Secret leaves nothing behind."""
    answer = await instance.insert(CONFIGURATION, {"instance_metadata": "{}"})
    path = f"/api/now/table/{CONFIGURATION}/{answer.result['sys_id']}"
    assert (await instance.call("DELETE", path)).status == 204
    assert (await instance.call("GET", path)).status == 404


async def test_deleted_registration_is_none(instance: Instance) -> None:
    """After its deletion an Instance Id is no registered one."""
    instance_id = await instance.register()
    assert (await instance.call("DELETE", f"/api/now/table/{CONFIGURATION}/{instance_id}")).status == 204
    answer = await instance.insert(ACTIVITY_TYPE, {"name": "x", "instance_id": instance_id})
    assert answer.status == 403


async def test_deleted_registration_leaves_no_secret(instance: Instance) -> None:
    """Nobody who registers under the sys_id of a deleted registration gets decisions sent with its Secret."""
    ids = await instance.set_up()
    await instance.call("DELETE", f"/api/now/table/{CONFIGURATION}/{ids[0]}")
    pairs = json.dumps(instance.metadata() | {"Password": "********"})
    await instance.insert(CONFIGURATION, {"sys_id": ids[0], "instance_metadata": pairs})
    await instance.update(REQUEST, await instance.asked(ids), {"status": "Approve"})
    await instance.clock.settle()
    assert [each["Password"] for each in instance.console.logons] == ["********"]


@pytest.mark.long
async def test_deletion_of_a_registration_is_of_it_alone(instance: Instance) -> None:
    """The Secret of another registration stays."""
    ids = await instance.set_up()
    await instance.call("DELETE", f"/api/now/table/{CONFIGURATION}/{await instance.register(Password='another')}")
    await instance.update(REQUEST, await instance.asked(ids), {"status": "Approve"})
    await instance.clock.settle()
    assert [each["Password"] for each in instance.console.logons] == [SECRET]


async def test_activity_type_as_printed(instance: Instance) -> None:
    """The printed activity type reads back: a ServiceNow duration raw, words when displayed."""
    instance_id = await instance.register()
    sys_id = await instance.add_activity_type(instance_id)
    raw = await instance.read(ACTIVITY_TYPE, sys_id)
    assert raw["max_timeout"] == "1970-01-01 16:30:00"
    assert (raw["include_comment"], raw["valid_responses"]) == ("true", "Approve,Deny")
    shown = await instance.read(ACTIVITY_TYPE, sys_id, sysparm_display_value="true")
    assert shown["max_timeout"] == "16 Hours 30 Minutes"


@pytest.mark.parametrize("instance_id", ["", "unknown", "0" * 32])
async def test_activity_type_needs_a_registered_instance(instance: Instance, instance_id: str) -> None:
    """An activity type of no registered instance is refused, the reason in the findings alone."""
    answer = await instance.insert(ACTIVITY_TYPE, {"name": "x", "instance_id": instance_id})
    assert answer.status == 403
    assert answer.body["error"]["message"] == "Operation Failed"
    assert "aborted by Business Rule 'Registered instance only^" in answer.body["error"]["detail"]
    wanted = f"'instance_id' is {instance_id!r}; expected a registered Instance Id"
    assert [message for message in await instance.findings("rule-aborted") if wanted in message]


LENGTHS = {
    CONFIGURATION: {"instance_metadata": 65_000},
    ACTIVITY_TYPE: {"name": 100, "description": 1_000, "valid_responses": 255},
    REQUEST: {"request_id": 100, "status": 100, "metadata": 65_000, "comment": 4_000},
    RESPONSE: {"request_id": 100, "response": 100, "comment": 4_000},
}


async def test_lengths_of_columns(instance: Instance) -> None:
    """The dictionary tells how long texts may be."""
    for table, lengths in LENGTHS.items():
        rows = await instance.read("sys_dictionary", query=f"name={table}^elementIN{','.join(lengths)}")
        assert {row["element"]: int(row["max_length"]) for row in rows} == lengths


async def test_names_of_records(instance: Instance) -> None:
    """An activity type is shown by its name, a request by its id, a response by no column, as printed."""
    tables = f"{ACTIVITY_TYPE},{REQUEST},{RESPONSE}"
    rows = await instance.read("sys_dictionary", query=f"nameIN{tables}^display=true^ORDERBYname")
    assert [row["element"] for row in rows] == ["name", "request_id"]


async def test_a_text_longer_than_its_column(instance: Instance) -> None:
    """It is kept, as on an instance whose column was made longer, and is a finding."""
    instance_id, found = await instance.register(), []
    for length in (100, 101):
        answer = await instance.insert(ACTIVITY_TYPE, {"name": "x" * length, "instance_id": instance_id})
        assert answer.result["name"] == "x" * length
        found.append(await instance.findings("value-too-long"))
    assert found == [[], [f"table {ACTIVITY_TYPE}: column 'name' holds 100 characters, not 101: stored whole"]]


async def test_a_registration_of_any_length_is_refused(instance: Instance) -> None:
    """Each delivery reads the pairs: ones that take long to read would keep everybody waiting."""
    sys_id = await instance.register()
    known = json.dumps(instance.metadata() | {"Password": "********"}, separators=(",", ":"))
    path, statuses = f"/api/now/table/{CONFIGURATION}/{sys_id}", []
    for length in (256 * 1024, 256 * 1024 + 1):
        pairs = f'{known[:-1]},"More":"{"x" * (length - len(known) - 10)}"}}'
        assert len(pairs) == length
        statuses.append((await instance.call("PATCH", path, json={"instance_metadata": pairs})).status)
    assert statuses == [200, 403]
    wanted = "'instance_metadata' has 262,145 characters; expected at most 262,144"
    assert [message for message in await instance.findings("rule-aborted") if message.endswith(wanted)]


async def test_roles_guard_the_registry(instance: Instance) -> None:
    """A user without the roles of the integration may not register."""
    approver = await instance.add_user("approver", "x_thyti_thycotic_p.approver")
    answer = await instance.insert(CONFIGURATION, {"instance_metadata": "{}"}, approver)
    assert (answer.status, answer.body["error"]["detail"]) == (
        403,
        "ACL Exception Insert Failed due to security constraints",
    )
    service = await instance.add_user("service", "web_service_admin", "approval_admin")
    answer = await instance.insert(CONFIGURATION, {"instance_metadata": "{}"}, service)
    assert answer.status == 201
