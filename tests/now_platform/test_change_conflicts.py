"""Conflicts of changes: who finds them, reads them and writes them (Docs: Change Management API)."""

import pytest

from .changes import Client, Create, got, new, refused


@pytest.mark.long
async def test_conflict_check_finds_changes_of_the_same_item_and_time(client: Client, create: Create) -> None:
    """It ends at once, so that there is nothing to cancel."""
    item = create("cmdb_ci", name="switch")
    when = {"start_date": "2026-07-01 10:00:00", "end_date": "2026-07-01 12:00:00"}
    one = create("change_request", cmdb_ci=item, **when)
    other = create("change_request", cmdb_ci=item, start_date="2026-07-01 11:00:00", end_date="2026-07-01 13:00:00")
    create("change_request", cmdb_ci=item, start_date="2026-07-02 11:00:00", end_date="2026-07-02 13:00:00")
    assert (await got(client, f"/{one}/conflict"))["status"] == "Not Run"
    for _ in range(2):
        assert len(await got(client, f"/{one}/conflict", "POST")) == 32
    checked = await got(client, f"/{one}/conflict")
    assert (checked["status"], checked["record_count"], checked["job_status"]) == ("Conflict", "1", "3")
    [conflict] = checked["conflicts"]
    assert (conflict["change"]["value"], conflict["conflicting_change"]["value"]) == (one, other)
    assert conflict["type"]["display_value"] == "CI Already Scheduled"
    without = await new(client)
    await got(client, f"/{without}/conflict", "POST")
    assert (await got(client, f"/{without}/conflict"))["status"] == "No Conflict"
    assert await refused(client, f"/{one}/conflict", "DELETE") == (400, "Cancel request failed")


@pytest.mark.long
async def test_conflicts_with_unreadable_changes_are_not_found(client: Client, user: Client, create: Create) -> None:
    """Neither by one's own check nor in the result of an administrator's."""
    create("sys_user_has_role", user="plain", role="itil")
    create("sys_security_acl", name="change_request", operation="read", condition="short_description!=hidden")
    all_of_it = create("sys_security_acl", name="change_request", operation="read")
    create("sys_security_acl_role", sys_security_acl=all_of_it, sys_user_role="admin")
    item = create("cmdb_ci", name="switch")
    when = {"cmdb_ci": item, "start_date": "2026-07-01 10:00:00", "end_date": "2026-07-01 12:00:00"}
    create("change_request", short_description="hidden", **when)
    mine = await new(user, short_description="mine", **when)
    await got(user, f"/{mine}/conflict", "POST")
    checked = await got(user, f"/{mine}/conflict")
    assert (checked["status"], checked["conflicts"]) == ("No Conflict", [])
    await got(client, f"/{mine}/conflict", "POST")
    assert len((await got(client, f"/{mine}/conflict"))["conflicts"]) == 1
    assert (await got(user, f"/{mine}/conflict"))["conflicts"] == []
    for person, number in ((client, 1), (user, 0)):  # the table shows as much
        rows = (await (await person.get("/api/now/table/conflict")).json())["result"]
        count = (await (await person.get("/api/now/stats/conflict?sysparm_count=true")).json())["result"]["stats"]
        assert (len(rows), count["count"]) == (number, str(number))


async def test_a_conflict_of_an_unreadable_item_is_not_shown(client: Client, user: Client, create: Create) -> None:
    """A row is read by whoever may read each record that it names."""
    create("sys_security_acl", name="cmdb_ci", operation="read", condition="name!=hidden")
    named = [create("cmdb_ci", name=name) for name in ("hidden", "switch")]
    for item in (*named, ""):
        create("conflict", configuration_item=item)
    rows = (await (await user.get("/api/now/table/conflict")).json())["result"]
    assert {row["configuration_item"] and row["configuration_item"]["value"] for row in rows} == {"", named[1]}
    assert len((await (await client.get("/api/now/table/conflict")).json())["result"]) == 2


@pytest.mark.parametrize("role", ["", "itil", "admin"])
async def test_nobody_writes_a_conflict_of_an_unreadable_item(user: Client, create: Create, role: str) -> None:
    """Administrators write others, which an instance itself computes, but cannot make one name such an item."""
    if role:
        create("sys_user_has_role", user="plain", role=role)
    create("sys_security_acl", name="cmdb_ci", operation="read", condition="name!=hidden")
    hidden, switch = (create("cmdb_ci", name=name) for name in ("hidden", "switch"))
    table = "/api/now/table/conflict"
    assert (await user.post(table, json={"configuration_item": hidden})).status == 403
    made = await user.post(table, json={"configuration_item": switch})
    assert made.status == (201 if role == "admin" else 403)
    path = f"{table}/{create('conflict', configuration_item=switch)}"
    changed = await user.patch(path, json={"configuration_item": hidden})
    assert changed.status == 403
    assert (await user.get(path)).status == 200


async def test_a_conflict_check_takes_the_right_to_write_the_change(
    client: Client, user: Client, create: Create
) -> None:
    """Its outcome is written to the change."""
    create("sys_user_has_role", user="plain", role="itil")
    change = await new(client, short_description="theirs")
    assert len(await got(user, f"/{change}/conflict", "POST")) == 32
    create("sys_security_acl", name="change_request", operation="write", condition="short_description=none")
    assert (await refused(user, f"/{change}/conflict", "POST"))[0] == 403
    assert (await got(user, f"/{change}/conflict"))["status"] == "No Conflict"
