"""What decides where a request goes: policy, approval type, approval process, ServiceNow server."""

from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from .conftest import (
    ACTIVITY_TYPES,
    BUSY,
    REGISTRATIONS,
    REQUESTS,
    ConsoleUnderTest,
    StubServiceNow,
    statuses,
)

MANUAL = "Default Manual Approval Process"
USUAL = "Default Execute Application Request Type"
OF_THE_PRODUCT = "Elevate Privilege Manager Remove Programs Utility Policy"


async def test_the_default_is_manual(fresh: ConsoleUnderTest) -> None:
    """Before anything else is chosen, requests are decided in the console, and have no time limit."""
    request = await fresh.ask()
    assert (request["process"], request["sent"], request["times_out_at"]) == (MANUAL, False, None)
    await fresh.advance(7 * 86_400)
    assert (await fresh.request(request["request_id"]))["state"] == "Pending"
    decided = await fresh.admin("POST", f"/approval-requests/{request['request_id']}/decide", {"response": "Deny"})
    assert (decided["state"], decided["last_error"]) == ("Denied", "")


async def test_the_products_own_items(fresh: ConsoleUnderTest) -> None:
    """The documented defaults are there from the start (admin/config/general/index.md, action_type2.png)."""
    processes = (await fresh.admin("GET", "/approval-processes"))["approval_processes"]
    names = [MANUAL, "Default Offline Approval Process", "Mobile Message Approval Process"]
    assert [each["name"] for each in processes] == names
    # A request that people decide in the console does not time out, and nobody asks ServiceNow.
    assert {(each["check_every"], each["timeout"]) for each in processes} == {(None, None)}
    usual, offline = (await fresh.admin("GET", "/approval-types"))["approval_types"]
    assert usual == {
        "name": USUAL,
        "description": "",
        "process": MANUAL,
        "policy_specific": False,
        "file_specific": True,
    }
    assert (offline["name"], offline["process"]) == ("Default Offline Execute Application Request Type", names[1])


async def test_the_set_up_leads_to_servicenow(console: ConsoleUnderTest) -> None:
    """It makes a process with the server, and a policy whose action uses a type with that process."""
    process = (await console.admin("GET", "/approval-processes"))["approval_processes"][-1]
    assert process == {
        "name": "ServiceNow Approval Process",
        "description": "",
        "template": "ServiceNow Approval Process",
        "server": "ServiceNow",
        "check_every": 20,
        "timeout": 1200,
    }
    policy = (await console.admin("GET", "/policies"))["policies"][-1]
    assert (policy["name"], policy["approval_type"], policy["enabled"]) == ("Elevate installers", USUAL, True)
    assert policy["actions"] == ["Approval Request Form Action", "Restrict File Dialogs", "Add Administrative Rights"]


async def test_a_request_names_its_policy(console: ConsoleUnderTest) -> None:
    """A report with only the policy's name gets its id, one with only the id gets its name."""
    policy = (await console.admin("GET", "/policies"))["policies"][-1]
    for metadata in ({"PolicyName": policy["name"]}, {"PolicyId": policy["id"]}):
        await console.admin("POST", "/approval-requests", {"metadata": metadata})
    told = [row["metadata"] for row in console.servicenow.rows(REQUESTS)]
    assert told == [f'{{"PolicyId":"{{{policy["id"]}}}","PolicyName":"Elevate installers"}}'] * 2


async def test_switching_the_process_affects_the_next_request(console: ConsoleUnderTest) -> None:
    """Requests that were made before keep their way."""
    first = await console.ask()
    await console.admin("POST", "/approval-type", {"approval_type": USUAL, "process": MANUAL})
    second = await console.ask()
    assert [each["sent"] for each in (first, second)] == [True, False]
    assert (await console.deliver(console.decision(first["request_id"])))[0] == 200
    assert [row["request_id"] for row in console.servicenow.rows(REQUESTS)] == [first["request_id"]]


async def test_two_servers_side_by_side(console: ConsoleUnderTest) -> None:
    """Each has its registration, activity type, credential, API user and webhook, and gets its policies' requests."""
    other = StubServiceNow(user="second", password="another")
    async with TestServer(other.app()) as server:
        other.url = str(server.make_url("")).rstrip("/")
        outcome = await set_up_second(console, other)
        assert statuses(outcome) == {}
        first = await console.ask()
        policy = {"metadata": {"PolicyName": "Elevate for the second"}}
        second = await console.admin("POST", "/approval-requests", policy)
        assert (await console.deliver(console.decision(first["request_id"])))[0] == 200
        decision = {**console.decision(second["request_id"]), "InstanceId": outcome["instance_id"]}
        assert (await console.deliver(decision))[0] == 200
    for stub, request in ((console.servicenow, first), (other, second)):
        assert [row["request_id"] for row in stub.rows(REQUESTS)] == [request["request_id"]]
        assert len(stub.rows(REGISTRATIONS)) == len(stub.rows(ACTIVITY_TYPES)) == 1
    assert console.servicenow.metadata()["Username"] != other.metadata()["Username"]
    assert len((await console.admin("GET", "/webhooks"))["webhooks"]) == 2


