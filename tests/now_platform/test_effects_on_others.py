"""Writes that act on records of others: approvals, their delegates, and what else refers to a record."""

from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
Grant = Callable[[str, str], None]
TABLES = "/api/now/table"
APPROVALS = "sysapproval_approver"


async def status(client: Client, verb: str, path: str, **values: str) -> int:
    """Return the status of a write."""
    return (await client.request(verb, f"{TABLES}/{path}", json=values)).status


@pytest.fixture
def me(instance: Instance, user: Client) -> str:  # noqa: ARG001 - the client makes the user
    """Return the sys_id of the user without roles."""
    with instance.transaction(instance.system) as session:
        found = session.find("sys_user", user_name="plain")
    assert found is not None
    return found.sys_id


@pytest.fixture
def hidden(create: Create) -> str:
    """Return the sys_id of a change that only administrators read."""
    create("sys_security_acl", name="change_request", operation="read", condition="short_description!=hidden")
    return create("change_request", short_description="hidden", state="-4")


@pytest.fixture
def stored(instance: Instance) -> Callable[[str, str], dict[str, str]]:
    """Return what gives the stored values of a record."""

    def stored(table: str, sys_id: str) -> dict[str, str]:
        with instance.transaction(instance.system) as session:
            record = session.get(table, sys_id)
        assert record is not None
        return dict(record.values)

    return stored


@pytest.fixture
def hidden_records(instance: Instance) -> dict[str, str]:
    """Return the sys_id of a record in each table that columns refer to; only the instance itself reads it."""
    columns = [column for table in instance.dictionary for column in instance.dictionary.columns(table.name).values()]
    named = sorted({each.reference for each in columns if each.reference and instance.dictionary.table(each.reference)})
    made: dict[str, str] = {}
    with instance.transaction(instance.system) as session:
        for table in (each for each in named if each not in session.schema.queries.closed):
            made[table] = session.insert(table, {"name": "hidden", "user_name": "hidden"}).sys_id
            rule = {"name": table, "operation": "read", "condition": f"sys_id!={made[table]}"}
            session.insert("sys_security_acl", rule)
    return made


@pytest.mark.long
@pytest.mark.parametrize("state", ["approved", "rejected"])
async def test_no_table_changes_a_record_that_its_writer_may_not_read(
    user: Client, instance: Instance, hidden_records: dict[str, str], state: str
) -> None:
    """Whatever a new row of any table refers to, and whatever state it has. But an instance counts children."""

    def read() -> dict[str, dict[str, str]]:
        with instance.transaction(instance.system) as session:
            rows = {name: session.get_many(name, [each])[each].values for name, each in hidden_records.items()}
        return {name: {**row, "child_incidents": ""} for name, row in rows.items()}

    before, made = read(), 0
    for table in instance.dictionary:
        references = {name: each.reference for name, each in instance.dictionary.columns(table.name).items()}
        values = {name: hidden_records[to] for name, to in references.items() if to in hidden_records}
        if values and table.web_service_access:
            made += await status(user, "POST", table.name, **values, state=state, approval=state) == 201
    assert made > 10
    assert read() == before


async def test_an_approval_is_made_by_who_may_write_its_task(
    user: Client, client: Client, create: Create, hidden: str, me: str
) -> None:
    """And decided with that by the approver alone."""
    task = create("change_request", short_description="open", state="-4")
    for state, without_approver in (("requested", 201), ("approved", 403), ("rejected", 403)):
        values = {"state": state, "approver": me}
        assert await status(user, "POST", APPROVALS, sysapproval=hidden, **values) == 403
        assert await status(user, "POST", APPROVALS, sysapproval=task, **values) == 201
        assert await status(user, "POST", APPROVALS, sysapproval=task, state=state) == without_approver
        assert await status(client, "POST", APPROVALS, sysapproval=hidden, state=state) == 201


async def test_an_approval_is_decided_by_its_approver(
    user: Client, create: Create, hidden: str, me: str, stored: Callable[[str, str], dict[str, str]]
) -> None:
    """Who needs no right to write the task, and cannot make the approval one of another task."""
    mine = create(APPROVALS, sysapproval=hidden, approver=me, state="requested")
    others = create(APPROVALS, sysapproval=hidden, approver=create("sys_user"), state="requested")
    assert await status(user, "PATCH", f"{APPROVALS}/{others}", state="approved") == 403
    assert await status(user, "PATCH", f"{APPROVALS}/{others}", state="approved", approver=me) == 403
    assert await status(user, "DELETE", f"{APPROVALS}/{others}") == 403
    planted = create(APPROVALS, approver=me, state="requested")
    assert await status(user, "PATCH", f"{APPROVALS}/{planted}", state="rejected", sysapproval=hidden) == 403
    assert await status(user, "PATCH", f"{APPROVALS}/{mine}", state="rejected", comments="why") == 200
    assert stored("change_request", hidden)["approval"] == "rejected"


