"""Access rules as records: they act from the commit that writes them (Docs: ACL rules)."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance
from privman_core.journal import Journal

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
Swallowed = Callable[[], list[str]]
RULE, ROLE = "sys_security_acl", "sys_security_acl_role"


async def made(client: Client, table: str, **values: str) -> str:
    """Return the sys_id of a new record."""
    answer = await client.post(f"/api/now/table/{table}", json=values)
    assert answer.status == 201, await answer.text()
    return str((await answer.json())["result"]["sys_id"])


async def changed(client: Client, table: str, sys_id: str, **values: str) -> int:
    """Return the status of an update."""
    return (await client.patch(f"/api/now/table/{table}/{sys_id}", json=values)).status


async def read(client: Client, table: str, **parameters: str) -> list[dict[str, Any]]:
    """Return the records of a table that a client sees."""
    answer = await client.get(f"/api/now/table/{table}", params=parameters)
    assert answer.status == 200, await answer.text()
    found: list[dict[str, Any]] = (await answer.json())["result"]
    return found


async def rule_of(client: Client, name: str, operation: str) -> str:
    """Return the sys_id of the first rule of that name."""
    rules = await read(client, RULE, sysparm_query=f"name={name}^operation={operation}")
    return str(rules[0]["sys_id"])


@pytest.fixture(autouse=True)
def desks(create: Create) -> None:
    """Make two departments."""
    create("cmn_department", name="Legal", id="77")
    create("cmn_department", name="Sales", id="78")


@pytest.mark.long
async def test_a_rule_needs_one_of_its_roles(
    client: Client, user: Client, grant: Callable[[str, str], None], create: Create
) -> None:
    """A table without rules is everybody's; with one, whoever has a role of it."""
    rule = await made(client, RULE, name="cmn_department", operation="read")
    assert await read(user, "cmn_department") != []
    await made(client, ROLE, sys_security_acl=rule, sys_user_role=create("sys_user_role", name="clerk"))
    assert (await user.get("/api/now/table/cmn_department")).status == 403
    assert await read(client, "cmn_department") != []
    grant("plain", "clerk")
    assert await read(user, "cmn_department") != []
    assert await changed(client, RULE, rule, active="false") == 200
    other = await made(client, RULE, name="cmn_department", operation="write")
    await made(client, ROLE, sys_security_acl=other, sys_user_role=create("sys_user_role", name="chief"))
    legal = (await read(user, "cmn_department", sysparm_query="name=Legal"))[0]["sys_id"]
    assert await changed(user, "cmn_department", legal, id="79") == 403
    assert (await client.delete(f"/api/now/table/{RULE}/{other}")).status == 204
    assert await changed(user, "cmn_department", legal, id="79") == 200


async def test_a_condition_limits_rows(client: Client, user: Client) -> None:
    """Rows that meet none of the rules' conditions are not there."""
    await made(client, RULE, name="cmn_department", operation="read", condition="name=Legal")
    assert [each["name"] for each in await read(user, "cmn_department")] == ["Legal"]
    await made(client, RULE, name="cmn_department", operation="read", condition="name=Sales")
    assert {each["name"] for each in await read(user, "cmn_department")} == {"Legal", "Sales"}


@pytest.mark.long
async def test_rules_of_columns(client: Client, user: Client) -> None:
    """One column, or all that have no rule of their own."""
    clerk = await made(client, "sys_user_role", name="clerk")
    one = await made(client, RULE, name="cmn_department.id", operation="read")
    every = await made(client, RULE, name="cmn_department.*", operation="read")
    await made(client, ROLE, sys_security_acl=every, sys_user_role=clerk)
    legal = (await read(user, "cmn_department", sysparm_query="id=77"))[0]
    assert "name" not in legal
    assert legal["id"] == "77"
    await made(client, ROLE, sys_security_acl=one, sys_user_role=clerk)
    assert await changed(client, RULE, every, active="false") == 200
    legal = (await read(user, "cmn_department", sysparm_query="name=Legal"))[0]
    assert "id" not in legal
    assert "id" in (await read(client, "cmn_department"))[0]