async def set_up_second(console: ConsoleUnderTest, other: StubServiceNow) -> dict[str, Any]:
    """Set up a second foreign system with an approval type and a policy of its own."""
    return await console.set_up(
        servicenow_url=other.url,
        servicenow_user=other.user,
        servicenow_password=other.password,
        name="Second",
        approval_type="Second type",
        policy="Elevate for the second",
    )


async def test_a_process_without_server_sends_nothing(console: ConsoleUnderTest) -> None:
    """A ServiceNow process has no server at first; its requests wait and say so."""
    await console.admin("POST", "/approval-process", {"process": "ServiceNow Approval Process", "server": None})
    request = await console.ask()
    told = "not sent: approval process 'ServiceNow Approval Process' had no ServiceNow server"
    assert (request["state"], request["sent"], request["last_error"]) == ("Pending", False, told)


async def test_a_policy_that_is_not_active(console: ConsoleUnderTest) -> None:
    """No endpoint asks under it, nor under one without an approval type."""
    inactive = {"name": "Sleeping", "enabled": False}
    await console.admin("POST", "/policies", inactive)
    await console.admin("POST", "/policies", {"name": "Silent", "approval_type": None})
    for name, told in (
        ("Sleeping", "policy 'Sleeping' is not active, so no endpoint asks under it"),
        ("Silent", "policy 'Silent' has no action with an approval type, so it asks nobody"),
    ):
        for path in ("approval-requests", "run"):
            assert await console.call("POST", f"/__admin/{path}", {"metadata": {"PolicyName": name}}) == (
                409,
                {"error": told},
            )


@pytest.mark.long
@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        (
            "approval-type",
            {"approval_type": USUAL, "process": "Nobody"},
            "unknown approval process 'Nobody'; expected 'De",
        ),
        ("approval-type", {"approval_type": USUAL, "process": USUAL}, f"unknown approval process {USUAL!r}"),
        (
            "approval-type",
            {"approval_type": USUAL, "file_specific": "yes"},
            "'file_specific' is 'yes'; expected true or false",
        ),
        (
            "approval-process",
            {"process": MANUAL, "template": "Chat"},
            "'template' is 'Chat'; expected one of Manual",
        ),
        ("approval-processes", {"name": "Mine", "timeout": -1}, "'timeout' is -1; expected a number from 0 to"),
        (
            "policies",
            {"name": "Mine", "approval_type": "Nothing"},
            "unknown approval type 'Nothing'; expected 'De",
        ),
        ("policies", {"name": "Mine", "approval_type": False}, "'approval_type' is False; expected text"),
        ("webhooks", {"name": "Mine"}, "'endpoint_url' is missing; expected text"),
        ("webhooks", {"name": "Mine", "endpoint_url": "x"}, "'endpoint_url' is 'x'; expected an address such as"),
        (
            "webhooks",
            {"name": "Mine", "endpoint_url": "http://127.0.0.1:1", "credential": "none"},
            "unknown credential 'none'; expected 'ServiceNow webhook', 'ServiceNow user'",
        ),
        (
            "webhooks",
            {"name": "Mine", "endpoint_url": "http://127.0.0.1:1", "event": "Approval Event"},
            "'event' is 'Approval Event' (did you mean 'Approval Request Event'?); expected one of Approval Request E",
        ),
        ("approval-process", {"process": "Mine"}, "unknown approval process 'Mine'; expected 'Default"),
        ("approval-type", {"approval_type": "Mine"}, "unknown approval type 'Mine'; expected 'Default"),
        ("policy", {"policy": "Elevate instalers"}, "unknown policy 'Elevate instalers' (did you mean 'Elevate ins"),
        ("credential", {"credential": "Mine", "password": "b"}, "unknown credential 'Mine'; expected 'ServiceNow web"),
    ],
)
async def test_invalid_values_and_unknown_names_save_nothing(
    console: ConsoleUnderTest, path: str, body: dict[str, object], told: str
) -> None:
    """An unknown name is refused with the existing ones, and nothing is half saved."""
    before = await everything(console)
    status, answer = await console.call("POST", f"/__admin/{path}", body)
    assert (status, answer["error"][: len(told)]) == (400, told)
    assert await everything(console) == before


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("approval-processes", {"name": MANUAL}, f"approval process {MANUAL!r} exists; expected another name"),
        ("approval-types", {"name": USUAL}, f"approval type {USUAL!r} exists; expected another name"),
        ("policies", {"name": "Elevate installers"}, "policy 'Elevate installers' exists; expected another name"),
        (
            "credentials",
            {"name": "ServiceNow user", "account_name": "a", "password": "b"},
            "credential 'ServiceNow user' exists; expected another name",
        ),
    ],
)
async def test_existing_names_are_not_created_again(
    console: ConsoleUnderTest, path: str, body: dict[str, object], told: str
) -> None:
    """Creating a thing never changes another one."""
    before = await everything(console)
    assert await console.call("POST", f"/__admin/{path}", body) == (409, {"error": told})
    assert await everything(console) == before


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("approval-process", {"process": MANUAL, "description": "x"}, f"approval process {MANUAL!r} is read-"),
        (
            "approval-process",
            {"process": MANUAL, "template": "ServiceNow Approval Process"},
            f"approval process {MANUAL!r} is",
        ),
        ("policy", {"policy": OF_THE_PRODUCT, "enabled": False}, f"policy {OF_THE_PRODUCT!r} is read-only; make"),
    ],
)
async def test_items_of_the_product_are_read_only(
    console: ConsoleUnderTest, path: str, body: dict[str, object], told: str
) -> None:
    """As on their pages (admin/config/general)."""
    before = await everything(console)
    status, answer = await console.call("POST", f"/__admin/{path}", body)
    assert (status, answer["error"][: len(told)]) == (403, told)
    assert await everything(console) == before