async def test_approval_admin_decides_everything(user: Client, create: Create, grant: Grant, hidden: str) -> None:
    """The role changes approval requests, whatever their task."""
    grant("plain", "approval_admin")
    approval = create(APPROVALS, sysapproval=hidden, state="requested")
    assert await status(user, "PATCH", f"{APPROVALS}/{approval}", state="approved") == 200


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ({}, 200),
        ({"ends": "2099-01-01 00:00:00"}, 200),
        ({"ends": "2001-01-01 00:00:00"}, 403),
        ({"starts": "2099-01-01 00:00:00"}, 403),
        ({"approvals": "false"}, 403),
    ],
)
async def test_a_delegate_decides_for_the_approver(
    user: Client, create: Create, me: str, span: dict[str, str], expected: int
) -> None:
    """While approvals are delegated; nobody makes themself the delegate of others."""
    create("sys_user_has_role", user=me, role="itil")
    boss, change = (
        create("sys_user", user_name="boss"),
        create("change_request", short_description="open", state="-4", type="normal"),
    )
    approval, second = (create(APPROVALS, sysapproval=change, approver=boss, state="requested") for _ in range(2))
    assert await status(user, "POST", "sys_user_delegate", user=boss, delegate=me) == 403
    create("sys_user_delegate", user=boss, delegate=me, **span)
    assert await status(user, "PATCH", f"{APPROVALS}/{approval}", state="approved") == expected
    decided = await user.patch(f"/api/sn_chg_rest/change/{change}/approvals", json={"state": "approved"})
    assert decided.status == (200 if expected == 200 else 400)
    assert second


@pytest.mark.long
@pytest.mark.parametrize("mine", ["=javascript:gs.getUserID()", "DYNAMIC90d1921e5f510100a9ad2572f2b477fe"])
async def test_nobody_gives_away_what_they_may_write_as_its_owner(
    user: Client, client: Client, create: Create, me: str, mine: str
) -> None:
    """A cart planted on a user would be ordered by them; who may write it for another reason gives it away."""
    other = create("sys_user", user_name="other")
    carts = {each: create("sc_cart", user=each) for each in (me, other)}
    lines = {each: create("sc_cart_item", cart=cart, quantity="1") for each, cart in carts.items()}
    delegate = create("sys_user_delegate", user=me, delegate=other)
    create("sys_security_acl", name="u_desk", operation="write", condition=f"u_user{mine}")
    create("sys_security_acl", name="u_desk", operation="write", condition="u_note=public")
    desk, public = create("u_desk", u_user=me), create("u_desk", u_user=me, u_note="public")
    writes: list[tuple[str, dict[str, str]]] = [
        (f"sc_cart/{carts[me]}", {"user": other}),
        (f"sc_cart_item/{lines[me]}", {"cart": carts[other]}),
        (f"sys_user_delegate/{delegate}", {"user": other}),
        (f"u_desk/{desk}", {"u_user": other}),
    ]
    for path, values in writes:
        assert await status(user, "PATCH", path, **values) == 403, path
        assert await status(user, "POST", path.partition("/")[0], **values) == 403, path
    assert [await status(client, "PATCH", path, **values) for path, values in writes[-2::-1]] == [200] * 3
    assert await status(user, "PATCH", f"u_desk/{public}", u_user=other, u_note="") == 200


@pytest.mark.parametrize("role", ["", "itil"])
async def test_nobody_plants_options_in_a_cart(
    user: Client, create: Create, stored: Callable[[str, str], dict[str, str]], me: str, role: str
) -> None:
    """They are changed in one's own cart, and by fulfillers once they are ordered, but stay where they are.

    Those in carts of others are not to be read, either.
    """
    if role:
        create("sys_user_has_role", user=me, role=role)
    other = create("sc_cart_item", cart=create("sc_cart", user=create("sys_user", user_name="other")))
    mine = create("sc_cart_item", cart=create("sc_cart", user=me))
    own, ordered, planned = (create("sc_item_option", cart_item=line) for line in (mine, "", other))
    assert await status(user, "PATCH", f"sc_item_option/{own}", cart_item=other, value="x") == 200
    assert stored("sc_item_option", own)["cart_item"] == mine
    for path, expected in ((ordered, 200 if role else 403), (planned, 404)):
        assert await status(user, "PATCH", f"sc_item_option/{path}", cart_item=other, value="x") == expected
    assert await status(user, "POST", "sc_item_option", cart_item=other) == (201 if role else 403)
    assert stored("sc_item_option", ordered)["cart_item"] == ""
    assert await status(user, "DELETE", f"sc_item_option/{planned}") == 404
    assert (await user.get(f"{TABLES}/sc_item_option/{ordered}")).status == 200
