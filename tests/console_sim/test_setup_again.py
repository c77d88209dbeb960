"""A set-up that runs again: it keeps what was changed by hand, and reports what no longer works."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from console_sim.accounts import Role

from .conftest import BUSY, REGISTRATIONS, Condition, ConsoleUnderTest, StubServiceNow, detail, statuses

USUAL_TYPE = "Default Execute Application Request Type"


async def test_a_secret_that_no_credential_has_is_reported(console: ConsoleUnderTest) -> None:
    """The credential stays as it is; a reset with ``update_credential`` mends it, as the message says."""
    await console.admin("POST", "/api-user/reset-secret", {})
    outcome = await console.set_up()
    assert statuses(outcome)["save-api-credential"] == "failed"
    assert detail(outcome, "save-api-credential") == (
        "credential 'ServiceNow webhook' has another Secret than its API user, so ServiceNow cannot log on; "
        "save the Secret in the credential, or reset it with update_credential"
    )
    await console.admin("POST", "/api-user/reset-secret", {"update_credential": True})
    assert statuses(await console.set_up()) == {}
    assert await console.log_on()


@pytest.mark.parametrize("roles", [[*Role], [Role.USERS]])
async def test_roles_stay(console: ConsoleUnderTest, roles: list[Role]) -> None:
    """Those that the user has, unless others are given."""
    await console.admin("POST", "/api-user", {"roles": roles})
    assert statuses(await console.set_up()) == {}
    assert (await console.admin("GET", "/api-user"))["roles"] == roles
    await console.set_up(role="Helpdesk Users")
    assert (await console.admin("GET", "/api-user"))["roles"] == [Role.HELPDESK_USERS]


async def test_a_user_without_roles_gets_one(console: ConsoleUnderTest) -> None:
    """The usual one; another role that may not approve stays, and the step fails."""
    await console.admin("POST", "/api-user", {"roles": []})
    assert detail(await console.set_up(), "add-role") == "role 'Privilege Manager Administrators' may approve"
    await console.admin("POST", "/api-user", {"role": "View Passwords"})
    assert statuses(await console.set_up()) == {"add-role": "failed"}


async def test_an_unknown_client_id_is_an_error(console: ConsoleUnderTest) -> None:
    """No user is created that has it as a name."""
    client_id = "140a5e8c-1c3f-4d0a-9e0b-0d5a3e3a3f10"
    for name in (client_id, client_id.upper(), f"{{{client_id}}}"):
        outcome = await console.set_up(api_user=name)
        assert detail(outcome, "create-api-user") == (
            f"API Client User '{name}' does not exist; there is 'API User Created On Jan 5, 2026'"
        )
    assert len((await console.admin("GET", "/api-users"))["api_users"]) == 1
    known = console.servicenow.metadata()["Username"]
    assert statuses(await console.set_up(api_user=f"{{{known.upper()}}}")) == {}


async def test_a_failing_second_save_is_reported(fresh: ConsoleUnderTest) -> None:
    """ServiceNow lacks what changed during the set-up, and is busy when the last step saves again."""
    outcome = await set_up_with(fresh, BUSY)
    assert statuses(outcome) == {"save-again": "failed"}
    assert detail(outcome, "save-again").startswith("503 ")


async def test_a_second_save_that_changes_the_instance_is_reported(fresh: ConsoleUnderTest) -> None:
    """Somebody moves the foreign system meanwhile."""
    elsewhere = fresh.servicenow.url.replace("127.0.0.1", "localhost")
    moving: list[asyncio.Task[Any]] = []

    async def moved(stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
        moving.append(asyncio.create_task(fresh.admin("POST", "/foreign-system", {"base_url": elsewhere})))
        while (await fresh.admin("GET", "/foreign-system"))["base_url"] != elsewhere:
            await asyncio.sleep(0)
        return await stub.work(request)

    outcome = await set_up_with(fresh, moved)
    before = fresh.servicenow.rows(REGISTRATIONS)[0]["sys_id"]
    assert statuses(outcome) == {"save-again": "failed"}
    assert detail(outcome, "save-again") == f"the Instance Id is none; expected {before}, as before the save"
    await moving[0]


async def set_up_with(fresh: ConsoleUnderTest, at_second_save: Condition) -> dict[str, Any]:
    """Run the set-up while the Post Uri changes, which ServiceNow does not take before the second save."""

    async def changing(stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
        stub.conditions.extend([BUSY, at_second_save])
        await fresh.admin("POST", "/foreign-system", {"post_uri": "https://elsewhere.example/approve"})
        return await stub.work(request)

    fresh.servicenow.conditions.extend([None, None, None, changing])
    return await fresh.set_up()


async def test_the_approval_type_stays(console: ConsoleUnderTest) -> None:
    """Also when the product's own type, which another system had at first, is free again."""
    second = {"name": "Second", "servicenow_url": f"{console.servicenow.url}/second"}
    before = detail(await console.set_up(**second), "use-approval-process")
    usual = {"approval_type": USUAL_TYPE, "process": "Default Manual Approval Process"}
    await console.admin("POST", "/approval-type", usual)
    assert detail(await console.set_up(**second), "use-approval-process") == before


async def test_another_process_with_the_same_server_stays(console: ConsoleUnderTest) -> None:
    """A person has selected it in the approval type."""
    process = {"name": "Within a day", "server": "ServiceNow", "timeout": 86_400}
    await console.admin("POST", "/approval-processes", process)
    usual = {"approval_type": USUAL_TYPE, "process": "Within a day"}
    changed = await console.admin("POST", "/approval-type", usual)
    assert detail(await console.set_up(), "create-approval-process").startswith("'Within a day' ")
    assert changed in (await console.admin("GET", "/approval-types"))["approval_types"]


async def test_a_policy_keeps_its_approval_type(console: ConsoleUnderTest) -> None:
    """A person has selected another one with the same process; one that is given as a parameter takes its place."""
    ours = {"name": "Ours", "process": "ServiceNow Approval Process"}
    await console.admin("POST", "/approval-types", ours)
    changed = await console.admin("POST", "/policy", {"policy": "Elevate installers", "approval_type": "Ours"})
    before = await console.admin("GET", "/policies")
    assert changed in before["policies"]
    assert statuses(await console.set_up()) == {}
    assert await console.admin("GET", "/policies") == before
    await console.set_up(approval_type=USUAL_TYPE)
    assert (await console.admin("GET", "/policies"))["policies"][-1]["approval_type"] == USUAL_TYPE


async def test_another_policy_of_the_system_stays(fresh: ConsoleUnderTest) -> None:
    """One that was made by hand before the set-up, which uses one of its own then and later."""
    made = await fresh.admin("POST", "/policies", {"name": "A", "approval_type": USUAL_TYPE})
    for _ in range(2):
        outcome = await fresh.set_up()
        assert detail(outcome, "use-approval-process").startswith("policy 'Elevate installers' asks")
    assert made in (await fresh.admin("GET", "/policies"))["policies"]