async def test_a_server_that_does_not_exist(console: ConsoleUnderTest) -> None:
    """A process cannot be given one."""
    body = {"name": "Mine", "server": "Service"}
    told = "foreign system 'Service' does not exist (did you mean 'ServiceNow'?); there is 'ServiceNow'"
    assert await console.call("POST", "/__admin/approval-processes", body) == (404, {"error": told})
    body = {"name": "Mine", "server": "ServiceNow", "template": "Manual Approval Process"}
    told = "approval process 'Mine' is manual; expected no ServiceNow server"
    assert await console.call("POST", "/__admin/approval-processes", body) == (400, {"error": told})


async def everything(console: ConsoleUnderTest) -> list[object]:
    """Return all that decides where requests go."""
    paths = ("approval-processes", "approval-types", "policies", "webhooks", "foreign-systems")
    return [await console.admin("GET", f"/{path}") for path in paths]


async def test_webhook_is_edited(console: ConsoleUnderTest) -> None:
    """Its fields can be changed; Enabled off stops it while Use Webhook stays ticked, and on sends what waited."""
    name = (await console.admin("GET", "/webhooks"))["webhooks"][0]["name"]
    changed = await console.admin("POST", "/webhook", {"webhook": name, "enabled": False, "description": "Off"})
    assert (changed["enabled"], changed["description"]) == (False, "Off")
    assert (await console.admin("GET", "/foreign-system"))["use_webhook"]
    request = await console.ask()
    assert request["last_error"] == "not sent: no webhook is enabled"
    await console.admin("POST", "/foreign-system", {})  # saved without changes
    assert not (await console.request(request["request_id"]))["sent"]
    await console.admin("POST", "/webhook", {"webhook": name, "enabled": True})
    assert (await console.request(request["request_id"]))["sent"]


async def test_webhook_sends_where_its_fields_say(console: ConsoleUnderTest) -> None:
    """An edited credential and Endpoint URL are those that requests are sent with."""
    name = (await console.admin("GET", "/webhooks"))["webhooks"][0]["name"]
    await console.admin("POST", "/credentials", {"name": "Other user", "account_name": "other", "password": "word"})
    await console.admin("POST", "/webhook", {"webhook": name, "credential": "Other user"})
    assert (await console.ask())["last_error"].startswith("401 ")
    elsewhere = f"{console.servicenow.url}/api/now/table/u_elsewhere"
    await console.admin(
        "POST", "/webhook", {"webhook": name, "credential": "ServiceNow user", "endpoint_url": elsewhere}
    )
    assert (await console.ask())["sent"]
    assert len(console.servicenow.rows("u_elsewhere")) == 2


