"""A set-up beside what is in the console already: it takes and overwrites nothing that was made for something else."""

from typing import Any

import pytest

from .conftest import ConsoleUnderTest, detail, statuses

CREDENTIALS = ("save-api-credential", "save-servicenow-credential")


async def shown(console: ConsoleUnderTest, path: str) -> list[dict[str, Any]]:
    """Return what the control plane lists there."""
    ((listed),) = (await console.admin("GET", f"/{path}")).values()
    return list(listed)


async def test_a_second_system_takes_nothing_from_a_renamed_one(console: ConsoleUnderTest) -> None:
    """A set-up under the name that another system had saves everything under names of its own."""
    first = await console.admin("POST", "/foreign-system", {"name": "Production"})
    hook, process, policy = [(await shown(console, path))[-1] for path in LISTS]
    secret = console.servicenow.metadata()["Password"]
    outcome = await console.set_up(servicenow_url=f"{console.servicenow.url}/second")
    assert [(await shown(console, path))[-2] for path in LISTS] == [hook, process, policy]
    assert await console.admin("GET", "/foreign-system?foreign_system=Production") == first
    second = await console.admin("GET", "/foreign-system?foreign_system=ServiceNow")
    assert (second["credential"], second["api_credential"]) == ("ServiceNow user 2", "ServiceNow webhook 2")
    assert outcome["webhook"]["name"] == "New Webhook for ServiceNow setting 2"
    assert [(await shown(console, path))[-1]["name"] for path in LISTS[1:]] == [
        "ServiceNow Approval Process 2",
        "Elevate installers (ServiceNow)",
    ]
    await console.admin("POST", "/foreign-system", {"foreign_system": "Production"})
    assert console.servicenow.metadata()["Password"] == secret


LISTS = ("webhooks", "approval-processes", "policies")


async def test_a_third_system_takes_nothing_either(console: ConsoleUnderTest) -> None:
    """Type and policy that are named after a system stay with it when it is renamed."""
    elsewhere = {"servicenow_url": f"{console.servicenow.url}/second"}
    await console.set_up(name="Staging", **elsewhere)
    await console.admin("POST", "/foreign-system", {"foreign_system": "Staging", "name": "Test"})
    before = {path: await shown(console, path) for path in (*LISTS, "approval-types")}
    await console.set_up(name="Staging", **elsewhere)
    after = {path: await shown(console, path) for path in before}
    assert {path: after[path][: len(before[path])] for path in before} == before
    assert [after[path][-1]["name"] for path in ("policies", "approval-types")] == [
        "Elevate installers (Staging) 2",
        "Staging Default Execute Application Request Type 2",
    ]


async def test_a_policy_of_another_system_stays(console: ConsoleUnderTest) -> None:
    """Also when the product's own approval type is free again."""
    kind = "Default Execute Application Request Type"
    await console.admin("POST", "/approval-types", {"name": "Ours", "process": "ServiceNow Approval Process"})
    await console.admin("POST", "/policy", {"policy": "Elevate installers", "approval_type": "Ours"})
    await console.admin("POST", "/approval-type", {"approval_type": kind, "process": "Default Manual Approval Process"})
    outcome = await console.set_up(name="Second", servicenow_url=f"{console.servicenow.url}/second")
    assert detail(outcome, "use-approval-process") == (
        f"policy 'Elevate installers (Second)' asks for approval of type '{kind}'"
    )


async def test_items_made_by_hand_stay(fresh: ConsoleUnderTest) -> None:
    """A credential for another account, and a manual process, that have the usual names; its own are found again."""
    for kind in ("user", "webhook"):
        await fresh.admin("POST", "/credentials", {"name": f"ServiceNow {kind}", "account_name": "x", "password": "y"})
    process = {"name": "ServiceNow Approval Process", "template": "Manual Approval Process"}
    made = await fresh.admin("POST", "/approval-processes", process)
    for _ in range(2):
        outcome = await fresh.set_up()
        assert [detail(outcome, step).partition(" of type")[0] for step in CREDENTIALS] == [
            "'ServiceNow webhook 2'",
            "'ServiceNow user 2'",
        ]
        assert detail(outcome, "create-approval-process").startswith("'ServiceNow Approval Process 2' ")
    assert made in await shown(fresh, "approval-processes")
    assert len(await shown(fresh, "api-users")) == 1