@pytest.mark.long
async def test_rules_that_ship_have_records(client: Client, user: Client, create: Create) -> None:
    """Inactive, they do not act; they cannot be deleted, nor their roles; further roles and a condition count."""
    rule = await rule_of(client, "u_toy.u_secret", "read")
    roles = await read(client, ROLE, sysparm_query=f"sys_security_acl={rule}", sysparm_display_value="true")
    assert [role["sys_user_role"]["display_value"] for role in roles] == ["admin"]
    assert (await client.delete(f"/api/now/table/{RULE}/{rule}")).status == 403
    assert (await client.delete(f"/api/now/table/{ROLE}/{roles[0]['sys_id']}")).status == 403
    assert await changed(client, ROLE, roles[0]["sys_id"], sys_user_role="bunk") == 403
    create("u_toy", u_name="Ball", u_color="r", u_secret="hush")
    assert "u_secret" not in (await read(user, "u_toy"))[0]
    assert await changed(client, RULE, rule, active="false") == 200
    assert (await read(user, "u_toy"))[0]["u_secret"] == "hush"
    assert await changed(client, RULE, rule, active="true") == 200
    assert "u_secret" not in (await read(user, "u_toy"))[0]
    rows = await read(client, RULE, sysparm_query="name=u_toy^operation=read^condition=u_color=r")
    assert await changed(client, RULE, rows[0]["sys_id"], condition="u_color=b") == 200
    assert await read(user, "u_toy") == []
    assert await changed(client, RULE, rows[0]["sys_id"], condition="u_color=" + "r" * 4_000) == 200
    assert [toy["u_name"] for toy in await read(user, "u_toy")] == ["Ball"]
    reader = create("sys_user_role", name="player")
    await made(client, ROLE, sys_security_acl=rule, sys_user_role=reader)
    assert "u_secret" not in (await read(user, "u_toy"))[0]


@pytest.mark.long
@pytest.mark.parametrize("role", ["clerk", "chief"])
async def test_several_rules_for_all_columns(
    client: Client, user: Client, grant: Callable[[str, str], None], role: str
) -> None:
    """Any of them is enough, as of several rules for one column."""
    for each in ("clerk", "chief"):
        rule = await made(client, RULE, name="cmn_department.*", operation="read")
        await made(client, ROLE, sys_security_acl=rule, sys_user_role=await made(client, "sys_user_role", name=each))
    assert "name" not in (await read(user, "cmn_department"))[0]
    grant("plain", role)
    assert "name" in (await read(user, "cmn_department"))[0]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"name": "u_toy"}, "keeps its name 'u_toy.u_secret'"),
        ({"operation": "delete"}, "keeps its operation 'read'"),
        ({"operation": ""}, "keeps its operation 'read'"),
        ({"type": "processor"}, "keeps its type 'record'"),
        ({"script": "answer = false;"}, "has a script, which is not run"),
        ({"admin_overrides": "false"}, "administrators pass all the same"),
    ],
)
async def test_what_cannot_change_of_a_rule_that_ships_is_a_finding(
    client: Client, journal: Journal, values: dict[str, str], why: str
) -> None:
    """The rule acts as before."""
    assert await changed(client, RULE, await rule_of(client, "u_toy.u_secret", "read"), **values) == 200
    [message] = [finding.message for _, finding in journal.findings() if finding.rule == "definition-ignored"]
    assert why in message


@pytest.mark.parametrize(
    "values",
    [
        {"name": "u_bunk"},
        {"name": "cmn_department.bunk"},
        {"operation": "execute"},
        {"type": "processor"},
        {"script": "answer = false;"},
        {"condition": "name=" + "x" * 4_000},
    ],
)
async def test_what_has_no_effect_is_a_finding(
    client: Client, user: Client, swallowed: Swallowed, values: dict[str, str]
) -> None:
    """Unknown places, other types, scripts: the record is kept and does nothing."""
    rule = {"name": "cmn_department", "operation": "read", "condition": "name=Legal", **values}
    await made(client, RULE, **rule)
    assert "definition-ignored" in swallowed()
    assert len(await read(user, "cmn_department")) > 1


async def test_a_condition_that_nobody_understands_lets_nobody_in(client: Client, user: Client) -> None:
    """An unknown column is never met."""
    await made(client, RULE, name="cmn_department", operation="read", condition="bunk=1")
    assert await read(user, "cmn_department") == []


@pytest.mark.long
async def test_administrators_pass_all_the_same(client: Client, swallowed: Swallowed) -> None:
    """Admin overrides is always on (inferred): the record says so."""
    rule = await made(client, RULE, name="cmn_department", operation="read", admin_overrides="false")
    await made(client, ROLE, sys_security_acl=rule, sys_user_role=await made(client, "sys_user_role", name="clerk"))
    assert await read(client, "cmn_department") != []
    assert "definition-ignored" in swallowed()