async def test_webhook_that_does_not_exist(console: ConsoleUnderTest) -> None:
    """Only one that there is can be changed."""
    told = "webhook 'Mine' does not exist; there is 'New Webhook for ServiceNow setting'"
    assert await console.call("POST", "/__admin/webhook", {"webhook": "Mine"}) == (404, {"error": told})


async def test_webhook_by_hand(console: ConsoleUnderTest) -> None:
    """One can be made for any endpoint; it has the generic event and is enabled."""
    made = await console.admin("POST", "/webhooks", {"name": "Chat", "endpoint_url": "http://127.0.0.1:1/hook"})
    assert (made["event"], made["enabled"], made["credential"]) == ("System Approval Request Event", True, "")
    status, answer = await console.call(
        "POST", "/__admin/webhooks", {"name": "Chat", "endpoint_url": "http://127.0.0.1:1/hook"}
    )
    assert (status, answer) == (409, {"error": "webhook 'Chat' exists; expected another name"})
    renamed = await console.admin("POST", "/webhook", {"webhook": "Chat", "name": "Chat 2"})
    assert renamed["name"] == "Chat 2"


async def test_names_are_unique(console: ConsoleUnderTest) -> None:
    """A foreign system cannot take the name of another one."""
    await set_up_second(console, StubServiceNow(url=console.servicenow.url))
    status, answer = await console.call(
        "POST", "/__admin/foreign-system", {"foreign_system": "Second", "name": "ServiceNow"}
    )
    assert (status, answer) == (409, {"error": "foreign system 'ServiceNow' exists; expected another name"})


async def test_base_url_moved_with_requests_open(console: ConsoleUnderTest) -> None:
    """What waited is sent once, to the new instance; what the old one has stays there, and its decision counts."""
    open_ = await console.ask()
    decided_there = await console.ask()
    other = StubServiceNow()
    async with TestServer(other.app()) as server:
        other.url = str(server.make_url("")).rstrip("/")
        console.servicenow.password = "changed"
        late = await console.ask()
        moved = await console.admin("POST", "/foreign-system", {"base_url": other.url})
        assert [row["request_id"] for row in other.rows(REQUESTS)] == [late["request_id"]]
        decided = await console.admin(
            "POST", f"/approval-requests/{open_['request_id']}/decide", {"response": "Approve"}
        )
        told = f"not recorded: it was sent to {console.servicenow.url}/api/now/table/{REQUESTS}; now "
        assert decided["last_error"].startswith(told)
        assert (await console.deliver(console.decision(decided_there["request_id"])))[0] == 200
        assert moved["instance_id"] == other.rows(REGISTRATIONS)[0]["sys_id"]


async def test_password_rotated_with_requests_open(console: ConsoleUnderTest) -> None:
    """What could not be sent with the old password is sent once with the new one."""
    console.servicenow.password = "rotated"
    request = await console.ask()
    assert request["last_error"].startswith("401 ")
    saved = await console.admin("POST", "/credential", {"credential": "ServiceNow user", "password": "rotated"})
    assert saved == {"name": "ServiceNow user", "account_name": "integration"}
    assert (await console.request(request["request_id"]))["sent"]
    assert len(console.servicenow.rows(REQUESTS)) == 1


async def test_renamed_while_its_task_waits(fresh: ConsoleUnderTest) -> None:
    """A rename between two attempts loses nothing and registers once."""
    fresh.servicenow.conditions.append(BUSY)
    await fresh.set_up()
    await fresh.admin("POST", "/foreign-system", {"name": "Renamed"})
    await fresh.advance(3600)
    assert len(fresh.servicenow.rows(REGISTRATIONS)) == len(fresh.servicenow.rows(ACTIVITY_TYPES)) == 1
    assert (await fresh.admin("GET", "/foreign-system?foreign_system=Renamed"))["instance_id"]


async def test_an_error_lists_twenty_names(console: ConsoleUnderTest) -> None:
    """And how many more there are."""
    for number in range(20):
        await console.admin("POST", "/approval-types", {"name": f"T{number}"})
    status, answer = await console.call("POST", "/__admin/policies", {"name": "P", "approval_type": "?"})
    assert (status, answer["error"].count("'T")) == (400, 18)
    assert answer["error"].endswith("'T17' and 2 more")


async def test_an_action_gets_a_free_name(console: ConsoleUnderTest) -> None:
    """Approval types whose names are equal until the cut have actions of their own."""
    made = []
    for name in ("x" * 250, "x" * 249 + "y"):
        await console.admin("POST", "/approval-types", {"name": name})
        made.append(await console.admin("POST", "/policies", {"name": name, "approval_type": name}))
    assert [policy["actions"][0] for policy in made] == ["x" * 238 + " Form Action", "x" * 236 + " Form Action 2"]
    assert [policy["approval_type"] for policy in made] == [policy["name"] for policy in made]