async def test_a_shared_credential_is_not_changed(console: ConsoleUnderTest) -> None:
    """A set-up for one of the systems that select it gives that one another, unless nothing differs."""
    await console.set_up(name="Second", servicenow_url=f"{console.servicenow.url}/second")
    shared = {"credential": "ServiceNow user", "api_credential": "ServiceNow webhook"}
    await console.admin("POST", "/foreign-system", {"foreign_system": "Second", **shared})
    for password, credential in ((console.servicenow.password, "ServiceNow user"), ("other", "Second user 2")):
        await console.set_up(name="Second", servicenow_password=password)
        second = await console.admin("GET", "/foreign-system?foreign_system=Second")
        assert (second["credential"], second["api_credential"]) == (credential, "ServiceNow webhook")
    await console.set_up(name="Second", api_user="Another")
    second = await console.admin("GET", "/foreign-system?foreign_system=Second")
    assert second["api_credential"] == "Second webhook 2"
    assert (await console.admin("GET", "/foreign-system"))["api_credential"] == "ServiceNow webhook"


USUAL_TYPE = "Default Execute Application Request Type"
Made = tuple[str, dict[str, Any]]
HELPDESK: Made = ("approval-processes", {"name": "Helpdesk"})
USUAL_TYPE_OF_HELPDESK: Made = ("approval-type", {"approval_type": USUAL_TYPE, "process": "Helpdesk"})
SILENT_POLICY: Made = ("policies", {"name": "Elevate installers", "approval_type": None})
MADE_BY_HAND: dict[str, tuple[list[Made], str, str]] = {
    "a policy that asks nobody": ([SILENT_POLICY], "use-approval-process", "policy 'Elevate installers (ServiceNow)'"),
    "a policy that asks others": (
        [("approval-types", {"name": "T"}), ("policies", {"name": "Elevate installers", "approval_type": "T"})],
        "use-approval-process",
        "policy 'Elevate installers (ServiceNow)'",
    ),
    "both usual policies": (
        [SILENT_POLICY, ("policies", {"name": "Elevate installers (ServiceNow)", "approval_type": None})],
        "use-approval-process",
        "policy 'Elevate installers (ServiceNow) 2'",
    ),
    "the usual approval type": (
        [HELPDESK, USUAL_TYPE_OF_HELPDESK],
        "use-approval-process",
        f"policy 'Elevate installers (ServiceNow)' asks for approval of type 'ServiceNow {USUAL_TYPE}'",
    ),
    "both usual approval types": (
        [HELPDESK, USUAL_TYPE_OF_HELPDESK, ("approval-types", {"name": f"ServiceNow {USUAL_TYPE}"})],
        "use-approval-process",
        f"policy 'Elevate installers (ServiceNow)' asks for approval of type 'ServiceNow {USUAL_TYPE} 2'",
    ),
    "a process without a server": (
        [("approval-processes", {"name": "ServiceNow Approval Process", "template": "ServiceNow Approval Process"})],
        "create-approval-process",
        "'ServiceNow Approval Process 2'",
    ),
    "a credential with another password": (
        [("credentials", {"name": "ServiceNow user", "account_name": "integration", "password": "y"})],
        "save-servicenow-credential",
        "'ServiceNow user 2'",
    ),
    "a webhook": (
        [("webhooks", {"name": "New Webhook for ServiceNow setting", "endpoint_url": "http://hooks.example/"})],
        "create-webhook",
        "'New Webhook for ServiceNow setting 2'",
    ),
}