async def test_only_security_administrators_see_and_write_rules(
    user: Client, grant: Callable[[str, str], None]
) -> None:
    """Whoever could write one could open every table."""
    values = {"name": "cmn_department", "operation": "read"}
    for table in (RULE, ROLE):
        assert (await user.get(f"/api/now/table/{table}")).status == 403
        assert (await user.post(f"/api/now/table/{table}", json=values)).status == 403
    grant("plain", "security_admin")
    await made(user, RULE, **values)
    assert await read(user, RULE) != []


@pytest.mark.long
async def test_rules_go_with_their_table(client: Client, user: Client) -> None:
    """The next table of that name has none."""
    table = await made(client, "sys_db_object", name="u_box", label="Box")
    await made(client, RULE, name="u_box", operation="read", condition="sys_id=x")
    await made(client, RULE, name="u_box.sys_id", operation="read", condition="sys_id=x")
    assert (await client.delete(f"/api/now/table/sys_db_object/{table}")).status == 204
    assert await read(client, RULE, sysparm_query="nameSTARTSWITHu_box") == []
    await made(client, "sys_db_object", name="u_box", label="Box")
    await made(user, "u_box")
    assert len(await read(user, "u_box")) == 1


async def test_each_of_many_rules_for_all_columns_acts(
    client: Client, user: Client, instance: Instance, journal: Journal, grant: Callable[[str, str], None]
) -> None:
    """A rule for all columns costs as much as one for a single column."""
    with instance.transaction(instance.system) as session:
        last = session.insert("sys_user_role", {"name": "last"}).sys_id
        for number in range(900):
            rule = f"{number:032}"
            session.store_rows(RULE, [{"sys_id": rule, "name": "incident.*", "operation": "read"}])
            needed = last if number == 899 else f"none{number}"
            session.store_rows(ROLE, [{"sys_id": f"{number:x<32}", "sys_security_acl": rule, "sys_user_role": needed}])
        session.insert("incident", {"short_description": "Lamp"})
    await made(client, RULE, name="incident", operation="read")
    assert "short_description" not in (await read(user, "incident"))[0]
    grant("plain", "last")
    assert "short_description" in (await read(user, "incident"))[0]
    assert [finding.message for _, finding in journal.findings() if finding.rule == "definition-ignored"] == []


async def test_rules_of_parents(client: Client, user: Client, create: Create) -> None:
    """A rule of a column precedes those for all, even a parent's; a parent's rule for all counts for every column."""
    create("incident", short_description="Lamp", category="software", description="Dark")
    clerk = create("sys_user_role", name="clerk")
    every = await made(client, RULE, name="task.*", operation="read")
    await made(client, ROLE, sys_security_acl=every, sys_user_role=clerk)
    await made(client, RULE, name="task.description", operation="read")
    lamp = (await read(user, "incident", sysparm_fields="sys_id,short_description,category,description"))[0]
    assert lamp.keys() == {"sys_id", "description"}
    every = await made(client, RULE, name="incident.*", operation="read")
    lamp = (await read(user, "incident", sysparm_fields="sys_id,short_description,category,description"))[0]
    assert lamp.keys() == {"sys_id", "short_description", "category", "description"}
    await made(client, ROLE, sys_security_acl=every, sys_user_role=clerk)
    lamp = (await read(user, "incident", sysparm_fields="sys_id,short_description,category,description"))[0]
    assert lamp.keys() == {"sys_id", "description"}


@pytest.mark.long
async def test_a_thousand_rules_act(client: Client, instance: Instance, swallowed: Swallowed) -> None:
    """More are findings."""
    with instance.transaction(instance.system) as session:
        rules = ({"sys_id": f"{number:032}", "name": "cmn_department", "operation": "read"} for number in range(1_000))
        session.store_rows(RULE, rules)
    await made(client, RULE, name="cmn_department", operation="read", condition="name=Legal")
    assert "definition-ignored" in swallowed()


async def test_a_role_of_an_own_rule_can_be_taken_back(client: Client, create: Create) -> None:
    """Those of rules that ship are kept."""
    rule = await made(client, RULE, name="cmn_department", operation="read")
    role = await made(client, ROLE, sys_security_acl=rule, sys_user_role=create("sys_user_role", name="clerk"))
    assert (await client.delete(f"/api/now/table/{ROLE}/{role}")).status == 204