async def test_a_policy_keeps_the_action_that_asks(console: ConsoleUnderTest) -> None:
    """Saving the type that it has, or none, changes no action; another type and back again does."""
    actions = ["Approval Request Form Action", "Restrict File Dialogs", "Add Administrative Rights"]
    await console.admin("POST", "/approval-types", {"name": "T"})
    for change, expected in (
        ({"approval_type": USUAL}, actions),
        ({"description": "d"}, actions),
        ({"approval_type": "T"}, ["T Form Action", *actions[1:]]),
        ({"approval_type": None}, actions[1:]),
        ({"approval_type": None}, actions[1:]),
        ({"description": "e"}, actions[1:]),
        ({"approval_type": USUAL}, actions),
    ):
        policy = await console.admin("POST", "/policy", {"policy": "Elevate installers", **change})
        assert policy["actions"] == expected


async def test_an_error_names_the_policy_that_was_found(console: ConsoleUnderTest) -> None:
    """A policy is found by its id first, whatever name is reported with it."""
    for change, told in (
        ({"approval_type": None}, "policy 'P' has no action with an approval type, so it asks nobody"),
        ({"enabled": False}, "policy 'P' is not active, so no endpoint asks under it"),
    ):
        path, key = ("/policy", "policy") if "enabled" in change else ("/policies", "name")
        policy = await console.admin("POST", path, {key: "P", **change})
        report = {"metadata": {"PolicyId": policy["id"], "PolicyName": "Elevate installers"}}
        assert await console.call("POST", "/__admin/approval-requests", report) == (409, {"error": told})


async def test_a_second_set_up_leaves_the_first_ones_way(console: ConsoleUnderTest) -> None:
    """It makes an approval type and a policy of its own; taken again, it changes neither."""
    other = StubServiceNow(url=console.servicenow.url)
    for _ in range(2):
        await console.set_up(servicenow_url=other.url, name="Lab")
    policies = {each["name"]: each["approval_type"] for each in (await console.admin("GET", "/policies"))["policies"]}
    assert policies["Elevate installers"] == USUAL
    assert policies["Elevate installers (Lab)"] == f"Lab {USUAL}"
    types = {
        each["name"]: each["process"] for each in (await console.admin("GET", "/approval-types"))["approval_types"]
    }
    assert (types[USUAL], types[f"Lab {USUAL}"]) == ("ServiceNow Approval Process", "Lab Approval Process")


async def test_two_foreign_systems_of_one_instance_and_user(console: ConsoleUnderTest) -> None:
    """Neither takes the other's registration for its own, even with the same API credential."""
    first = await console.admin("GET", "/foreign-system")
    await console.set_up(name="Twin")
    change = {"foreign_system": "Twin", "api_credential": "ServiceNow webhook", "post_uri": "http://127.0.0.1:9/wrong"}
    await console.admin("POST", "/foreign-system", change)
    other = console.servicenow.url.replace("127.0.0.1", "localhost")
    twin = await console.admin("POST", "/foreign-system", {"foreign_system": "Twin", "base_url": other})
    assert twin["instance_id"] != first["instance_id"]
    registered = console.servicenow.tables[REGISTRATIONS]
    assert "127.0.0.1:9" not in registered[first["instance_id"]]["instance_metadata"]


async def test_the_webhook_follows_the_credential_of_its_system(console: ConsoleUnderTest) -> None:
    """Another credential of the foreign system is the one that requests are sent with."""
    login = {"account_name": console.servicenow.user, "password": console.servicenow.password}
    await console.admin("POST", "/credentials", {"name": "Same user", **login})
    system = await console.admin("POST", "/foreign-system", {"credential": "Same user"})
    assert system["webhook"]["credential"] == "Same user"
    assert (await console.ask())["sent"]


async def test_a_new_system_may_take_a_name_whose_task_waits(fresh: ConsoleUnderTest) -> None:
    """It registers for itself; the renamed one's task goes on beside it."""
    fresh.servicenow.conditions.append(BUSY)
    await fresh.set_up(name="A")
    await fresh.admin("POST", "/foreign-system", {"foreign_system": "A", "name": "B", "use_webhook": False})
    outcome = await fresh.set_up(name="A")
    assert statuses(outcome) == {}
    assert outcome["instance_id"] == fresh.servicenow.rows(REGISTRATIONS)[0]["sys_id"]