@pytest.mark.parametrize("made", MADE_BY_HAND)
async def test_a_set_up_overwrites_nothing_made_by_hand(fresh: ConsoleUnderTest, made: str) -> None:
    """It takes a free name instead, and the same one when it is repeated."""
    bodies, step, name = MADE_BY_HAND[made]
    by_hand = [await fresh.admin("POST", f"/{path}", body) for path, body in bodies]
    for _ in range(2):
        outcome = await fresh.set_up()
        assert statuses(outcome) == {}
        assert detail(outcome, step).startswith(name)
    kept = [row for path in (*LISTS, "approval-types") for row in await shown(fresh, path)]
    assert [row for row in by_hand if row not in kept] == [{"name": "ServiceNow user", "account_name": "integration"}][
        : made.startswith("a credential")
    ]


async def test_a_client_id_in_another_case_is_the_same(console: ConsoleUnderTest) -> None:
    """Its credential is left as a person has saved it."""
    pairs = console.servicenow.metadata()
    login = {"account_name": pairs["Username"].upper(), "password": pairs["Password"]}
    await console.admin("POST", "/credential", {"credential": "ServiceNow webhook", **login})
    outcome = await console.set_up()
    assert detail(outcome, "save-api-credential").startswith("'ServiceNow webhook'")
    assert console.servicenow.metadata()["Username"] == login["account_name"]


async def test_a_disabled_webhook_is_named(console: ConsoleUnderTest) -> None:
    """A set-up leaves it disabled, and says why nothing was registered."""
    await console.admin("POST", "/webhook", {"webhook": "New Webhook for ServiceNow setting", "enabled": False})
    assert statuses(await console.set_up()) == {}
    outcome = await console.set_up(servicenow_url=f"{console.servicenow.url}/second")
    told = "the webhook is disabled, so nothing was registered; enable it on the Messaging tab"
    assert (statuses(outcome)["register"], detail(outcome, "register")) == ("failed", told)


async def test_an_api_user_made_by_hand_stays(fresh: ConsoleUnderTest) -> None:
    """Its Secret and its roles, though no credential names it."""
    await fresh.admin("POST", "/api-users", {"credential": "C", "role": "Users"})
    await fresh.admin("POST", "/credential", {"credential": "C", "account_name": "x", "password": "y"})
    (before,) = await shown(fresh, "api-users")
    for _ in range(2):
        assert statuses(await fresh.set_up()) == {}
    assert [user["roles"] for user in await shown(fresh, "api-users")] == [
        before["roles"],
        ["Privilege Manager Administrators"],
    ]


async def test_one_credential_for_both_logins_stays(console: ConsoleUnderTest) -> None:
    """A set-up gives each login a credential of its own."""
    both = {"credential": "Both", "api_credential": "Both"}
    await console.admin("POST", "/credentials", {"name": "Both", "account_name": "x", "password": "y"})
    await console.admin("POST", "/foreign-system", both)
    assert statuses(await console.set_up()) == {}
    system = await console.admin("GET", "/foreign-system")
    assert (system["credential"], system["api_credential"]) == ("ServiceNow user", "ServiceNow webhook 2")


async def test_names_derived_from_a_long_one_are_valid(fresh: ConsoleUnderTest) -> None:
    """They have at most 250 characters, a set-up finds them again, and those that are cut alike get numbers."""
    await fresh.set_up(name="first")
    for name in ("x" * 250, "x" * 249 + "y"):
        for _ in range(2):
            assert statuses(await fresh.set_up(name=name)) == {}
    names = [row["name"] for path in (*LISTS, "approval-types") for row in await shown(fresh, path)]
    assert {len(name) for name in names if "xx" in name} == {250}
    assert len([name for name in names if "xx" in name]) == 8


async def test_an_ambiguous_api_user_is_named(console: ConsoleUnderTest) -> None:
    """Two users may have one name; the step fails and says so, and a Client Id is taken in its place."""
    client_id = console.servicenow.metadata()["Username"]
    await console.admin("POST", "/api-users", {"credential": "second"})
    outcome = await console.set_up(api_user="API User Created On Jan 5, 2026")
    assert detail(outcome, "create-api-user") == (
        "2 API Client Users have the name 'API User Created On Jan 5, 2026'; expected a Client Id"
    )
    assert statuses(await console.set_up(api_user=client_id.upper())) == {}
